"""The run of a job: survey the input, work part by part, put the parts together."""

from __future__ import annotations

import copy
import dataclasses
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from rubriek import frames, results
from rubriek.errors import JobError, TextTooLongError
from rubriek.files.lines import Problem
from rubriek.files.sinks import open_sink
from rubriek.files.sources import Survey
from rubriek.jobs import manifest
from rubriek.jobs.batches import KeptBatches, keeping
from rubriek.jobs.disk import explained, followed
from rubriek.jobs.folder import JobFolder, remove
from rubriek.jobs.job import Job, Report
from rubriek.jobs.lock import locked
from rubriek.jobs.output import check_output, job_folder, put_together
from rubriek.jobs.scratch import room_explained, scratch_folder
from rubriek.statistics import Statistics

if TYPE_CHECKING:
    from rubriek.classifier import Classifier

OnStart: TypeAlias = Callable[[int, int], None]
OnProgress: TypeAlias = Callable[[Statistics], None]
Attach: TypeAlias = Callable[[pa.Table], pa.Table]

_PREVIEW_ROWS = 10


def run(
    job: Job,
    classifier: Classifier,
    *,
    restart: bool = False,
    on_start: OnStart = lambda rows, finished: None,
    on_progress: OnProgress = lambda statistics: None,
) -> Report:
    """Classify a file.

    The output has each readable row of the input once, in order, whatever happens on the way, and its bytes
    do not depend on how often the run was interrupted.

    Parameters
    ----------
    job : Job
        What is to be done.
    classifier : Classifier
        What does it.
    restart : bool, default False
        Throw away what an interrupted run has finished.
    on_start : callable, optional
        Called once with the number of rows and how many of them are finished already.
    on_progress : callable, optional
        Called with the statistics so far, after every batch.

    Returns
    -------
    Report

    Raises
    ------
    MalformedRowError
        If a row cannot be read and ``on_error`` is ``"stop"``; nothing was classified or replaced.
    JobError
        If an unfinished job with other settings is in the way, another process works on it, the input changes
        meanwhile, or the disk is full.
    ColumnError
        If a result column has the name of a column of the input.
    FileError
        If the output's format cannot hold a column's type.
    """
    if not isinstance(job.output, Path):
        with scratch_folder() as temporary, room_explained():
            return _run(job, classifier, JobFolder(temporary), restart, on_start, on_progress)
    # A link to the output stays a link: what it points to is replaced.
    output = followed(job.output)
    job = dataclasses.replace(job, output=output)
    check_output(output, job.source.path)
    folder = job_folder(output)
    with explained(output), locked(folder):
        try:
            report = _run(job, classifier, JobFolder(folder), restart, on_start, on_progress)
        except BaseException:
            JobFolder(folder).remove_if_empty()
            raise
        remove(folder)
        return report


def _run(
    job: Job,
    classifier: Classifier,
    folder: JobFolder,
    restart: bool,
    on_start: OnStart,
    on_progress: OnProgress,
) -> Report:
    before = _stamp(job.source.path)
    skipped, survey, empty = _checked(job, classifier, folder)
    parts = folder.begin(manifest.of_job(job, classifier), restart=restart)
    total = Statistics()
    for part in parts:
        total += part.statistics
    finished = sum(part.rows for part in parts)
    on_start(survey.rows, finished)
    tables = job.source.tables(survey, job.text_columns, start=finished)
    with keeping(classifier.engine, folder.path, len(parts)) as batches:
        tables = _begun(tables, batches, len(parts))
        for table, statistics in _answered(job, _through(batches, classifier), tables, total, on_progress):
            seconds = batches.taken_seconds()
            for counted in (statistics, total):
                counted.seconds["engine"] += seconds
            parts.append(folder.add(len(parts), table, statistics))
            batches.finished(len(parts) - 1)
    resumed = min(finished + batches.taken_rows, survey.rows)
    if _stamp(job.source.path) != before:
        raise JobError(
            f"{job.source.name} was changed while it was read.",
            hint="wait until it is complete, then start anew with --restart",
        )
    rows = sum(part.rows for part in parts)
    preview = folder.read(parts[0]).slice(0, _PREVIEW_ROWS) if parts else empty
    errors = put_together(job, folder, parts, empty.schema, skipped)
    return Report(rows, resumed, skipped, errors, total, preview)


