"""What the project promised of its service, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.serving.outcomes import Stage, drift
from benchmarks.serving.results import Measured, Run
from benchmarks.serving.services import RUBRIEK, SERVICES, TEI
from benchmarks.serving.stages import AT, OVERLOAD
from benchmarks.targets import Target

CLIENTS = "32 clients"
LEVEL = 0.02
"""Memory is level, or has not drifted, when it grew by no more."""
FILLING = 0.4
"""Of an overload, until which the queue may still fill."""


def targets(run: Run) -> list[Target]:
    """All targets, for each model that rubriek served."""
    found = list(_against_peer(run))
    for service in SERVICES:
        if service.is_rubriek and (one := run.find(service.kind, service.model, service.precision)):
            found += _of(one, service.name.removeprefix(f"{RUBRIEK}: ").removeprefix(f"{RUBRIEK}, "))
    return found


def _against_peer(run: Run) -> Iterator[Target]:
    promise = f"fp32, {CLIENTS}: >= 3 x text-embeddings-inference"
    ours, theirs = (run.find(kind, "base", "fp32") for kind in (RUBRIEK, TEI))
    pair = [one.find(CLIENTS) for one in (ours, theirs) if one]
    match pair:
        case [Stage() as mine, Stage() as other] if other.throughput:
            ratio = mine.throughput / other.throughput
            found = f"{ratio:.1f} x ({mine.throughput:.1f} and {other.throughput:.1f} documents/s)"
            yield Target(promise, found, ratio >= 3)
        case _:
            yield Target(promise, "not measured", None)


def _of(one: Measured, model: str) -> Iterator[Target]:
    if one.local_throughput:
        share = one.sustained / one.local_throughput
        found = f"{share:.0%} ({one.sustained:.1f} of {one.local_throughput:.1f} documents/s)"
        yield Target(f"{model}: sustained throughput >= 90 % of the local classifier", found, share >= 0.9)
    if steady := one.find(f"{AT:.0%}"):
        p50, p99 = steady.latency(0.5), steady.latency(0.99)
        found = f"{p99 / p50:.1f} x ({p50 * 1e3:.0f} and {p99 * 1e3:.0f} ms)"
        if one.ideal:
            found += f"; a perfect queue: {one.ideal[1] / one.ideal[0]:.1f} x"
        yield Target(f"{model}: p99 at {AT:.0%} of saturation <= 3 x p50", found, p99 <= 3 * p50)
    if over := one.find(f"{OVERLOAD:g} x overload"):
        share = over.throughput / one.sustained
        found = f"{share:.0%} ({over.throughput:.1f} of {one.sustained:.1f} documents/s)"
        yield Target(f"{model}: good throughput at 3 x overload >= 85 % of the peak", found, share >= 0.85)
        found = f"{over.fates['refused']:,} of {over.requests:,} got 429, {over.lost} lost"
        kept = over.lost == 0 and over.fates["refused"] > 0
        yield Target(f"{model}: at 3 x overload the rest gets 429, nothing is lost", found, kept)
        yield _level(f"{model}: memory level at 3 x overload", over, FILLING)
    lost = sum(stage.lost for stage in one.stages)
    asked = sum(stage.requests for stage in one.stages)
    yield Target(f"{model}: every request of the run has its answer", f"{lost} of {asked:,} lost", lost == 0)
    for stage in one.stages:
        if stage.name.startswith("soak"):
            yield _level(f"{model}: {stage.name}: memory drift <= {LEVEL:.0%}", stage)


def _level(promise: str, stage: Stage, warm_up: float = 0.1) -> Target:
    if not stage.memory:
        return Target(promise, "not measured", None)
    grown = drift(stage.memory, warm_up)
    return Target(promise, f"{grown:+.1%}, at most {max(stage.memory) / 1e6:,.0f} MB", grown <= LEVEL)
