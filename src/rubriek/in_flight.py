"""Windows of sequences through an engine, one after the other, without a pause between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rubriek import batching
from rubriek.engines.inputs import check_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.engines import Engine
    from rubriek.prepared import Prepared
    from rubriek.statistics import Statistics

WAITING = 4
"""Batches that wait for the engine, for each that it runs: work enough while the next window is made."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A window that has been through the engine.

    Attributes
    ----------
    prepared : Prepared
        Its sequences.
    statistics : Statistics
        Where its counts and times were added.
    logits : ndarray of float32, shape (sequences, labels)
        In the order of the sequences.
    """

    prepared: Prepared
    statistics: Statistics
    logits: NDArray[np.float32]

    def collect(self, batch: NDArray[np.intp], future: Future[NDArray[np.float32]]) -> None:
        """Wait for a batch, and count it."""
        statistics, lengths = self.statistics, self.prepared.sequences.lengths[batch]
        with statistics.timed("engine"):
            self.logits[batch] = check_width(future.result(), self.logits.shape[1])
        real = int(lengths.sum())
        statistics.batches += 1
        statistics.windows += len(batch)
        statistics.tokens += real
        statistics.padding += len(batch) * int(lengths.max()) - real
        statistics.progressed()


Batch: TypeAlias = "tuple[NDArray[np.intp], Future[NDArray[np.float32]]]"


def run(engine: Engine, windows: Iterable[tuple[Prepared, Statistics]], labels: int) -> Iterator[Window]:
    """Send every sequence through the engine, in batches, and bring the logits back into order.

    While the next window is made, and while one is handed out, the engine works on batches that wait: the
    last of one window, and the first of the next.

    Parameters
    ----------
    engine : Engine
        What computes.
    windows : iterable of (Prepared, Statistics)
        Read one further than the window handed out, no more.
    labels : int
        How many the model has.

    Yields
    ------
    Window
        Each, in order.

    Raises
    ------
    EngineError
        If a batch fails; those behind it are given up.
    BundleError
        If the model gives more or fewer logits than it has labels.
    """
    # None stands behind the last batch of a window.
    running: deque[tuple[Window, Batch | None]] = deque()
    with ThreadPoolExecutor(engine.parallel, "rubriek") as pool:
        try:
            for prepared, statistics in windows:
                window = Window(prepared, statistics, np.zeros((len(prepared), labels), np.float32))
                parallel = engine.parallel
                budget = prepared.options.token_budget or engine.token_budget
                plan = list(batching.plan(prepared.sequences.lengths, token_budget=budget, parallel=parallel))
                alone = len(plan) == 1 and not running
                for batch in plan:
                    with statistics.timed("pack"):
                        ids, mask = prepared.assemble(batch)
                        running.append((window, (batch, pool.submit(engine.run, ids, mask, alone=alone))))
                    while len(running) > parallel * (1 + WAITING):
                        yield from _collected(*running.popleft())
                running.append((window, None))
                while running[0][0] is not window:
                    yield from _collected(*running.popleft())
            while running:
                yield from _collected(*running.popleft())
        finally:
            for _, waiting in running:
                if waiting is not None:
                    waiting[1].cancel()


def _collected(window: Window, batch: Batch | None) -> Iterator[Window]:
    if batch is None:
        yield window
    else:
        window.collect(*batch)
