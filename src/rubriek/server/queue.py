"""Which sequences go into the next batch: those that are due, with others of their length."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CALL = 16
"""Padded positions that a batch may have: about as much work as another call of the engine takes."""


class Waiting:
    """A sequence that waits for the engine.

    Attributes
    ----------
    pieces : ndarray of int32, shape (pieces,)
        Its token ids, special tokens left out.
    length : int
        Sentence length, special tokens included.
    due : float
        Seconds on the queue's clock; who is due first goes first.
    order : int
        Its number, in order of arrival.
    queued : bool
        Whether it still waits; false once a batch has taken it.
    """

    __slots__ = ("due", "length", "order", "pieces", "queued")

    def __init__(self, pieces: NDArray[np.int32], length: int, due: float, order: int) -> None:
        self.pieces = pieces
        self.length = length
        self.due = due
        self.order = order
        self.queued = False

    def __lt__(self, other: Waiting) -> bool:
        return (self.length, self.order) < (other.length, other.order)


class BatchQueue:
    """Sequences of all requests, sorted by length, taken in batches around the one that is due first.

    It knows nothing of threads or clocks: whoever fills it says when a sequence is due.

    Examples
    --------
    >>> queue = BatchQueue(token_budget=40)
    >>> for order, (length, due) in enumerate([(20, 2.0), (10, 1.0), (300, 0.5), (11, 9.0)]):
    ...     queue.add(Waiting(None, length, due, order))
    >>> [[waiting.length for waiting in queue.take()] for _ in range(3)]
    [[300], [10, 11], [20]]
    """

    def __init__(self, token_budget: int) -> None:
        self.token_budget = token_budget
        self.tokens = 0
        self._by_length: list[Waiting] = []
        self._by_due: list[tuple[float, int, Waiting]] = []

    def __len__(self) -> int:
        return len(self._by_length)

    def add(self, waiting: Waiting) -> None:
        """Let a sequence wait."""
        waiting.queued = True
        self.tokens += waiting.length
        insort(self._by_length, waiting)
        heapq.heappush(self._by_due, (waiting.due, waiting.order, waiting))

    def hasten(self, waiting: Waiting, due: float) -> None:
        """Let a waiting sequence be due earlier: someone else wants it, too."""
        if waiting.queued and due < waiting.due:
            waiting.due = due
            heapq.heappush(self._by_due, (due, waiting.order, waiting))

    def remove(self, waiting: Waiting) -> None:
        """Drop a sequence that nobody waits for any more; one that was taken already stays so."""
        if waiting.queued:
            del self._by_length[bisect_left(self._by_length, waiting)]
            self._left(waiting)

    def take(self, slots: int = 1) -> list[Waiting]:
        """Take the next batch.

        Parameters
        ----------
        slots : int, default 1
            How many engine slots are free. A small queue is shared out among them.

        Returns
        -------
        list of Waiting
            The one that is due first, and as many of nearly its length as the token budget holds. Empty if
            none waits.
        """
        first = self._due_first()
        if first is None:
            return []
        low, high = self._around(first, share=-(-self.tokens // slots))
        batch = self._by_length[low:high]
        del self._by_length[low:high]
        for waiting in batch:
            self._left(waiting)
        return batch

    def _around(self, first: Waiting, share: int) -> tuple[int, int]:
        """Find the rows of a batch: neighbours in length, the nearest first, while they fit.

        A row that would have to be padded more than a call of the engine costs had better wait for the next.
        """
        rows = self._by_length
        low = bisect_left(rows, first)
        high = low + 1
        longest = real = first.length
        while low > 0 or high < len(rows):
            below = first.length - rows[low - 1].length if low > 0 else math.inf
            above = rows[high].length - first.length if high < len(rows) else math.inf
            added = rows[low - 1] if below <= above else rows[high]
            longest = max(longest, added.length)
            real += added.length
            size = (high - low + 1) * longest
            if size > self.token_budget or real > share or size - real > CALL:
                break
            if below <= above:
                low -= 1
            else:
                high += 1
        return low, high

    def _due_first(self) -> Waiting | None:
        """Look at the one that is due first; leave behind what was taken, dropped or hastened."""
        while self._by_due:
            due, _, waiting = self._by_due[0]
            if waiting.queued and waiting.due == due:
                return waiting
            heapq.heappop(self._by_due)
        return None

    def _left(self, waiting: Waiting) -> None:
        waiting.queued = False
        self.tokens -= waiting.length
