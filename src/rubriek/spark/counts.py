"""What a run on Spark did: the counts of `rubriek.statistics`, as observed metrics of the query.

Only the workers know what was padded and which texts they met before. They say so in a column of their own,
null but for the first row of every window; `observed` adds it up with ``DataFrame.observe`` and lets it go.
Unlike accumulators this works on Spark Connect and in streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rubriek.statistics import COUNTS, STAGES, Statistics

SECONDS = tuple(f"{stage}_seconds" for stage in STAGES)
TYPE = pa.struct(
    [pa.field(name, pa.int64()) for name in COUNTS] + [pa.field(name, pa.float64()) for name in SECONDS]
)


def column(statistics: Statistics, rows: int) -> pa.Array:
    """Write the counts of a window beside its first row."""
    values: dict[str, float] = {name: getattr(statistics, name) for name in COUNTS}
    values |= {name: statistics.seconds[stage] for stage, name in zip(STAGES, SECONDS, strict=True)}
    return pa.concat_arrays([pa.array([values], TYPE), pa.nulls(rows - 1, TYPE)])


def observed(data: Any, observe: Any, name: str) -> Any:
    """Add up the column of counts as metrics of the query, and drop it.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
        With the column.
    observe : pyspark.sql.Observation or str
        Gets ``documents``, ``nulls``, ``empty``, ``duplicates``, ``truncated``, ``windows``, ``tokens``,
        ``padding``, ``batches``, ``padding_share`` and the seconds of each stage, of all tasks together.
    name : str
        The column of counts.

    Returns
    -------
    pyspark.sql.DataFrame
    """
    from pyspark.sql import functions

    sums = {
        part: functions.coalesce(functions.sum(f"`{name}`.{part}"), functions.lit(0))
        for part in (*COUNTS, *SECONDS)
    }
    share = functions.coalesce(
        functions.try_divide(sums["padding"], sums["tokens"] + sums["padding"]), functions.lit(0.0)
    )
    metrics = [total.alias(part) for part, total in sums.items()]
    return data.observe(observe, *metrics, share.alias("padding_share")).drop(name)


def statistics(metrics: Mapping[str, Any]) -> Statistics:
    """Make `Statistics` of observed metrics; labels are not among them.

    Parameters
    ----------
    metrics : mapping of str to number
        ``observation.get``, or a row of ``observedMetrics`` of a stream's progress as a dict.

    Returns
    -------
    Statistics

    Examples
    --------
    >>> metrics = dict.fromkeys((*COUNTS, *SECONDS), 0) | {"tokens": 30, "padding": 10}
    >>> statistics(metrics).padding_share
    0.25
    """
    seconds = {stage: float(metrics[name]) for stage, name in zip(STAGES, SECONDS, strict=True)}
    found = Statistics(seconds=seconds)
    for name in COUNTS:
        setattr(found, name, int(metrics[name]))
    return found


def free_name(taken: Sequence[str]) -> str:
    """Find a name for the column of counts that no other column has."""
    names = {name.lower() for name in taken}
    name = "counts"
    while name in names:
        name += "_"
    return name
