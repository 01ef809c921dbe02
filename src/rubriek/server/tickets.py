"""What a request holds while its sequences are on their way through the engine, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rubriek.batching import SPECIAL_TOKENS
from rubriek.server.queue import Waiting

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What an observer is told of a batch: rows, real pieces, padded positions, seconds."""

    rows: int
    tokens: int
    padding: int
    seconds: float


class Observer(Protocol):
    """Who wants to know what the scheduler does; called from its threads."""

    def batch(self, report: BatchReport) -> None:
        """Take note of a batch that has run."""

    def reused(self, *, cached: bool) -> None:
        """Take note of a sequence that was not computed: from the cache, or already under way."""

    def waiting(self, tokens: int) -> None:
        """Take note of how many pieces wait."""


class Ticket:
    """The sequences of one request, on their way through the engine.

    Attributes
    ----------
    logits : ndarray of float32, shape (sequences, labels)
        Filled in as batches come back.
    error : Exception or None
        Why there are none.
    submitted, started, finished : float
        Seconds on the scheduler's clock; ``started`` is when its first batch began.
    """

    __slots__ = (
        "due",
        "error",
        "finished",
        "logits",
        "on_done",
        "places",
        "remaining",
        "started",
        "submitted",
    )

    def __init__(self, sequences: int, labels: int, now: float, on_done: Callable[[], None]) -> None:
        self.logits = np.zeros((sequences, labels), dtype=np.float32)
        self.remaining = sequences
        self.on_done = on_done
        self.error: Exception | None = None
        self.due = self.submitted = self.started = self.finished = now
        self.places: list[Wanted] = []


class Wanted(Waiting):
    """A sequence and who wants its logits: requests with the same pieces share one."""

    __slots__ = ("key", "takers")

    def __init__(self, key: bytes, pieces: NDArray[np.int32], due: float, order: int) -> None:
        super().__init__(pieces, len(pieces) + SPECIAL_TOKENS, due, order)
        self.key = key
        self.takers: list[tuple[Ticket, int]] = []
