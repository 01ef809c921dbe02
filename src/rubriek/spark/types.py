"""Types of Spark: those of Arrow's columns, and what carries the few that have no way through Arrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

NOT_IN_ARROW = frozenset({"CalendarIntervalType", "YearMonthIntervalType"})
"""What ``mapInArrow`` of PySpark 3.5 to 4.3 refuses; as text, both come back as they went."""


def spark_type(kind: pa.DataType) -> Any:
    """Give Spark's type for an Arrow type."""
    from pyspark.sql.pandas.types import from_arrow_type

    return from_arrow_type(kind)


def carrier(kind: Any) -> Any:
    """Give the type that brings values through Arrow: their own, or text in the places it does not know.

    Parameters
    ----------
    kind : pyspark.sql.types.DataType
        The type of a column; ``cast`` leads to the carrier and back.

    Returns
    -------
    pyspark.sql.types.DataType
    """
    from pyspark.sql import types

    if type(kind).__name__ in NOT_IN_ARROW:
        return types.StringType()
    if isinstance(kind, types.ArrayType):
        return types.ArrayType(carrier(kind.elementType), kind.containsNull)
    if isinstance(kind, types.MapType):
        return types.MapType(carrier(kind.keyType), carrier(kind.valueType), kind.valueContainsNull)
    if isinstance(kind, types.StructType):
        return types.StructType(
            [
                types.StructField(field.name, carrier(field.dataType), field.nullable, field.metadata)
                for field in kind.fields
            ]
        )
    return kind
