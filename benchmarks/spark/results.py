"""What was measured on Spark, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.results import Measured, share_equal
from benchmarks.spark.contenders import FP32, LOCAL, ON_SPARK, PREDICT_BATCH
from benchmarks.spark.scaling import Fit, Point, fit


@dataclass
class SparkRun:
    """One run.

    Attributes
    ----------
    lengths : list of int
        Pieces of each mixed text, cut at 256.
    headlines : int
        Texts of the run beside the local Classifier.
    partitions : int
        Of the mixed texts and of the headlines.
    beside_peers, beside_itself : list of Measured
        BERT-base over mixed texts; nl-news over headlines, on Spark and without it.
    points : list of Point
        nl-news over some headlines on one and two cores.
    model_bytes : dict of str to int
        Size on disk of each rubriek contender's model, which is what an executor fetches.
    """

    machine: dict[str, Any]
    lengths: list[int]
    headlines: int
    partitions: int
    passes: int
    notes: list[str] = field(default_factory=list)
    beside_peers: list[Measured] = field(default_factory=list)
    beside_itself: list[Measured] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    model_bytes: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> list[Measured]:
        return [*self.beside_peers, *self.beside_itself]

    def find(self, name: str) -> Measured | None:
        return next((one for one in self.measured if one.name == name), None)

    def best(self, names: Sequence[str]) -> Measured | None:
        """The quickest of some contenders that were measured."""
        found = [one for one in map(self.find, names) if one is not None]
        return min(found, key=lambda one: one.wall, default=None)

    @property
    def overhead(self) -> float | None:
        """Spark's wall time over that of the local Classifier on the same rows, less one."""
        local, on_spark = self.find(LOCAL), self.find(ON_SPARK)
        return None if local is None or on_spark is None else on_spark.wall / local.wall - 1

    @property
    def reference(self) -> Measured | None:
        """Whose labels count as those of fp32: the plain export, else rubriek fp32."""
        return self.find(PREDICT_BATCH) or self.find(FP32)

    def agreement(self, one: Measured) -> float | None:
        if self.reference is None or one not in self.beside_peers:
            return None
        return share_equal(self.reference.labels, one.labels)

    @property
    def fitted(self) -> Fit | None:
        return fit(self.points) if self.points else None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SparkRun:
        parts = dict(values)
        for name, kind in (("beside_peers", Measured), ("beside_itself", Measured), ("points", Point)):
            parts[name] = [kind(**one) for one in values[name]]
        return cls(**parts)
