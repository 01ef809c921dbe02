"""``rubriek classify``: a file in, the same file with labels out."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rubriek.cli.options import (
    encoding_option,
    engine_option,
    max_length_option,
    model_option,
    precision_option,
    text_column_option,
    threads_option,
)
from rubriek.cli.stopping import terminable
from rubriek.cli.terminal import print_json

if TYPE_CHECKING:
    from rubriek.cli.places import Target
    from rubriek.cli.summary import Summary
    from rubriek.files.formats import Format
    from rubriek.files.sources import Source
    from rubriek.jobs import Job, OnError, Report
    from rubriek.results import Scores

_FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow")
SCORES = ("none", "best", "all", "wide")
_LOADED = ("model", "engine", "precision", "threads")
"""Settings of the classifier; the others are of the prediction."""


@click.command(short_help="Label the texts of a file.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="PLACE",
    help="Where the results go: a file, - for stdout, or a folder for several inputs and with --spark. "
    "[default: beside INPUT, as NAME.classified.EXT]",
)
@text_column_option
@model_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(_FORMATS),
    help="Format of the output. [default: what its name says, else the input's]",
)
@click.option(
    "--input-format",
    type=click.Choice([*_FORMATS, "lines"]),
    help="Format of the input. [default: what its name says; lines for stdin]",
)
@encoding_option
@click.option("--prefix", default="", metavar="TEXT", help="Put before the names of the result columns.")
@click.option(
    "--scores",
    type=click.Choice(SCORES),
    help="Columns of scores: none, the best label's (score), that and all in one (scores), or that and one "
    "for each label (score_LABEL). [default: all]",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    metavar="N",
    help="Add the column top: the N best labels with their scores.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Multi-label models: score from which a label counts. [default: the model's]",
)
@max_length_option()
@click.option(
    "--overflow",
    type=click.Choice(["truncate", "error", "windows"]),
    default="truncate",
    show_default=True,
    help="Longer texts: cut them (and say so in the column truncated), stop, or read them whole in windows.",
)
@click.option(
    "--stride",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --overflow windows: pieces from one window to the next. [default: 3/4 of a window]",
)
@engine_option
@precision_option
@threads_option()
@click.option(
    "--token-budget",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most positions (rows x longest row) in a batch. [default: the engine's]",
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Malformed rows: stop before any work, or leave them out and list them in OUTPUT.errors.jsonl.",
)
@click.option("--restart", is_flag=True, help="Throw away what an interrupted run has finished.")
@click.option("--spark", is_flag=True, help="Classify folders and files of Parquet on Spark.")
@click.option(
    "--master",
    metavar="URL",
    help="With --spark: where it runs, like local[4], yarn, k8s://... or sc://... "
    "[default: as Spark is set up, else all cores of this machine]",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the summary as one JSON object on stdout, and nothing else there.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but warnings and errors.")
def classify(
    inputs: tuple[str, ...],
    output: str | None,
    output_format: Format | None,
    input_format: Format | None,
    encoding: str | None,
    text_columns: tuple[str, ...],
    prefix: str,
    scores: Scores | None,
    on_error: OnError,
    restart: bool,
    spark: bool,
    master: str | None,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Classify the texts of INPUT and write it again with the results as further columns.

    INPUT is a CSV (delimited by commas, semicolons, tabs or |), TSV, JSONL, Parquet, Arrow/Feather or plain
    text file (one text a line), or - for stdin; text formats may be compressed with gzip, zstd or bzip2. Its
    columns stay as they are; added are label, score, scores (of all labels), tokens, truncated, windows and
    empty.

    Several files, or a pattern in quotes, are one job: each becomes a file of its name in the folder OUTPUT.

    A run that was interrupted or killed goes on where it was when the same command is given again; until then
    what it has done lies in OUTPUT.job. OUTPUT is replaced when all is done, and not before.

    With --spark, INPUT is one or more folders or files of Parquet (paths that every node sees, or URLs), and
    OUTPUT a folder that gets a folder input_file=NAME for each file. Files that are finished there are left
    alone: run again, a job adds what is new and goes on where it was killed.

    \b
    Examples:
      rubriek classify news.csv
      rubriek classify news.csv -t title,text -o labelled.parquet
      rubriek classify 2026-*.parquet -o labelled/ --scores wide
      rubriek classify archive.jsonl.gz --model ./my-model --overflow windows --on-error skip
      zcat news.txt.gz | rubriek classify - --format jsonl > labelled.jsonl
      rubriek classify articles/ -o labelled/ --spark --master yarn
    """  # noqa: D301 -- click reads \b
    if quiet:
        logging.getLogger("rubriek").setLevel(logging.WARNING)
    run = {"prefix": prefix, "on_error": on_error}
    formats = {"input_format": input_format, "output_format": output_format, "encoding": encoding}
    summary: Summary
    if spark:
        from rubriek.cli.spark import classify_on_spark

        options = {**formats, **run, "scores": scores, **settings}
        summary = classify_on_spark(
            inputs, output, text_columns, options, master=master, restart=restart, quiet=quiet
        )
    else:
        if master is not None:
            raise click.UsageError("--master goes with --spark.")
        run["scores"] = scores or "all"
        asked = _Asked(text_columns, formats, run, settings, restart=restart, quiet=quiet, as_json=as_json)
        with terminable():
            summary = _classify_here(inputs, output, asked)
    if as_json:
        print_json(summary.to_dict())
    elif not quiet:
        _show(summary, to_stderr=summary.output is None)


