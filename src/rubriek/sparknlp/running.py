"""Stages over data: all of them in one pass over the rows, whatever kind of frame these stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from rubriek import frames
from rubriek.spark import worker
from rubriek.spark.distribution import send
from rubriek.spark.types import spark_type
from rubriek.spark.windows import map_windows
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


_PASSES: WeakKeyDictionary[Any, tuple[Any, list[LocalTransformer]]] = WeakKeyDictionary()
"""Which stages made a Spark DataFrame, and of which: foreign pipelines hand us stage after stage."""


def _transform_spark(stages: Sequence[LocalTransformer], data: Any) -> Any:
    """Run stages inside Spark's workers, in one pass with those of ours that made the data."""
    # What Spark keeps for its user is read from there, not made once more.
    source, earlier = (data, []) if data not in _PASSES or data.is_cached else _PASSES[data]
    # Stages may be changed later; what was asked for stays.
    together = [*earlier, *(stage.copy() for stage in stages)]
    known = {field.name: field.metadata.get("annotatorType") for field in source.schema.fields}
    plan = planned(together, known)
    models = {
        stage.uid: send(source.sparkSession, stage.bundle) for stage in together if stage.bundle is not None
    }

    def on_window(window: pa.Table) -> pa.Table:
        for stage in together:
            if stage.uid in models:
                stage.bundle = worker.bundle(models[stage.uid])
        rows_in = ArrowSource(window)
        rows = run(together, rows_in, plan.known)
        if rows.which is not None:
            rows_in = rows_in.take(rows.which)
        return rows_in.attach(columns(rows, plan), plan.types, plan.dropped)

    result = map_windows(source, on_window, _spark_fields(source, plan))
    _PASSES[result] = (source, together)
    return result


def _spark_fields(source: Any, plan: Plan) -> list[Any]:
    """Name the columns that come out on Spark."""
    from pyspark.sql import types

    fields = {field.name: field for field in source.schema.fields if field.name not in plan.dropped}
    for name, kind in plan.made.items():
        annotator_type = plan.types[name]
        fields[name] = types.StructField(
            name,
            Annotation.arrayType() if kind == ARROW_COLUMN else spark_type(kind),
            True,
            {} if annotator_type is None else {"annotatorType": annotator_type},
        )
    return list(fields.values())
