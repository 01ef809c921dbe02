"""``rubriek classify --spark``: the session, and what is asked of `rubriek.spark.job`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rubriek.cli.summary import Summary, files_shown
from rubriek.errors import need

if TYPE_CHECKING:
    from rubriek.spark.job import SparkReport

_LOCAL_ONLY = {
    "output_format": "--format means nothing with --spark, which reads and writes Parquet.",
    "input_format": "--input-format means nothing with --spark, which reads and writes Parquet.",
    "encoding": "--encoding means nothing with --spark, which reads Parquet.",
    "threads": "--threads means nothing with --spark: a task has as many as spark.task.cpus says.",
    "scores": "--scores means nothing with --spark, which writes all in one column.",
    "on_error": "--on-error means nothing with --spark: Parquet has no malformed rows.",
}
"""Options without a meaning on Spark, and why; each is None or ``"stop"`` where it was not given."""


@dataclass(frozen=True)
class SparkSummary(Summary):
    """A finished run on Spark.

    Attributes
    ----------
    report : SparkReport
        What the job did.
    master : str
        Where it ran.
    """

    report: SparkReport
    master: str

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values; rates are of the wall time of this run."""
        values = super().to_dict()
        del values["threads"]
        return values | {
            "documents_per_second": self._rate(self.report.rows - self.report.resumed_rows),
            "tokens_per_second": self._rate(self.report.statistics.tokens - self.report.resumed_tokens),
            "files": self.report.files,
            "finished_files": self.report.finished_files,
            "master": self.master,
        }

    def _facts(self) -> dict[str, str | None]:
        report = self.report
        documents = self._rate(report.rows - report.resumed_rows)
        tokens = self._rate(report.statistics.tokens - report.resumed_tokens)
        return super()._facts() | {
            "documents": f"{report.rows:,}" + (f" ({documents:,.0f} a second)" if documents else ""),
            "real tokens": f"{report.statistics.tokens:,}" + (f" ({tokens:,.0f} a second)" if tokens else ""),
            "files": files_shown(report.files, report.finished_files),
            "engine": f"{self.classifier.engine.name}, {self.classifier.engine.precision}",
            "spark": self.master,
        }

    def _rate(self, count: int) -> float:
        return count / self.seconds if self.seconds else 0.0


def classify_on_spark(
    inputs: Sequence[str],
    output: str | None,
    text_columns: Sequence[str],
    settings: dict[str, Any],
    *,
    master: str | None,
    restart: bool,
    quiet: bool,
) -> SparkSummary:
    """Run a job on Spark, and sum it up.

    Parameters
    ----------
    inputs : sequence of str
        Folders and files of Parquet.
    output : str, optional
        A folder; there is no default.
    text_columns : sequence of str
        As the user named them; none: the first file decides.
    settings : dict
        The other options of the command.
    master : str, optional
        Where Spark runs.
    restart, quiet : bool
        As for a local run.

    Raises
    ------
    click.UsageError
        If an option has no meaning on Spark, or the output is missing.
    """
    for name, why in _LOCAL_ONLY.items():
        if settings.pop(name) not in (None, "stop"):
            raise click.UsageError(why)
    if output is None or output == "-":
        raise click.UsageError("--spark writes a folder: name it with -o.")
    import rubriek
    from rubriek.cli.progress import progress
    from rubriek.files.text_columns import choose_text_columns
    from rubriek.spark import job as jobs
    from rubriek.spark.folders import find_inputs

    prefix = settings.pop("prefix")
    loaded = {name: settings.pop(name) for name in ("engine", "precision")}
    options = {name: value for name, value in settings.items() if value is not None}
    classifier = rubriek.load(options.pop("model"), threads=1, **loaded, **options)
    first, *_ = find_inputs(inputs)
    columns = choose_text_columns(first.survey(), text_columns)
    with _session(master) as session:
        job = jobs.SparkJob(inputs, output, columns, prefix)
        start = time.perf_counter()
        try:
            with progress(quiet=quiet) as shown:
                started, progressed = shown.started, shown.progressed
                report = jobs.run(
                    session, job, classifier, restart=restart, on_start=started, on_progress=progressed
                )
        except KeyboardInterrupt:
            click.echo("Files that are finished are kept; the same command goes on after them.", err=True)
            raise
        seconds = time.perf_counter() - start
        where = _master(session, master)
    return SparkSummary(report, classifier, " ".join(inputs), columns, prefix, output, seconds, where)


def _master(session: Any, asked: str | None) -> str:
    """Say where Spark runs. A session that is joined may hold a setting that came too late to have effect."""
    from rubriek.spark.distribution import is_connect

    if is_connect(session):
        return str(session.conf.get("spark.master", asked or "Spark Connect"))
    return str(session.sparkContext.master)


@contextmanager
def _session(master: str | None) -> Iterator[Any]:
    """Start a session, or join the one that spark-submit has made; stop it at the end."""
    from rubriek.spark.distribution import is_connect

    sql = need("pyspark.sql", extra="spark", purpose="rubriek classify --spark")
    builder = sql.SparkSession.builder.appName("rubriek-classify")
    if master is not None and master.startswith("sc://"):
        builder = builder.remote(master)
    else:
        if master is None or master.startswith("local"):
            # Workers on this machine run in this very environment.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder if master is None else builder.master(master)
        builder = builder.config("spark.ui.showConsoleProgress", "false")
    # A value in a folder's name, like year=2024, stays as it is written: another file may say year=onbekend.
    session = builder.config("spark.sql.sources.partitionColumnTypeInference.enabled", "false").getOrCreate()
    if not is_connect(session):
        session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()
