"""What a run is summed up as: for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rubriek.cli.terminal import Screen, bars, facts, table
from rubriek.engines import stored
from rubriek.engines.cpu import int8_kernel

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.engines import Precision
    from rubriek.jobs import Report

_SHOWN_ROWS = 8
_NO_LABEL = "no text has a label over its threshold"


@dataclass(frozen=True)
class Summary:
    """A finished run.

    Attributes
    ----------
    report : Report
        What the job did.
    classifier : Classifier
        What did it.
    source : str
        The input as the user named it.
    text_columns : tuple of str
        Where the texts were.
    prefix : str
        Of the result columns.
    output : Path, str or None
        Where the results are, a str where that is a folder of Spark's; None: they went to stdout.
    seconds : float
        Wall time of this run, loading the model left out.
    notes : tuple of str
        What was found about the input: its encoding and its delimiter, where they are not the usual ones.
    """

    report: Report
    classifier: Classifier
    source: str
    text_columns: tuple[str, ...]
    prefix: str
    output: Path | str | None
    seconds: float
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        report, engine = self.report, self.classifier.engine
        return {
            "input": self.source,
            "input_notes": list(self.notes),
            "output": None if self.output is None else str(self.output),
            "errors": None if report.errors is None else str(report.errors),
            "rows": report.rows,
            "resumed_rows": report.resumed_rows,
            "skipped_rows": report.skipped,
            "text_columns": list(self.text_columns),
            "model": self.classifier.bundle.name,
            "engine": engine.name,
            "precision": engine.precision,
            "threads": engine.threads,
            "wall_seconds": self.seconds,
            **report.statistics.to_dict(),
            **self._files,
        }

    @property
    def _files(self) -> dict[str, int]:
        """How many files there are and were finished before, where there are several."""
        from rubriek.jobs import SeveralReport

        report = self.report
        if not isinstance(report, SeveralReport):
            return {}
        return {"files": report.files, "finished_files": report.finished_files}

    def lines(self, screen: Screen) -> list[str]:
        """Return it as lines for a terminal: some rows, the numbers, the labels."""
        blocks = [self._preview(screen), facts(self._facts()), self._labels(screen)]
        return [line for block in blocks if block for line in ["", *block]]

    def _facts(self) -> dict[str, str | None]:
        report, statistics, engine = self.report, self.report.statistics, self.classifier.engine
        return {
            "documents": f"{report.rows:,} ({statistics.documents_per_second:,.0f} a second)",
            "real tokens": f"{statistics.tokens:,} ({statistics.tokens_per_second:,.0f} a second)",
            "padding": f"{100 * statistics.padding_share:.1f} % of all positions",
            "duplicates": f"{statistics.duplicates:,} answered once",
            "truncated": self._truncated(),
            "without text": f"{statistics.nulls:,} null, {statistics.empty:,} empty",
            "skipped": f"{report.skipped:,} malformed rows, listed in {report.errors or 'the log above'}"
            if report.skipped
            else None,
            "resumed": f"{report.resumed_rows:,} rows were finished by an earlier run"
            if report.resumed_rows
            else None,
            "model": self.classifier.bundle.name,
            "engine": f"{engine.name}, {_computed(engine.precision)}, {_counted(engine.threads, 'thread')}",
            "text": " + ".join(self.text_columns),
            "input": ", ".join(self.notes) or None,
            "files": files_shown(**self._files) if self._files else None,
            "output": "stdout" if self.output is None else str(self.output),
        }

    def _truncated(self) -> str:
        truncated = self.report.statistics.truncated
        return f"{truncated:,}" + (" (--overflow windows reads such texts whole)" if truncated else "")

    def _labels(self, screen: Screen) -> list[str]:
        statistics = self.report.statistics
        if not self._is_multi_label:
            return bars(dict(statistics.labels.most_common()), screen)
        over = dict(statistics.over_threshold.most_common())
        heading = "labels over their thresholds (a text may have several, or none)" if over else _NO_LABEL
        return [click.style(heading, bold=True), *bars(over, screen, total=statistics.documents)]

    @property
    def _is_multi_label(self) -> bool:
        return self.classifier.bundle.problem_type == "multi_label_classification"

    def _preview(self, screen: Screen) -> list[str]:
        shown = self.report.preview.slice(0, _SHOWN_ROWS)
        if not shown.num_rows:
            return []
        name = "title" if "title" in shown.column_names else self.text_columns[0]
        none = "–" if screen.unicode else "-"
        columns = {name: [none if text is None else str(text) for text in shown[name].to_pylist()]}
        if self._is_multi_label:
            labels = shown[self.prefix + "labels"].to_pylist()
            columns["labels"] = [", ".join(over or []) or none for over in labels]
        else:
            columns["label"] = [label or none for label in shown[self.prefix + "label"].to_pylist()]
            if self.prefix + "score" in shown.column_names:
                scores = shown[self.prefix + "score"].to_pylist()
                columns["score"] = [none if score is None else f"{score:.2f}" for score in scores]
        header, *lines = table(list(zip(*columns.values(), strict=True)), screen, header=list(columns))
        return [click.style(header, bold=True), *lines]


def files_shown(files: int, finished_files: int) -> str:
    """Say how many files there are, and how many of them were finished before."""
    return f"{files:,}" + (f", {finished_files:,} finished by an earlier run" if finished_files else "")


def _computed(precision: Precision) -> str:
    """Name the precision, and for int8 the instructions that decide how fast it is."""
    return f"{precision} on {int8_kernel()}" if stored(precision) == "int8" else precision


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
