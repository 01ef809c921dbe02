"""`register`: the classifier as a function of SQL, for everyone on the same session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pyarrow as pa

from rubriek import frames, text_values
from rubriek.classifier import Classifier
from rubriek.errors import need
from rubriek.options import OptionValues, takes_options
from rubriek.spark.classification import as_classifier, sent_answer
from rubriek.spark.labels import Scores
from rubriek.spark.types import spark_type
from rubriek.spark.windows import windows
from rubriek.statistics import Statistics

if TYPE_CHECKING:
    from rubriek.engines import Precision


@takes_options
def register(
    session: Any,
    name: str,
    model: str | Path | Classifier = "nl-news",
    *,
    distribute: bool = True,
    engine: str | None = None,
    precision: Precision | None = None,
    scores: Scores = "struct",
    **options: Unpack[OptionValues],
) -> Any:
    """Make a function of SQL that classifies texts: ``SELECT rubriek_classify(body).label FROM articles``.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Classic or Connect. All that share it can call the function, in Python, SQL, Scala or Java.
    name : str
        What the function is called.
    model : str, Path or Classifier, default "nl-news"
        As for `rubriek.load`.
    distribute, engine, precision, scores, **options
        As for `rubriek.spark.classify`.

    Returns
    -------
    Spark user-defined function
        To be called with a column: ``frame.withColumn("prediction", function("body"))``. It gives the struct
        that `classify` gives. Before PySpark 4.1, a null text gives a struct of nulls instead of null.

    Raises
    ------
    ColumnError, ModelError, OptionError, EngineError
        As for `rubriek.spark.classify`.
    MissingExtraError
        If pyspark is not installed.
    """
    functions = need("pyspark.sql.functions", extra="spark", purpose="A function of Spark SQL")
    classifier = as_classifier(model, engine, precision, options)
    answer = sent_answer(session, classifier, scores, distribute=distribute)

    def answers(texts: Iterator[pa.Array]) -> Iterator[pa.Array]:
        batches = (pa.record_batch([column], ["text"]) for column in texts)
        for window in windows(batches):
            yield answer(text_values.strings(window["text"], "the argument"), Statistics())

    if hasattr(functions, "arrow_udf"):
        function = functions.arrow_udf(answers, spark_type(answer.type))
    else:
        function = _of_pandas(functions, answers, spark_type(answer.type))
    session.udf.register(name, function)
    return function


def _of_pandas(functions: Any, answers: Any, kind: Any) -> Any:
    """Make the same function for PySpark before 4.1, which hands over pandas objects."""
    pandas: Any = need("pandas", extra="spark", purpose="A function of Spark SQL")

    def converted(series: Any) -> Any:
        for column in answers(pa.array(values, pa.large_string(), from_pandas=True) for values in series):
            yield frames.to_pandas(pa.table(column.flatten(), schema=pa.schema(list(column.type))))

    # Spark reads the kind of function from its annotations.
    converted.__annotations__ = {
        "series": Iterator[pandas.Series],
        "return": Iterator[pandas.DataFrame],
    }
    return functions.pandas_udf(converted, kind)
