"""``rubriek classify``: a file in, the same file with labels out."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
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

if TYPE_CHECKING:
    from rubriek.cli.places import Target
    from rubriek.cli.summary import Summary
    from rubriek.files.formats import Format
    from rubriek.files.sources import Source
    from rubriek.jobs import OnError

_FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow")


@click.command(short_help="Label the texts of a file.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where the results go; - is stdout; with --spark a folder. "
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

    A run that was interrupted or killed goes on where it was when the same command is given again; until then
    its finished parts lie in OUTPUT.job. OUTPUT is replaced when all is done, and not before.

    With --spark, INPUT is one or more folders or files of Parquet (paths that every node sees, or URLs), and
    OUTPUT a folder that gets a folder input_file=NAME for each file. Files that are finished there are left
    alone: run again, a job adds what is new and goes on where it was killed.

    \b
    Examples:
      rubriek classify news.csv
      rubriek classify news.csv -t title,text -o labelled.parquet
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

        options = {**formats, **run, **settings}
        summary = classify_on_spark(
            inputs, output, text_columns, options, master=master, restart=restart, quiet=quiet
        )
    else:
        if master is not None:
            raise click.UsageError("--master goes with --spark.")
        if len(inputs) > 1:
            raise click.UsageError("Several inputs go with --spark; otherwise it is one at a time.")
        summary = _classify_here(
            inputs[0],
            output,
            text_columns,
            formats,
            run,
            settings,
            restart=restart,
            quiet=quiet,
            as_json=as_json,
        )
    if as_json:
        click.echo(json.dumps(summary.to_dict(), ensure_ascii=False))
    elif not quiet:
        _show(summary, to_stderr=summary.output is None)


def _classify_here(
    input: str,
    output: str | None,
    text_columns: Sequence[str],
    formats: Mapping[str, Any],
    run: Mapping[str, Any],
    settings: dict[str, Any],
    *,
    restart: bool,
    quiet: bool,
    as_json: bool,
) -> Summary:
    from rubriek.cli.places import opened_source, opened_target
    from rubriek.files.text_columns import choose_text_columns

    with (
        opened_source(input, formats["input_format"], formats["encoding"]) as source,
        opened_target(source, input, output, formats["output_format"]) as target,
    ):
        if as_json and target.path is None:
            raise click.UsageError("--json prints on stdout, where the results go: name a file with -o.")
        columns = choose_text_columns(source, text_columns)
        return _run(source, target, columns, run, settings, restart=restart, quiet=quiet)


def _run(
    source: Source,
    target: Target,
    columns: Sequence[str],
    run: Mapping[str, Any],
    settings: dict[str, Any],
    *,
    restart: bool,
    quiet: bool,
) -> Summary:
    import rubriek
    from rubriek import jobs
    from rubriek.cli.progress import progress
    from rubriek.cli.summary import Summary

    loaded = {name: settings.pop(name) for name in ("engine", "precision", "threads")}
    classifier = rubriek.load(settings.pop("model"), **loaded)
    options = {name: value for name, value in settings.items() if value is not None}
    job = jobs.Job(
        source, target.place, target.format, columns, compression=target.compression, options=options, **run
    )
    start = time.perf_counter()
    try:
        with progress(quiet=quiet) as shown:
            report = jobs.run(
                job, classifier, restart=restart, on_start=shown.started, on_progress=shown.progressed
            )
    except KeyboardInterrupt:
        if target.path is not None and jobs.job_folder(target.path).exists():
            click.echo(f"The same command goes on from {jobs.job_folder(target.path)}.", err=True)
        raise
    seconds = time.perf_counter() - start
    return Summary(
        report,
        classifier,
        source.name,
        tuple(columns),
        job.prefix,
        target.path,
        seconds,
        notes=source.notes,
    )


def _show(summary: Summary, *, to_stderr: bool) -> None:
    from rubriek.cli.terminal import Screen

    for line in summary.lines(Screen.of(sys.stderr if to_stderr else sys.stdout)):
        click.echo(line, err=to_stderr)
