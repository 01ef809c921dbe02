"""What the project promised to reach, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contenders import FP32, INT8, OPENVINO_FP32, SPARK_NLP
from benchmarks.results import Measured, Run

LEAST_AGREEMENT = 0.99
MEMORY_FACTOR, MEMORY_ALLOWANCE = 1.3, 400e6


@dataclass(frozen=True)
class Target:
    """A promise, the figure measured, and whether it was met; None where it could not be measured."""

    promise: str
    measured: str
    met: bool | None


def targets(run: Run) -> list[Target]:
    """All targets that apply to the run's model."""
    return list(_base(run) if run.model == "base" else _against_spark(run, 7))


def _base(run: Run) -> Iterator[Target]:
    spark, fp32, int8 = run.find(SPARK_NLP), run.find(FP32), run.find(INT8)
    yield ratio("rubriek fp32 >= 2.7 x Spark NLP", fp32, spark, 2.7)
    yield from _against_spark(run, 10)
    for one in filter(None, (fp32, run.find(OPENVINO_FP32))):
        share = run.gflops(one) / run.peak
        yield Target(f">= 90 % of the fp32 GEMM peak: {one.name}", f"{share:.1%}", share >= 0.9)
    yield ratio("rubriek int8 >= 2.5 x rubriek fp32", int8, fp32, 2.5)
    ours = [one for one in run.measured if one.is_rubriek]
    if ours and spark:
        best = min(ours, key=lambda one: one.latency(0.5))
        times = spark.latency(0.5) / best.latency(0.5)
        found = f"{times:.1f} x ({best.name}, p50 {best.latency(0.5) * 1e3:.1f} ms)"
        yield Target("one headline >= 8 x quicker than LightPipeline", found, times >= 8)
    else:
        yield Target("one headline >= 8 x quicker than LightPipeline", "not measured", None)
    for one in ours:
        if one.outside_engine is not None:
            promise = f"outside the engine <= 3 % of the wall time: {one.name}"
            yield Target(promise, f"{one.outside_engine:.1%}", one.outside_engine <= 0.03)
    for one in ours:
        limit = one.weights * MEMORY_FACTOR + MEMORY_ALLOWANCE
        promise = f"peak RSS <= weights x 1.3 + 400 MB: {one.name}"
        found = f"{one.peak_memory / 1e6:,.0f} of {limit / 1e6:,.0f} MB"
        yield Target(promise, found, one.peak_memory <= limit)


def _against_spark(run: Run, least: float) -> Iterator[Target]:
    """The fastest precision among those that agree with fp32."""
    agreeing = [
        one for one in run.measured if one.is_rubriek and (run.agreement(one) or 0.0) >= LEAST_AGREEMENT
    ]
    promise = f"rubriek's fastest precision with >= 99 % agreement >= {least} x Spark NLP"
    fastest = min(agreeing, key=lambda one: one.wall, default=None)
    yield ratio(promise, fastest, run.find(SPARK_NLP), least)


def ratio(promise: str, one: Measured | None, other: Measured | None, least: float) -> Target:
    """How many times as quick as the other, and whether that is enough."""
    if one is None or other is None:
        return Target(promise, "not measured", None)
    found = other.wall / one.wall
    return Target(promise, f"{found:.2f} x ({one.name})", found >= least)
