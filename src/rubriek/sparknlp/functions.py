"""Functions over columns of annotations of Spark DataFrames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rubriek.errors import need
from rubriek.sparknlp.annotation import Annotation


def _functions() -> Any:
    return need("pyspark.sql.functions", extra="spark", purpose="A function over a Spark column")


def map_annotations(f: Callable[[list[Annotation]], list[Any]], output_type: Any) -> Any:
    """Make a Spark function of a function over a row's annotations.

    Parameters
    ----------
    f : callable
        Takes a list of `Annotation`, returns a list of them or of other values.
    output_type : pyspark.sql.types.DataType
        The type of the column.

    Returns
    -------
    Spark user-defined function
        To be called with a column.
    """
    # Without type hints: Spark would look for the kind of function in them.
    return _functions().udf(
        lambda rows: [
            Annotation.toRow(item) if isinstance(item, Annotation) else item
            for item in f([Annotation.fromRow(row) for row in rows])
        ],
        output_type,
    )


def map_annotations_strict(f: Callable[[list[Annotation]], list[Annotation]]) -> Any:
    """Make a Spark function of a function from annotations to annotations. See `map_annotations`."""
    return map_annotations(f, Annotation.arrayType())


def map_annotations_col(
    dataframe: Any,
    f: Callable[[list[Annotation]], list[Any]],
    column: str,
    output_column: str,
    annotatyon_type: str,
    output_type: Any = None,
) -> Any:
    """Add a column: a function of the annotations of another.

    Parameters
    ----------
    dataframe : pyspark.sql.DataFrame
        The rows.
    f : callable
        Takes a list of `Annotation`, returns a list.
    column, output_column : str
        The column it reads and the one it makes.
    annotatyon_type : str
        What annotations it makes; goes into the metadata of the column. (The name is Spark NLP's.)
    output_type : pyspark.sql.types.DataType, optional
        The type of the column. Default: annotations.

    Returns
    -------
    pyspark.sql.DataFrame
    """
    mapped = map_annotations(f, Annotation.arrayType() if output_type is None else output_type)(column)
    return dataframe.withColumn(
        output_column, mapped.alias(output_column, metadata={"annotatorType": annotatyon_type})
    )


def filter_by_annotations_col(dataframe: Any, f: Callable[[Any], bool], column: str) -> Any:
    """Keep the rows for which a function of a column's annotations holds.

    Parameters
    ----------
    dataframe : pyspark.sql.DataFrame
        The rows.
    f : callable
        Takes what the column holds: a list of rows, or after `explode_annotations_col` one row.
    column : str
        The column.
    """
    kept = _functions().udf(lambda content: bool(f(content)), "boolean")
    return dataframe.filter(kept(column))


def explode_annotations_col(dataframe: Any, column: str, output_column: str) -> Any:
    """Put each annotation of a column on a row of its own.

    Parameters
    ----------
    dataframe : pyspark.sql.DataFrame
        The rows.
    column, output_column : str
        The column of lists, and the one of single annotations.
    """
    return dataframe.withColumn(output_column, _functions().explode(column))
