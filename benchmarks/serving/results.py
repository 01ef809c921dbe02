"""What was measured of every service, and the figures that follow from it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.serving.outcomes import Stage


@dataclass
class Measured:
    """One service.

    Attributes
    ----------
    name : str
        Of the service, with its model and precision; see `Service.name`.
    version : str
        What it says of itself.
    stages : list of Stage
    local : list of float
        Documents per second of the local classifier: the passes around the stages.
    ideal : sequence of float
        p50 and p99 at 70 % of a perfect queue; see `benchmarks.serving.ideal`.
    """

    name: str
    version: str
    stages: list[Stage] = field(default_factory=list)
    local: list[float] = field(default_factory=list)
    ideal: Sequence[float] = ()

    def find(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def open_loop(self) -> list[Stage]:
        return [stage for stage in self.stages if stage.offered is not None]

    @property
    def rising(self) -> list[Stage]:
        """The stages of the picture, by rate: open loop, and not more than the service can do."""
        stages = [stage for stage in self.open_loop if re.fullmatch(r"\d+%", stage.name)]
        return sorted(stages, key=lambda stage: stage.offered or 0.0)

    @property
    def sustained(self) -> float:
        """The most good answers a second of any open-loop stage, in texts of average length."""
        return max((stage.throughput for stage in self.open_loop), default=0.0)

    @property
    def local_throughput(self) -> float | None:
        return statistics.median(self.local) if self.local else None

    @property
    def peak_memory(self) -> float:
        return max((max(stage.memory, default=0.0) for stage in self.stages), default=0.0)


@dataclass
class Run:
    """One run: the machine, the texts, and what each service did.

    Attributes
    ----------
    machine : dict
        See `benchmarks.machine.describe`.
    documents, articles : int
        Texts in all, and how many of them are articles.
    pieces : dict
        Of an average text, by model.
    quick : bool
        Whether it only tried whether everything runs.
    """

    machine: dict[str, Any]
    documents: int
    articles: int
    quick: bool
    pieces: dict[str, float] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def find(self, kind: str, model: str, precision: str) -> Measured | None:
        name = f"{kind}: {model} {precision}"
        return next((one for one in self.measured if one.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Run:
        measured = [
            Measured(**{**one, "stages": [Stage(**stage) for stage in one["stages"]]})
            for one in values["measured"]
        ]
        return cls(**{**values, "measured": measured})
