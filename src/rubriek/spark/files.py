"""One file of a job on Spark: classified, counted, and only then given its name in the output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import rubriek
from rubriek import results
from rubriek.errors import ColumnError, JobError
from rubriek.spark import counts
from rubriek.spark.classification import classify
from rubriek.spark.folders import literal
from rubriek.spark.tasks import Work, cut

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.spark.folders import OutputFolder
    from rubriek.statistics import Statistics


def result_names(classifier: Classifier) -> list[str]:
    """Name the columns that are added, without their prefix."""
    return list(results.schema(classifier.bundle, classifier.options).names)


def classify_file(
    session: Any,
    work: Work,
    classifier: Classifier,
    output: OutputFolder,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Classify a file, make sure that every row is there, and give its folder its name.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Classic or Connect.
    work : Work
        The file.
    classifier : Classifier
        What does it.
    output : OutputFolder
        Where the rows go.
    settings : dict
        What was asked for: `rubriek.jobs.manifest.settings`.

    Returns
    -------
    dict
        The record that lies beside the rows.

    Raises
    ------
    JobError
        If Spark fails, in the words of the worker that did.
    """
    name = work.file.name
    try:
        statistics = _written(session, work, classifier, settings, output.url_to_write(name))
    except ColumnError as error:
        message = f"{name}: {error.message}"
        raise ColumnError(message, expected=error.expected, found=error.found, hint=error.hint) from error
    except Exception as error:
        if not _is_of_spark(error):
            raise
        raise JobError(
            f"Spark failed on {name}.",
            found=cause(str(error)),
            hint="files that are finished are kept; the same command goes on after them",
        ) from error
    record = {
        "input": work.file.stamp,
        "rows": work.rows,
        "rubriek": rubriek.__version__,
        "settings": settings,
        "statistics": statistics.to_dict(),
    }
    output.finish(name, record)
    return record


def _is_of_spark(error: Exception) -> bool:
    """Tell whether Spark failed; what it does not know it hands on as py4j gives it."""
    from pyspark.errors import PySparkException

    return isinstance(error, PySparkException) or type(error).__module__.startswith("py4j")


def _written(
    session: Any, work: Work, classifier: Classifier, settings: dict[str, Any], url: str
) -> Statistics:
    from pyspark.sql import Observation, functions

    observation = Observation()
    # What the names of folders above a file say (year=2024) becomes columns.
    frame = session.read.option("basePath", work.file.folder).parquet(work.file.url)
    prefix = settings["prefix"]
    answered = _answered(cut(frame, work.tasks), settings, classifier, observation)
    answered.write.mode("overwrite").parquet(url)
    statistics = counts.statistics(observation.get)
    results = session.read.parquet(literal(url))
    labels = results.groupBy(_column(f"{prefix}label")).count().collect()
    written = sum(row[1] for row in labels)
    if written != work.rows:
        raise JobError(
            f"{work.file.name} has {work.rows:,} rows, but {written:,} were written.",
            hint="was the file replaced meanwhile? Run the same command again",
        )
    statistics.labels.update({row[0]: row[1] for row in labels if row[0] is not None})
    if "labels" in result_names(classifier):
        over = results.select(functions.explode(_column(f"{prefix}labels")).alias("label"))
        statistics.over_threshold.update(dict(over.groupBy("label").count().collect()))
    return statistics


def _answered(frame: Any, settings: dict[str, Any], classifier: Classifier, observation: Any) -> Any:
    """Add the result columns, under the names that they have everywhere."""
    struct = counts.free_name(frame.columns)
    answered = classify(
        frame,
        settings["text_columns"],
        model=classifier,
        output=struct,
        observe=observation,
        scores=settings.get("scores", "struct"),
    )
    kept = [_column(name) for name in frame.columns]
    answers = _column(struct)
    added = [answers.getField(name).alias(settings["prefix"] + name) for name in result_names(classifier)]
    return answered.select(*kept, *added)


def _column(name: str) -> Any:
    """Return a column by its name, whatever that holds."""
    from pyspark.sql import functions

    quoted = name.replace("`", "``")
    return functions.col(f"`{quoted}`")


def cause(message: str) -> str:
    r"""Find what went wrong in what Spark prints of it: the error of a worker, else the innermost of the JVM.

    Examples
    --------
    >>> cause("Job aborted.\nTraceback:\n  rubriek.errors.TextTooLongError: 3 texts are too long.\n  at java")
    '3 texts are too long.'
    >>> cause("An error occurred.\nCaused by: java.io.IOException: disk full\n  at java")
    'java.io.IOException: disk full'
    """
    ours = re.findall(r"rubriek\.errors\.\w+: (.+)", message)
    inner = re.findall(r"^Caused by: (.+)", message, re.M)
    lines = [line.strip(": ") for line in message.splitlines() if line.strip()]
    # py4j's own first line names an object of its own
    outer = [line for line in lines if not line.startswith("An error occurred while calling")]
    found: list[str] = ours[:1] or inner[-1:] or outer[:1] or ["no message"]
    return found[0].strip()
