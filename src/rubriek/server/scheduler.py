"""Continuous batching: the engine is handed the sequences of all requests that wait, batch after batch."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rubriek import batching
from rubriek.batching import SPECIAL_TOKENS, Sequences
from rubriek.errors import EngineError
from rubriek.server.queue import BatchQueue
from rubriek.server.tickets import BatchReport, Observer, Ticket, Wanted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.engines import Engine
    from rubriek.prepared import Prepared
    from rubriek.tokens import Tokens

PACE = 1 / 5000
"""Seconds that an engine takes for a piece, until it has been measured."""
HEADLINE = 16
"""Pieces of a short text."""
LINGER = 0.002
"""Seconds that a free engine waits, at most, for texts that are being tokenised right now."""


class Scheduler:
    """Runs the sequences of many requests through one engine.

    A sequence is due when it would be done if its request had an engine slot to itself: the time it came in,
    plus the time that its pieces and those before it in the same request take. So a headline does not wait
    for the thousand articles that came before it, nor an article for ever for headlines. As many batches are
    under way as the engine takes at once, each in a thread of its own.

    Parameters
    ----------
    engine : Engine
        What computes.
    labels : int
        How many logits a sequence has.
    token_budget : int, optional
        Most positions in a batch. Default: the engine's.
    limit : int
        Pieces that may wait; `reserve` refuses more.
    cache : int, default 0
        How many sequences' logits are kept for texts that come again.
    observer : Observer, optional
        Is told of batches.
    """

    def __init__(
        self,
        engine: Engine,
        labels: int,
        *,
        limit: int,
        token_budget: int | None = None,
        cache: int = 0,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.engine = engine
        self.limit = limit
        self.reserved = 0
        self._labels = labels
        self._queue = BatchQueue(token_budget or engine.token_budget)
        self._wanted: dict[bytes, Wanted] = {}
        self._cache: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._cache_size = cache
        self._observer = observer
        self._clock = clock
        self._pace = PACE
        self._order = 0
        self._idle = 0
        self._special: Tokens | None = None
        self._closed = False
        self._when_room: list[Callable[[], None]] = []
        self._promised = 0
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"rubriek-engine-{number}", daemon=True)
            for number in range(engine.parallel)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting_tokens(self) -> int:
        """Pieces that wait for the engine."""
        return self._queue.tokens

    @property
    def full(self) -> bool:
        """Whether there is no room even for a headline."""
        return self._queue.tokens + self.reserved + self._promised > self.limit - HEADLINE

    @property
    def waiting_seconds(self) -> float:
        """How long what waits now will take, about."""
        return (self._queue.tokens + self.reserved) * self._pace / max(1, self.engine.parallel)

    def reserve(self, tokens: int, *, otherwise: Callable[[], None] | None = None) -> bool:
        """Hold room in the queue for pieces that are about to come, if there is any.

        One that finds the queue empty always has room: it may be larger than the limit, but it is alone. Who
        waits for room comes before who does not, so that small requests do not keep a large one out.

        Parameters
        ----------
        tokens : int
            How many.
        otherwise : callable, optional
            If there is no room: called once, from any thread, as soon as less waits than now.
        """
        with self._changed:
            if not self._has_room(tokens, self._promised if otherwise is None else 0):
                if otherwise is not None:
                    self._when_room.append(otherwise)
                    self._promised += tokens
                return False
            self.reserved += tokens
            return True

    def has_room(self, tokens: int) -> bool:
        """Say whether `reserve` would hold room for so many pieces now."""
        with self._changed:
            return self._has_room(tokens, self._promised)

    def _has_room(self, tokens: int, promised: int) -> bool:
        held = self._queue.tokens + self.reserved
        return not held or held + promised + tokens <= self.limit

    def release(self, tokens: int) -> None:
        """Give back what `reserve` held."""
        with self._changed:
            self.reserved -= tokens
            self._room_made()
            self._changed.notify_all()

    def _room_made(self) -> None:
        callers, self._when_room, self._promised = self._when_room, [], 0
        for call in callers:
            call()

    def submit(self, prepared: Prepared, on_done: Callable[[], None], *, reserved: int = 0) -> Ticket:
        """Let sequences wait for the engine.

        Parameters
        ----------
        prepared : Prepared
            Texts, tokenised and cut.
        on_done : callable
            Called once, from any thread, when all logits are there or it failed.
        reserved : int, default 0
            What `reserve` held for them, and is given back now.

        Returns
        -------
        Ticket
        """
        sequences = prepared.sequences
        ids = prepared.tokens.ids
        with self._changed:
            self.reserved -= reserved
            ticket = Ticket(len(prepared), self._labels, self._clock(), on_done)
            if self._closed:
                ticket.error = EngineError("The scheduler is closed.")
                ticket.remaining = 0
            else:
                self._special = replace(prepared.tokens, ids=ids[:0])
                for place, (start, stop) in enumerate(zip(sequences.start, sequences.stop, strict=True)):
                    self._want(ticket, place, ids[start:stop])
                self._changed.notify_all()
            at_once = ticket.remaining == 0
        if at_once:
            on_done()
        return ticket

    def _want(self, ticket: Ticket, place: int, pieces: NDArray[np.int32]) -> None:
        key = pieces.tobytes()
        if (known := self._cached(key)) is not None:
            ticket.logits[place] = known
            ticket.remaining -= 1
            return
        ticket.due += (len(pieces) + SPECIAL_TOKENS) * self._pace
        wanted = self._wanted.get(key)
        if wanted is None:
            self._order += 1
            wanted = self._wanted[key] = Wanted(key, pieces, ticket.due, self._order)
            self._queue.add(wanted)
        else:
            self._queue.hasten(wanted, ticket.due)
            if self._observer is not None:
                self._observer.reused(cached=False)
        wanted.takers.append((ticket, place))
        ticket.places.append(wanted)

    def _cached(self, key: bytes) -> NDArray[np.float32] | None:
        if (known := self._cache.get(key)) is not None:
            self._cache.move_to_end(key)
            if self._observer is not None:
                self._observer.reused(cached=True)
        return known

    def cancel(self, ticket: Ticket) -> None:
        """Drop what nobody else waits for: the client is gone, or its time is up."""
        with self._changed:
            self._forget(ticket)
            self._room_made()

    def _forget(self, ticket: Ticket) -> None:
        for wanted in ticket.places:
            wanted.takers = [taker for taker in wanted.takers if taker[0] is not ticket]
            if not wanted.takers and wanted.queued:
                self._queue.remove(wanted)
                del self._wanted[wanted.key]
        ticket.places = []

    def close(self, timeout: float | None = None) -> None:
        """Finish what waits, then end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout)

    def _work(self) -> None:
        while batch := self._next():
            alone = self._idle == len(self._threads) - 1 and not self._queue
            started = self._clock()
            try:
                ids, mask = self._assemble(batch)
                logits = self.engine.run(ids, mask, alone=alone)
                if logits.shape != (len(batch), self._labels):
                    raise EngineError("The engine gave logits of another shape.", found=str(logits.shape))
            except Exception as error:  # whatever it is, only the requests in this batch fail
                self._failed(batch, error)
            else:
                self._done(batch, logits, started, ids.size)

    def _next(self) -> list[Wanted]:
        with self._changed:
            self._idle += 1
            try:
                self._wait_for_work()
                batch: list[Wanted] = self._queue.take(self._idle)  # type: ignore[assignment]
            finally:
                self._idle -= 1
            now = self._clock()
            for wanted in batch:
                for ticket, _ in wanted.takers:
                    if ticket.started == ticket.submitted:
                        ticket.started = now
            self._room_made()
            return batch

    def _wait_for_work(self) -> None:
        while not self._queue and not self._closed:
            self._changed.wait()
        # Others are about to join: a fuller batch costs less a text, and the wait is short.
        if self.reserved and self._queue.tokens < self._queue.token_budget and not self._closed:
            until = self._clock() + LINGER
            while self.reserved and (left := until - self._clock()) > 0:
                self._changed.wait(left)
            while not self._queue and not self._closed:
                self._changed.wait()

    def _assemble(self, batch: list[Wanted]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        assert self._special is not None
        offsets = np.cumsum([0, *(len(wanted.pieces) for wanted in batch)])
        pieces = np.concatenate([wanted.pieces for wanted in batch])
        tokens = replace(self._special, ids=pieces, offsets=offsets)
        rows = np.arange(len(batch))
        return batching.assemble(tokens, Sequences(rows, offsets[:-1], offsets[1:]), rows)

    def _done(self, batch: list[Wanted], logits: NDArray[np.float32], started: float, size: int) -> None:
        now = self._clock()
        finished: list[Ticket] = []
        with self._changed:
            self._pace += 0.1 * ((now - started) / size - self._pace)
            for wanted, row in zip(batch, logits, strict=True):
                self._wanted.pop(wanted.key, None)
                self._keep(wanted.key, row)
                for ticket, place in wanted.takers:
                    ticket.logits[place] = row
                    ticket.remaining -= 1
                    if ticket.remaining == 0:
                        ticket.finished = now
                        ticket.places = []
                        finished.append(ticket)
        if self._observer is not None:
            tokens = sum(wanted.length for wanted in batch)
            self._observer.batch(BatchReport(len(batch), tokens, size - tokens, now - started))
            self._observer.waiting(self._queue.tokens)
        for ticket in finished:
            ticket.on_done()

    def _keep(self, key: bytes, row: NDArray[np.float32]) -> None:
        if self._cache_size:
            self._cache[key] = row.copy()
            if len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)

    def _failed(self, batch: list[Wanted], error: Exception) -> None:
        with self._changed:
            failed = {ticket for wanted in batch for ticket, _ in wanted.takers}
            for wanted in batch:
                self._wanted.pop(wanted.key, None)
            for ticket in failed:
                ticket.error = error
                ticket.finished = self._clock()
                self._forget(ticket)
            self._room_made()
        for ticket in failed:
            ticket.on_done()
