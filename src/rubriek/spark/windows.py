"""Rows in Spark's Arrow batches, gathered into the windows that the path works in; their order stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from rubriek import frames
from rubriek.spark.types import carrier

BYTES_AT_ONCE = 64 * 2**20
"""All columns of a window together: whatever stands beside the texts waits in memory with them."""


def windows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Gather batches into windows; see `rubriek.frames.gathered`.

    A window has as many rows as one of the local path, so that equal rows in equal order are packed into
    equal batches there and here; it closes earlier where its columns hold `BYTES_AT_ONCE`.

    Examples
    --------
    >>> batch = pa.record_batch({"text": ["a", "b"]})
    >>> [len(window) for window in windows(iter([batch] * 10_000))]
    [16384, 3616]
    """
    return frames.gathered(batches, rows=frames.ROWS_AT_ONCE, size=BYTES_AT_ONCE)


def map_windows(
    data: Any, function: Callable[[pa.Table], pa.Table], fields: Sequence[Any], profile: Any = None
) -> Any:
    """Run a function over the windows of every partition, in Spark's Python workers.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
        The rows.
    function : callable
        Takes a window as an Arrow table, and gives one with the columns of ``fields``. It travels to the
        workers.
    fields : sequence of pyspark.sql.types.StructField
        The columns that come out: names, types, metadata.
    profile : pyspark.resource.ResourceProfile, optional
        What the tasks need.

    Returns
    -------
    pyspark.sql.DataFrame
    """
    from pyspark.sql import types

    names = data.columns
    # Spark finds columns by name here, and trips over dots and over names that stand twice. Numbers are safe.
    numbers = [str(number) for number in range(len(fields))]

    def on_worker(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for window in windows(batches):
            yield from function(window.rename_columns(names)).rename_columns(numbers).to_batches()

    numbered = data.toDF(*(str(number) for number in range(len(names))))
    sent = numbered.select(
        [_carried(str(number), field.dataType) for number, field in enumerate(data.schema.fields)]
    )
    schema = types.StructType(
        [
            types.StructField(number, carrier(field.dataType), field.nullable)
            for number, field in zip(numbers, fields, strict=True)
        ]
    )
    given = {} if profile is None else {"profile": profile}
    mapped = sent.mapInArrow(on_worker, schema, **given)
    return mapped.select(
        [
            _back(number, field.dataType).alias(field.name, metadata=field.metadata)
            for number, field in zip(numbers, fields, strict=True)
        ]
    )


def _carried(name: str, kind: Any) -> Any:
    from pyspark.sql import functions

    through = carrier(kind)
    return functions.col(name) if through == kind else functions.col(name).cast(through).alias(name)


def _back(name: str, kind: Any) -> Any:
    from pyspark.sql import functions

    return functions.col(name) if carrier(kind) == kind else functions.col(name).cast(kind)