def checked(
    job: Job, classifier: Classifier, on_skipped: Callable[[Problem], None]
) -> tuple[Survey, pa.Table]:
    """Read every row once, and try what comes of none, so that errors stop a run before hours of work.

    Parameters
    ----------
    job, classifier
        What is to be done, and what does it.
    on_skipped : callable
        Takes each row that is left out.

    Returns
    -------
    Survey
        Of the input.
    pa.Table
        An output without rows.
    """

    def on_problem(problem: Problem) -> None:
        if job.on_error == "stop":
            raise problem.error()
        on_skipped(problem)

    survey = job.source.survey(job.text_columns, on_problem)
    nothing = [survey.schema.empty_table()]
    ((empty, _),) = _answered(job, classifier, nothing, Statistics(), lambda statistics: None)
    with open_sink(io.BytesIO(), empty.schema, job.format) as sink:
        sink.write(empty)  # a column that the format cannot hold
    return survey, empty


def _checked(job: Job, classifier: Classifier, folder: JobFolder) -> tuple[int, Survey, pa.Table]:
    """Check a job, and list the rows that are left out; return their number, too."""
    skipped = 0
    # A file's name need not be UTF-8; JSON can hold it escaped.
    with (folder.path / "errors.jsonl").open("w", encoding="utf-8", errors="backslashreplace") as file:

        def on_skipped(problem: Problem) -> None:
            nonlocal skipped
            skipped += 1
            file.write(problem.to_json() + "\n")

        survey, empty = checked(job, classifier, on_skipped)
    return skipped, survey, empty


def _through(batches: KeptBatches, classifier: Classifier) -> Classifier:
    """Return the classifier with an engine that keeps its batches."""
    through = copy.copy(classifier)
    through.engine = batches
    return through


def _begun(tables: Iterable[pa.Table], batches: KeptBatches, part: int) -> Iterator[pa.Table]:
    """Say which part begins, before the table that becomes it is read."""
    for number, table in enumerate(tables, part):
        batches.begin(number)
        yield table


def _answered(
    job: Job, classifier: Classifier, tables: Iterable[pa.Table], total: Statistics, on_progress: OnProgress
) -> Iterator[tuple[pa.Table, Statistics]]:
    """Classify tables one after the other; yield each with its answers, and what they added to the total."""
    begun: deque[tuple[Attach, Statistics]] = deque()
    read = total.documents

    def columns() -> Iterator[tuple[pa.ChunkedArray, Statistics]]:
        nonlocal read
        for table in tables:
            texts = frames.read(table, job.text_columns, job.prefix)
            statistics = Statistics(on_progress=_progress(total, table.num_rows, on_progress))
            (column,) = texts.chunks
            assert texts.attach is not None
            begun.append((texts.attach, statistics))
            yield column, statistics
            read += table.num_rows

    try:
        for answers in classifier.classify_each(columns(), **job.options):
            attach, statistics = begun.popleft()
            total += statistics
            yield attach(results.with_scores(answers, job.scores)), statistics
    except TextTooLongError as error:
        # The classifier counts within the rows that it was given.
        before = f"{job.source.name}, counting after row {read}: " if read else ""
        raise TextTooLongError(
            before + error.message, expected=error.expected, found=error.found, hint=error.hint
        ) from error


def _progress(total: Statistics, rows: int, on_progress: OnProgress) -> OnProgress:
    """Make what follows a table: its statistics outlive it, and must not keep it in memory."""

    def progressed(statistics: Statistics) -> None:
        so_far = Statistics()
        so_far += total
        so_far += statistics
        # Documents are counted when all rows of a table are answered; sequences show how far it is.
        so_far.documents = total.documents + max(statistics.documents, min(rows, statistics.windows))
        on_progress(so_far)

    return progressed


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
