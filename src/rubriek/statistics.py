"""What a run did: counts and times that add up over chunks, files and resumed jobs."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

STAGES = ("tokenize", "pack", "engine", "results")


@dataclass
class Statistics:
    """Counts and times of a run.

    Attributes
    ----------
    documents : int
        Rows answered, null rows included.
    nulls, empty : int
        Rows without a text, and rows whose text is empty or white space only.
    duplicates : int
        Rows answered with the result of an equal text.
    truncated : int
        Rows whose text was cut.
    windows : int
        Sequences that went through the engine.
    tokens, padding : int
        Real pieces, and padded positions, that went through the engine.
    batches : int
        Calls of the engine.
    labels : Counter
        How often each label was the best.
    over_threshold : Counter
        Multi-label models: how often each label was over its threshold.
    seconds : dict of str to float
        Wall time per stage: ``tokenize``, ``pack``, ``engine``, ``results``.

    Examples
    --------
    >>> total = Statistics(documents=2, tokens=30, padding=10)
    >>> total += Statistics(documents=1, tokens=10)
    >>> total.documents, total.padding_share
    (3, 0.2)
    """

    documents: int = 0
    nulls: int = 0
    empty: int = 0
    duplicates: int = 0
    truncated: int = 0
    windows: int = 0
    tokens: int = 0
    padding: int = 0
    batches: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    over_threshold: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    on_progress: Callable[[Statistics], None] | None = field(default=None, repr=False, compare=False)

    @property
    def total_seconds(self) -> float:
        """Wall time of all stages together."""
        return sum(self.seconds.values())

    @property
    def padding_share(self) -> float:
        """Padded positions as a share of all positions that went through the engine."""
        positions = self.tokens + self.padding
        return self.padding / positions if positions else 0.0

    @property
    def documents_per_second(self) -> float:
        """Rows answered a second."""
        return self.documents / self.total_seconds if self.total_seconds else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Real pieces a second."""
        return self.tokens / self.total_seconds if self.total_seconds else 0.0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start

    def progressed(self) -> None:
        """Tell whoever follows the run that the counts have changed."""
        if self.on_progress is not None:
            self.on_progress(self)

    def __iadd__(self, other: Statistics) -> Statistics:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.labels.update(other.labels)
        self.over_threshold.update(other.over_threshold)
        for stage, seconds in other.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, the times and the rates as plain values, ready for JSON."""
        return {
            **{name: getattr(self, name) for name in COUNTS},
            "labels": dict(self.labels.most_common()),
            "over_threshold": dict(self.over_threshold.most_common()),
            "seconds": dict(self.seconds),
            "padding_share": self.padding_share,
            "documents_per_second": self.documents_per_second,
            "tokens_per_second": self.tokens_per_second,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Statistics:
        """Rebuild statistics from `to_dict`.

        Examples
        --------
        >>> one = Statistics(documents=3)
        >>> Statistics.from_dict(one.to_dict()) == one
        True
        """
        seconds = {str(stage): float(value) for stage, value in values["seconds"].items()}
        # Jobs that were begun before there was this count have none.
        over = Counter(values.get("over_threshold", {}))
        statistics = cls(labels=Counter(values["labels"]), over_threshold=over, seconds=seconds)
        for name in COUNTS:
            setattr(statistics, name, int(values[name]))
        return statistics


COUNTS = tuple(item.name for item in dataclasses.fields(Statistics) if item.type == "int")
