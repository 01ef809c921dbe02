"""`classify`: a column of texts in, the same rows with a column of predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pyarrow as pa

from rubriek import frames, results
from rubriek.classifier import Classifier
from rubriek.errors import ColumnError, InputError, OptionError, need
from rubriek.loading import load
from rubriek.options import OptionValues, takes_options
from rubriek.spark import counts, worker
from rubriek.spark.distribution import Placed, send
from rubriek.spark.labels import Scores, check_names, in_form
from rubriek.spark.types import spark_type
from rubriek.spark.windows import map_windows
from rubriek.statistics import Statistics
from rubriek.text_columns import ColumnType, find_text_columns
from rubriek.tokens import HuggingFaceTokenizer

if TYPE_CHECKING:
    from rubriek.engines import Precision


@takes_options
def classify(
    data: Any,
    text_column: str | Sequence[str] | None = None,
    *,
    model: str | Path | Classifier = "nl-news",
    output: str = "prediction",
    observe: Any = None,
    distribute: bool = True,
    profile: Any = None,
    engine: str | None = None,
    precision: Precision | None = None,
    scores: Scores = "struct",
    **options: Unpack[OptionValues],
) -> Any:
    """Classify the texts of a Spark DataFrame, in one pass through Spark's Python workers.

    Lazy, as all of Spark's transformations: no row is read before a result is asked for. The model is
    checked and sent here and now. Every Python worker opens it once and keeps it; each task uses as many
    threads as ``spark.task.cpus`` gives it.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
        Of classic Spark or Spark Connect, a batch or a stream.
    text_column : str or sequence of str, optional
        Where the texts are; several columns are joined with a line break, nulls left out. Default: the column
        ``text``, else the only column of strings.
    model : str, Path or Classifier, default "nl-news"
        As for `rubriek.load`; it is read here, on the driver.
    output : str, default "prediction"
        The column to add: a struct of the columns of `rubriek.results.schema`, null where the text is null.
    observe : pyspark.sql.Observation or str, optional
        Gets the counts of the run as metrics; a name is for streams and query listeners. See
        `rubriek.spark.counts`.
    distribute : bool, default True
        Send the model to the workers through Spark. False where every node sees it at the same path. What is
        built in is not sent: the workers have it with rubriek.
    profile : pyspark.resource.ResourceProfile, optional
        What the tasks need (PySpark 4 and later).
    engine, precision : str, optional
        As for `rubriek.load`.
    scores : {"struct", "map", "list"}, default "struct"
        What holds the scores of all labels: a struct has a field for each. A map from label to score, or a
        list of structs of ``label`` and ``score``, goes into every table, whatever the labels are.
    **options
        See `rubriek.options.Options`.

    Returns
    -------
    pyspark.sql.DataFrame
        The rows as they came, with the column ``output`` on the right.

    Raises
    ------
    InputError
        If the data is no Spark DataFrame.
    ColumnError
        If a column is not there, holds no text, or would be overwritten, or two labels are one name to Spark.
    ModelError
        If the model cannot be used; a corrupt one fails here, not on the workers.
    OptionError
        If an option has a value that cannot be used.
    EngineError
        If the engine cannot run the model.
    MissingExtraError
        If pyspark is not installed.

    Examples
    --------
    Of a DataFrame ``articles`` with a column ``body``, where Spark runs::

        result = rubriek.spark.classify(articles, "body", overflow="windows")
        result.groupBy("prediction.label").count().show()
    """
    need("pyspark.sql", extra="spark", purpose="Classifying a Spark DataFrame")
    classifier = as_classifier(model, engine, precision, options)
    columns = _checked_columns(data, text_column, output)
    answer = sent_answer(data.sparkSession, classifier, scores, distribute=distribute)
    fields = [*data.schema.fields, _field(output, answer.type)]
    noted = counts.free_name([*data.columns, output]) if observe is not None else None
    if noted is not None:
        fields.append(_field(noted, counts.TYPE))

    def on_window(window: pa.Table) -> pa.Table:
        statistics = Statistics()
        (texts,) = frames.read(window, columns, "").chunks
        window = window.append_column(output, answer(texts, statistics))
        if noted is not None:
            window = window.append_column(noted, counts.column(statistics, len(window)))
        return window

    result = map_windows(data, on_window, fields, _checked_profile(profile))
    return result if noted is None else counts.observed(result, observe, noted)


class Answer:
    """Answers texts inside a worker; what travels there is small.

    Parameters
    ----------
    model : Placed
        The model, sent already.
    classifier : Classifier
        The driver's: its engine, precision and options are the workers'.
    scores : {"struct", "map", "list"}
        What holds the scores of all labels.

    Attributes
    ----------
    type : pyarrow.DataType
        The struct that an answer is.
    """

    def __init__(self, model: Placed, classifier: Classifier, scores: Scores) -> None:
        self.model = model
        self.scores = scores
        self.engine = classifier.engine.name.split()[0]
        self.precision = classifier.engine.precision
        self.options = classifier.options
        self.type = answer_type(classifier, scores)

    def __call__(self, texts: pa.ChunkedArray, statistics: Statistics) -> pa.StructArray:
        """Answer texts, null where there is none."""
        classifier = worker.classifier(self.model, self.engine, self.precision, self.options)
        answers = in_form(classifier.classify(texts, statistics=statistics).combine_chunks(), self.scores)
        columns = [_whole(column) for column in answers.columns]
        null = _whole(texts.is_null())
        return pa.StructArray.from_arrays(columns, fields=list(answers.schema), mask=null)


def answer_type(classifier: Classifier, scores: Scores) -> pa.DataType:
    """Return the struct that an answer is."""
    schema = results.schema(classifier.bundle, classifier.options)
    return pa.struct(list(in_form(schema.empty_table(), scores).schema))


def sent_answer(session: Any, classifier: Classifier, scores: Scores, *, distribute: bool) -> Answer:
    """Send a model to the workers of a session, unless no table could hold its answers."""
    check_names(session, answer_type(classifier, scores))
    return Answer(send(session, classifier.bundle, distribute=distribute), classifier, scores)


def as_classifier(
    model: str | Path | Classifier,
    engine: str | None,
    precision: Precision | None,
    options: OptionValues,
) -> Classifier:
    """Open a model on the driver, and check all that was asked of it.

    Raises
    ------
    OptionError, ModelError, EngineError
        If it cannot be done; nothing has been sent then.
    """
    if not isinstance(model, Classifier):
        return load(model, engine=engine, precision=precision, threads=1, **options)
    if engine is not None or precision is not None:
        raise OptionError("The engine of a classifier is chosen when it is loaded.", hint="rubriek.load(...)")
    if not isinstance(model.tokenizer, HuggingFaceTokenizer):
        raise OptionError(
            "This classifier has a tokenisation of its own, which does not travel to workers.",
            expected="the model's own, named huggingface",
            found=model.tokenizer.name,
            hint="rubriek.sparknlp runs the tokenisation of Spark NLP on Spark",
        )
    return Classifier(model.bundle, model.engine, model.options.replaced(options), model.tokenizer)


def _field(name: str, kind: pa.DataType) -> Any:
    from pyspark.sql import types

    return types.StructField(name, spark_type(kind), True)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)


def _checked_columns(data: Any, text_column: str | Sequence[str] | None, output: str) -> list[str]:
    if not type(data).__module__.startswith("pyspark.sql") or not hasattr(data, "mapInArrow"):
        raise InputError(
            "This is no Spark DataFrame.",
            expected="pyspark.sql.DataFrame",
            found=f"{type(data).__module__}.{type(data).__qualname__}",
            hint="rubriek.load(...).predict(data) takes pandas, Polars and Arrow",
        )
    fields = data.schema.fields
    columns = [(field.name, _column_type(field.dataType)) for field in fields]
    names = find_text_columns(columns, frames.named(text_column, data.columns), where="The DataFrame")
    if output.lower() in [field.name.lower() for field in fields]:
        raise ColumnError(
            f"The DataFrame already has {output!r}, and nothing of it is overwritten.",
            hint="name the result apart: output='...'",
        )
    return [str(name) for name in names]


def _column_type(kind: Any) -> ColumnType:
    from pyspark.sql import types

    if isinstance(kind, types.StringType | types.NullType):
        return pa.string() if isinstance(kind, types.StringType) else pa.null()
    return f"type {kind.simpleString():.200}"


def _checked_profile(profile: Any) -> Any:
    pyspark = need("pyspark", extra="spark", purpose="A ResourceProfile")
    if profile is not None and int(pyspark.__version__.split(".")[0]) < 4:
        raise OptionError(
            "This Spark takes no ResourceProfile for a DataFrame.",
            expected="PySpark 4.0 or later",
            found=pyspark.__version__,
            hint="set spark.task.cpus for the application instead",
        )
    return profile
