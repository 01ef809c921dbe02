"""Several files as one job: an output for each, and what is finished is not done again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rubriek.errors import FileError, OptionError
from rubriek.jobs import manifest
from rubriek.jobs.disk import explained, replacing
from rubriek.jobs.folder import clear_removed, remove
from rubriek.jobs.job import Job, Report
from rubriek.jobs.lock import locked
from rubriek.jobs.output import check_output, errors_file, job_folder
from rubriek.jobs.runner import OnProgress, OnStart, checked, run
from rubriek.statistics import Statistics

if TYPE_CHECKING:
    from rubriek.classifier import Classifier


@dataclass(frozen=True)
class SeveralReport(Report):
    """What was done.

    Attributes
    ----------
    files : int
        How many there are.
    finished_files : int
        How many of them an earlier, interrupted run had finished.
    """

    files: int
    finished_files: int


def run_several(
    jobs: Sequence[Job],
    folder: Path,
    classifier: Classifier,
    *,
    restart: bool = False,
    on_start: OnStart = lambda rows, finished: None,
    on_progress: OnProgress = lambda statistics: None,
) -> SeveralReport:
    """Classify files, each into a file of its own in one folder.

    All of them are checked before the first is begun. Until all are finished ``FOLDER.job`` lists those that
    are, and a run that goes on leaves them alone.

    Parameters
    ----------
    jobs : sequence of Job
        What is to be done; the outputs are files in ``folder``.
    folder : Path
        Made if need be.
    classifier : Classifier
        What does it.
    restart : bool, default False
        Throw away what an interrupted run has finished.
    on_start, on_progress : callable, optional
        As for `run`, over all files.

    Returns
    -------
    SeveralReport

    Raises
    ------
    OptionError
        If two files would be written to one place.
    RubriekError
        As for `run`, before anything is classified where that can be known.
    """
    _check_apart(jobs)
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise FileError(f"{folder} is not a folder.", hint="name a folder with -o") from error
    except FileNotFoundError as error:
        raise FileError(f"There is no folder {folder.parent}.", hint="make it first") from error
    record = job_folder(folder)
    with explained(folder), locked(record):
        clear_removed(record)
        finished = _Finished(record)
        if restart:
            finished.forget()
        try:
            report = _run_all(jobs, folder, classifier, finished, restart, on_start, on_progress)
        except BaseException:
            if not finished.any():
                remove(record)
            raise
        remove(record)
        return report


def _run_all(
    jobs: Sequence[Job],
    folder: Path,
    classifier: Classifier,
    finished: _Finished,
    restart: bool,
    on_start: OnStart,
    on_progress: OnProgress,
) -> SeveralReport:
    before = {_path(job): finished.report(job, classifier) for job in jobs}
    rows = 0
    for job in jobs:
        if before[_path(job)] is None:
            check_output(_path(job), job.source.path)
            rows += checked(job, classifier, lambda problem: None)[0].rows
    reports = [report for report in before.values() if report is not None]
    done = sum(report.rows for report in reports)
    on_start(rows + done, done)
    resumed, previews, total = done, [], Statistics()
    for report in reports:
        total += report.statistics
    for job in jobs:
        if before[_path(job)] is None:
            report = run(job, classifier, restart=restart, on_progress=_after(total, on_progress))
            finished.add(job, classifier, report)
            total += report.statistics
            resumed += report.resumed_rows
            previews.append(report.preview)
            reports.append(report)
    skipped = sum(report.skipped for report in reports)
    return SeveralReport(
        rows=sum(report.rows for report in reports),
        resumed_rows=resumed,
        skipped=skipped,
        errors=errors_file(folder / "*") if skipped else None,
        statistics=total,
        preview=next((preview for preview in previews if preview.num_rows), pa.table({})),
        files=len(jobs),
        finished_files=len(jobs) - len(previews),
    )


class _Finished:
    """The folder that says which files are finished: a record for each, written when its output is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def report(self, job: Job, classifier: Classifier) -> Report | None:
        """Return what an earlier run did with a file; None if it is not finished or its output is gone."""
        file = self._file(job)
        if not file.exists():
            return None
        record = manifest.read_record(file)
        try:
            manifest.check_same(self._folder, record["asked"], manifest.of_job(job, classifier))
            if record["output"] != _stamp(_path(job)):
                return None
            return Report(
                rows=int(record["rows"]),
                resumed_rows=int(record["rows"]),
                skipped=int(record["skipped"]),
                errors=None,
                statistics=Statistics.from_dict(record["statistics"]),
                preview=pa.table({}),
            )
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise manifest.damaged(file, error) from error

    def add(self, job: Job, classifier: Classifier, report: Report) -> None:
        """Write down that a file is finished."""
        record: Mapping[str, Any] = {
            "asked": manifest.of_job(job, classifier),
            "output": _stamp(_path(job)),
            "rows": report.rows,
            "skipped": report.skipped,
            "statistics": report.statistics.to_dict(),
        }
        with replacing(self._file(job)) as stream:
            stream.write(json.dumps(record, ensure_ascii=False).encode())

    def forget(self) -> None:
        """Remove the records."""
        for file in self._records():
            file.unlink()

    def any(self) -> bool:
        """Tell whether a file is finished."""
        return any(self._records())

    def _records(self) -> Iterator[Path]:
        return self._folder.glob("*.finished")

    def _file(self, job: Job) -> Path:
        return self._folder / f"{_path(job).name}.finished"


def _check_apart(jobs: Sequence[Job]) -> None:
    taken: dict[str, Job] = {}
    for job in jobs:
        # Some file systems know no case.
        other = taken.setdefault(str(_path(job)).casefold(), job)
        if other is not job:
            raise OptionError(
                f"{other.source.name} and {job.source.name} would both be written to {_path(job)}.",
                expected="inputs whose names differ by more than their folder, suffix and case",
                hint="classify them one after the other, each into a folder of its own",
            )


def _path(job: Job) -> Path:
    assert isinstance(job.output, Path)
    return job.output


def _stamp(path: Path) -> list[int] | None:
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        return [status.st_size, status.st_mtime_ns]
    return None


def _after(total: Statistics, on_progress: OnProgress) -> OnProgress:
    """Count on from what the files before took."""
    before = Statistics()
    before += total

    def progressed(statistics: Statistics) -> None:
        so_far = Statistics()
        so_far += before
        so_far += statistics
        on_progress(so_far)

    return progressed