@dataclass(frozen=True)
class _Asked:
    """What the command says beside its inputs and its output."""

    text_columns: Sequence[str]
    formats: Mapping[str, Any]
    run: Mapping[str, Any]
    settings: Mapping[str, Any]
    restart: bool
    quiet: bool
    as_json: bool

    def job(self, source: Source, target: Target) -> Job:
        """Make a job of an input and where it goes."""
        from rubriek.files.text_columns import choose_text_columns
        from rubriek.jobs import Job

        options = {name: value for name, value in self.settings.items() if name not in _LOADED}
        return Job(
            source,
            target.place,
            target.format,
            choose_text_columns(source, self.text_columns),
            compression=target.compression,
            options={name: value for name, value in options.items() if value is not None},
            **self.run,
        )


def _classify_here(inputs: Sequence[str], output: str | None, asked: _Asked) -> Summary:
    from rubriek.cli.places import expanded, is_folder, opened_source, opened_target
    from rubriek.jobs import run

    names = expanded(inputs)
    if len(names) > 1 or (output is not None and is_folder(output)):
        return _classify_several(names, output, asked)
    (name,) = names
    with (
        opened_source(name, asked.formats["input_format"], asked.formats["encoding"]) as source,
        opened_target(source, name, output, asked.formats["output_format"]) as target,
    ):
        if asked.as_json and target.path is None:
            raise click.UsageError("--json prints on stdout, where the results go: name a file with -o.")
        job = asked.job(source, target)
        return _run(partial(run, job), source.name, job.text_columns, target.path, asked, source.notes)


def _classify_several(names: Sequence[str], output: str | None, asked: _Asked) -> Summary:
    from rubriek.cli.places import sources_and_targets
    from rubriek.jobs import run_several

    if output is None or output == "-":
        raise click.UsageError("Several inputs go into a folder: name it with -o.")
    pairs = sources_and_targets(names, output, **asked.formats)
    jobs = [asked.job(source, target) for source, target in pairs]
    run = partial(run_several, jobs, Path(output))
    notes = [note for source, _ in pairs for note in source.notes]
    return _run(run, " ".join(names), jobs[0].text_columns, Path(output), asked, notes)


def _run(
    run: Callable[..., Report],
    source: str,
    columns: Sequence[str],
    output: Path | None,
    asked: _Asked,
    notes: Sequence[str],
) -> Summary:
    """Run a job, show how it gets on, and sum it up."""
    import rubriek
    from rubriek.cli.progress import progress
    from rubriek.cli.summary import Summary

    loaded = {name: asked.settings[name] for name in _LOADED}
    classifier = rubriek.load(loaded.pop("model"), **loaded)
    start = time.perf_counter()
    with progress(quiet=asked.quiet) as shown:
        try:
            report = run(
                classifier, restart=asked.restart, on_start=shown.started, on_progress=shown.progressed
            )
        except KeyboardInterrupt:
            if output is not None and shown.rows:
                shown.close()
                _tell_kept(shown.answered, shown.rows)
            raise
    seconds = time.perf_counter() - start
    return Summary(
        report,
        classifier,
        source,
        tuple(columns),
        asked.run["prefix"],
        output,
        seconds,
        notes=tuple(dict.fromkeys(notes)),
    )


def _tell_kept(answered: int, rows: int) -> None:
    """Say what an interrupted run has done: answers are kept as they come."""
    share = 100 * answered // rows
    click.echo(
        f"{answered:,} of {rows:,} rows ({share} %) are done and kept. The same command goes on from there.",
        err=True,
    )


def _show(summary: Summary, *, to_stderr: bool) -> None:
    from rubriek.cli.terminal import Screen

    for line in summary.lines(Screen.of(sys.stderr if to_stderr else sys.stdout)):
        click.echo(line, err=to_stderr)
