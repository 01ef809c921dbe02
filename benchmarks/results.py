"""What was measured of one model, and the figures that follow from it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.contenders import FP32, REFERENCE, Contender
from benchmarks.flops import Size, flops


@dataclass
class Measured:
    """Everything one contender's process answered, pass by pass."""

    name: str
    is_rubriek: bool
    weights: int
    about: dict[str, Any] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    engine_seconds: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    more_labels: list[str] = field(default_factory=list)
    """Of further texts, which serve the agreement only: of a few hundred, one label is chance."""
    padding: float | None = None
    peak_memory: int = 0
    worker_pss: list[int] = field(default_factory=list)
    """On Spark: bytes of each Python worker, memory that processes share divided among them."""
    start_seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, contender: Contender, weights: int, about: dict[str, Any]) -> Measured:
        return cls(contender.name, contender.is_rubriek, weights, about)

    def add_pass(self, answer: dict[str, Any]) -> None:
        self.seconds.append(answer["seconds"])
        self.others.append(answer["others"])
        self.labels = answer["labels"]
        self.padding = answer.get("padding", self.padding)
        if "stages" in answer:
            self.engine_seconds.append(answer["stages"]["engine"])

    @property
    def wall(self) -> float:
        """Median seconds of a pass."""
        return statistics.median(self.seconds)

    @property
    def outside_engine(self) -> float | None:
        """Share of the wall time that was not spent waiting for the engine; the median over passes."""
        if not self.engine_seconds:
            return None
        shares = (1 - engine / wall for engine, wall in zip(self.engine_seconds, self.seconds, strict=True))
        return statistics.median(shares)

    def latency(self, quantile: float) -> float:
        """Seconds for one headline, at a quantile of all that were asked."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]


@dataclass
class Run:
    """One model's run: the texts, the machine, and what each contender did."""

    model: str
    machine: dict[str, Any]
    size: Size
    lengths: list[int]
    passes: int
    notes: list[str] = field(default_factory=list)
    peaks: list[dict[str, float]] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def documents(self) -> int:
        return len(self.lengths)

    @property
    def tokens(self) -> int:
        return sum(self.lengths)

    @property
    def peak(self) -> float:
        """The fp32 GEMM peak in GFLOP/s: the best of all rounds and libraries."""
        return max(value for peak in self.peaks for value in peak.values())

    def gflops(self, contender: Measured) -> float:
        """Useful GFLOP/s: real pieces only; for rubriek without what it leaves out of the last layer."""
        work = flops(self.lengths, self.size, "first piece" if contender.is_rubriek else "whole")
        return work / contender.wall / 1e9

    def find(self, name: str) -> Measured | None:
        return next((one for one in self.measured if one.name == name), None)

    @property
    def reference(self) -> Measured | None:
        """Whose labels count as those of fp32: the plain export, one text a call, else rubriek fp32."""
        return self.find(REFERENCE) or self.find(FP32)

    def agreement(self, contender: Measured) -> float | None:
        """Share of the labels that are those of the reference; of more texts, where both answered them."""
        if self.reference is None:
            return None
        reference, labels = self.reference.labels, contender.labels
        if self.reference.more_labels and contender.more_labels:
            reference, labels = reference + self.reference.more_labels, labels + contender.more_labels
        return share_equal(reference, labels)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Run:
        parts = {**values, "size": Size(**values["size"])}
        parts["measured"] = [Measured(**one) for one in values["measured"]]
        return cls(**parts)


def padding_in_arrival_order(lengths: Sequence[int], batch: int) -> float:
    """Share of padding when texts are padded, in arrival order, to the longest of their batch."""
    batches = [lengths[start : start + batch] for start in range(0, len(lengths), batch)]
    return 1 - sum(lengths) / sum(max(one) * len(one) for one in batches)


def share_equal(one: Sequence[str], other: Sequence[str]) -> float:
    """Share of positions with equal entries."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
