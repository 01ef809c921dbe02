"""Stages over data: all of them in one pass over the rows, whatever kind of frame these stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rubriek import frames
from rubriek.sparknlp.annotation import ARROW_COLUMN, Annotation
from rubriek.sparknlp.rows import Plan, Rows, Source
from rubriek.sparknlp.sources import ArrowSource, source_of

if TYPE_CHECKING:
    from rubriek.sparknlp.stage import LocalTransformer


def transform(stages: Sequence[LocalTransformer], data: Any) -> Any:
    """Run stages over data.

    Parameters
    ----------
    stages : sequence of LocalTransformer
        In order.
    data : frame
        A DataFrame of Spark, pandas, Polars or another library that narwhals knows, or an Arrow table.

    Returns
    -------
    frame
        Of the same kind, with the stages' columns.

    Raises
    ------
    PipelineError, ColumnError
        If the stages do not fit together or not the data.
    InputError
        If the data is no frame.
    """
    if type(data).__module__.startswith("pyspark.sql"):
        return _transform_spark(stages, data)
    source = source_of(data)
    plan = planned(stages, {name: source.annotator_type(name) for name in source.names})
    parts, which = [], []
    for start, length in _windows(stages, source):
        rows = run(stages, source.slice(start, length), plan.known)
        parts.append(columns(rows, plan))
        which.append(None if rows.which is None else rows.which + start)
    made = {
        name: pa.chunked_array([part[name] for part in parts], type=kind) for name, kind in plan.made.items()
    }
    exploded = [rows for rows in which if rows is not None]
    if exploded:
        source = source.take(np.concatenate(exploded))
    return source.attach(made, plan.types, plan.dropped)


def _windows(stages: Sequence[LocalTransformer], source: Source) -> Iterator[tuple[int, int]]:
    """Cut the rows into windows of bounded memory; the texts, where there are any, decide."""
    for stage in stages:
        if stage.hasParam("inputCol"):
            texts = source.arrow(stage.getOrDefault("inputCol"))
            if len(texts) and (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
                whole = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
                yield from frames.windows(whole)
                return
    for start in range(0, max(len(source), 1), frames.ROWS_AT_ONCE):
        yield start, frames.ROWS_AT_ONCE


def planned(stages: Sequence[LocalTransformer], types: dict[str, str | None]) -> Plan:
    """Check that stages fit together and the columns that come in."""
    plan = Plan(types)
    for stage in stages:
        stage.plan(plan)
    return plan


def run(
    stages: Sequence[LocalTransformer], source: Source, types: dict[str, str | None], *, light: bool = False
) -> Rows:
    """Run stages over some rows; their columns get no frame's form yet."""
    rows = Rows(source, types, light=light)
    for stage in stages:
        stage.annotate(rows)
    return rows


def columns(rows: Rows, plan: Plan) -> dict[str, pa.Array]:
    """Give the columns that were planned, and no others, their Arrow form."""
    return {
        name: rows.annotations[name].arrow() if kind == ARROW_COLUMN else rows.finished[name]
        for name, kind in plan.made.items()
    }


def _transform_spark(stages: Sequence[LocalTransformer], data: Any) -> Any:
    """Run stages inside Spark's workers, over Arrow batches."""
    from pyspark.sql import functions, types

    known = {field.name: field.metadata.get("annotatorType") for field in data.schema.fields}
    plan = planned(stages, known)
    fields = {field.name: field for field in data.schema.fields if field.name not in plan.dropped}
    for name, kind in plan.made.items():
        annotator_type = plan.types[name]
        fields[name] = types.StructField(
            name,
            Annotation.arrayType() if kind == ARROW_COLUMN else _spark_type(kind),
            True,
            {} if annotator_type is None else {"annotatorType": annotator_type},
        )

    def on_worker(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            source = ArrowSource(batch)
            rows = run(stages, source, plan.known)
            if rows.which is not None:
                source = source.take(rows.which)
            yield source.attach(columns(rows, plan), plan.types, plan.dropped)

    result = data.mapInArrow(on_worker, types.StructType(list(fields.values())))
    return result.select(
        [
            functions.col(f"`{name}`").alias(name, metadata=field.metadata)
            if field.metadata
            else functions.col(f"`{name}`")
            for name, field in fields.items()
        ]
    )


def _spark_type(kind: pa.DataType) -> Any:
    from pyspark.sql.pandas.types import from_arrow_type

    return from_arrow_type(kind)
