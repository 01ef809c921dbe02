"""A job on Spark: Parquet in, a folder of Parquet out, each input file once however often it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rubriek.errors import JobError, OptionError, need
from rubriek.jobs import Report, manifest
from rubriek.jobs.lock import locked
from rubriek.options import Options
from rubriek.spark.classification import answer_type
from rubriek.spark.files import classify_file, result_names
from rubriek.spark.folders import UNFINISHED, InputFile, OutputFolder, Place, find_inputs
from rubriek.spark.labels import Scores, check_names
from rubriek.spark.monitor import Monitor
from rubriek.spark.tasks import Work, planned
from rubriek.statistics import Statistics

if TYPE_CHECKING:
    from rubriek.classifier import Classifier

log = logging.getLogger(__name__)

MOST_AT_ONCE = 32
"""Files in work at the same time, so that small ones fill a cluster, too."""
PREVIEW_ROWS = 10
SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class SparkJob:
    """What is to be done.

    Attributes
    ----------
    inputs : sequence of str
        Folders and files of Parquet; see `rubriek.spark.folders.find_inputs`.
    output : str
        A folder; see `rubriek.spark.folders.OutputFolder`.
    text_columns : sequence of str
        Joined by a line break.
    prefix : str, default ""
        Before the names of the result columns.
    scores : {"struct", "map", "list"}, default "struct"
        What holds the scores of all labels; see `rubriek.spark.classify`.
    """

    inputs: Sequence[str]
    output: str
    text_columns: Sequence[str]
    prefix: str = ""
    scores: Scores = "struct"


@dataclass(frozen=True)
class SparkReport(Report):
    """What was done; as `rubriek.jobs.Report`, where seconds are those of all tasks together.

    Attributes
    ----------
    resumed_tokens : int
        Real pieces that went through the engine in earlier runs.
    files, finished_files : int
        Files of the input, and how many of them earlier runs had finished.
    """

    resumed_tokens: int
    files: int
    finished_files: int


def run(
    session: Any,
    job: SparkJob,
    classifier: Classifier,
    *,
    restart: bool = False,
    on_start: Callable[[int, int], None] = lambda rows, finished: None,
    on_progress: Callable[[Statistics], None] = lambda statistics: None,
) -> SparkReport:
    """Classify Parquet files on Spark.

    Each file becomes the folder ``input_file=NAME`` of the output, with its rows in their order. A file that
    is finished is left alone, so that a second run adds what is new, and a run that was killed goes on with
    the files it had not finished. A file that changed since is done again, in the place of its old result.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Classic or Connect.
    job : SparkJob
        What is to be done.
    classifier : Classifier
        What does it; its engine, precision and options are those of the workers.
    restart : bool, default False
        Do the files of this input again, whatever is there of them.
    on_start : callable, optional
        Called once with the number of rows and how many of them are finished already.
    on_progress : callable, optional
        Called with the statistics so far, twice a second; within a file only the documents are known.

    Returns
    -------
    SparkReport

    Raises
    ------
    FileError, OptionError
        If there is no input, or the output cannot be a folder.
    JobError
        If the output was made differently, another process works on it, or Spark fails on a file.
    ColumnError
        If a file lacks the texts, or a result column has the name of one of its columns.
    """
    need("pyspark.sql", extra="spark", purpose="A job on Spark")
    files = find_inputs(job.inputs)
    place = Place(job.output)
    for name in job.inputs:
        if f"{place.path}/".startswith(f"{Place(name).path}/"):
            raise OptionError(
                f"The output {job.output} lies inside the input {name}.",
                hint="a second run would take the results of the first for input: choose another folder (-o)",
            )
    output = OutputFolder(place)
    output.prepare()
    if place.local is None:
        return _run(session, job, classifier, files, output, restart, on_start, on_progress)
    with locked(place.local / UNFINISHED):
        return _run(session, job, classifier, files, output, restart, on_start, on_progress)


def _run(
    session: Any,
    job: SparkJob,
    classifier: Classifier,
    files: Sequence[InputFile],
    output: OutputFolder,
    restart: bool,
    on_start: Callable[[int, int], None],
    on_progress: Callable[[Statistics], None],
) -> SparkReport:
    check_names(session, answer_type(classifier, job.scores))
    output.clear()
    settings = _settings(job, classifier)
    finished = {} if restart else _finished(files, output, settings)
    total = Statistics()
    for record in finished.values():
        total += Statistics.from_dict(record["statistics"])
    resumed, resumed_tokens = sum(record["rows"] for record in finished.values()), total.tokens
    added = [job.prefix + name for name in result_names(classifier)]
    todo = [file for file in files if file.name not in finished]
    work = planned(session, todo, job.text_columns, added)
    rows = resumed + sum(one.rows for one in work)
    on_start(rows, resumed)

    monitor = Monitor(session)

    def done(one: Work) -> dict[str, Any]:
        monitor.mark(one.file.name)
        return classify_file(session, one, classifier, output, settings)

    with ThreadPoolExecutor(min(MOST_AT_ONCE, max(1, len(work))), "rubriek-file") as pool:
        try:
            running = {pool.submit(done, one): one for one in work}
            _follow(running, total, monitor, on_progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            monitor.call_off()
            raise
    output.close()
    preview = output.first_rows(files[0].name, PREVIEW_ROWS)
    return SparkReport(
        rows, resumed, 0, None, total, preview, resumed_tokens, files=len(files), finished_files=len(finished)
    )


def _settings(job: SparkJob, classifier: Classifier) -> dict[str, Any]:
    """Gather what all files of an output have in common; versions may go on."""
    defaults = asdict(Options())
    options = {name: value for name, value in asdict(classifier.options).items() if value != defaults[name]}
    settings = manifest.settings(classifier, job.text_columns, job.prefix, options)
    if job.scores != "struct":  # what older folders have, and do not say
        settings["scores"] = job.scores
    settings["engine"]["name"] = classifier.engine.name.split()[0]
    return settings


def _finished(
    files: Sequence[InputFile], output: OutputFolder, settings: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Find the records of the files that need not be done again."""
    finished = {}
    for file in files:
        record = output.record(file.name)
        if record is None:
            continue
        if differences := manifest.differences(record["settings"], settings):
            raise JobError(
                f"{output.place.path} holds results that were made differently.",
                expected=differences[0],
                found=differences[1],
                hint="write to another output (-o), or do these files again with --restart",
            )
        if record["input"] == file.stamp:
            finished[file.name] = record
        else:
            log.info("%s has changed since it was classified, and is classified again.", file.name)
    return finished


def _follow(
    running: dict[Future[dict[str, Any]], Work],
    total: Statistics,
    monitor: Monitor,
    on_progress: Callable[[Statistics], None],
) -> None:
    """Wait for all files, adding up what is done."""
    while running:
        ended, _ = wait(running, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
        for future in ended:
            del running[future]
            total += Statistics.from_dict(future.result()["statistics"])
        so_far = Statistics()
        so_far += total
        shares = (monitor.share(one.file.name, one.tasks) * one.rows for one in running.values())
        so_far.documents += int(sum(shares))
        on_progress(so_far)
