"""From a typed request to its answer: admission, tokenising, the engine, results; each stage timed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rubriek.server.problems import Problem, too_large

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.classifier import Classifier
    from rubriek.explaining import Explanation, Occlusion
    from rubriek.models.bundle import ProblemType
    from rubriek.prepared import Prepared
    from rubriek.server.limits import Limits
    from rubriek.server.scheduler import Scheduler
    from rubriek.server.served import Served

CHARACTERS_A_PIECE = 4
"""What a text is taken for until it has been tokenised; Dutch and English have a little more."""
SHARE_OF_QUEUE = 8
"""A request is put into the queue part by part, each an eighth of what may wait, two at a time."""
PARTS_AT_ONCE = 2
MOST_OF_A_TEXT = 4
"""A single text is read in windows of at most so many times the pieces that may wait."""
CHARACTERS_IN_THE_LOOP = 2000
"""More than these are tokenised in a thread. So few take a third of a millisecond, and going to a thread and
back, on a machine that is busy, takes longer."""
ROWS_IN_THE_LOOP = 16
"""More rows than these are turned into results in a thread."""
CHARACTERS_OF_LONG = 20_000
"""More than these are tokenised in a thread that is for long work alone: the model reads a part of them only,
but all are tokenised, and short texts must not wait for that."""
MAX_EXPLANATIONS = 8
"""Explanations that are under way or wait for their turn; one is read at a time."""
LONGEST_RETRY_AFTER = 60


@dataclass(slots=True)
class Timing:
    """Where the time of a request went, in seconds, and how much was read for it."""

    tokenize: float = 0.0
    queue: float = 0.0
    inference: float = 0.0
    texts: int = 0
    tokens: int = 0
    truncated: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """What a part of a request asks of a model.

    Attributes
    ----------
    served : Served
        The model.
    options : mapping
        Options of `rubriek.options.Options`.
    problem_type : str, optional
        How logits become scores, where that is not the model's own way; see `Classifier.finish`.
    """

    served: Served
    options: Mapping[str, Any]
    problem_type: ProblemType | None = None


class Answering:
    """Takes texts to their results through a model's scheduler, without ever holding up the event loop.

    Parameters
    ----------
    limits : Limits
        How much is taken on.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._threads = ThreadPoolExecutor(2, "rubriek-text")
        self._long = ThreadPoolExecutor(1, "rubriek-long")
        self._explanations = 0
        self._turn = asyncio.Lock()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()
        self._long.shutdown()

    async def in_thread(self, work: Any, *arguments: Any, long: bool = False) -> Any:
        """Do in a thread what would hold up the event loop; long work has a thread of its own."""
        threads = self._long if long else self._threads
        return await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Begin an explanation, before anything of its request is read.

        Raises
        ------
        Problem
            429 if too many are under way already.
        """
        if self._explanations >= MAX_EXPLANATIONS:
            raise overloaded(self._explanations)
        self._explanations += 1
        try:
            yield
        finally:
            self._explanations -= 1

    async def explanation(
        self, question: Question, choose: Callable[[], Occlusion], text: str, spans: int, timing: Timing
    ) -> Explanation:
        """Explain an answer, once those that came before are explained.

        Parameters
        ----------
        choose : callable
            Chooses what to leave out of the text.
        spans : int
            How often at most.

        Raises
        ------
        Problem
            429 if the queue has no room for its first part.
        """
        scheduler = question.served.scheduler
        first = min((spans + 1) * self._estimate(text, question), self._most_at_once)
        if not scheduler.has_room(first):
            raise overloaded(scheduler.waiting_seconds)
        async with self._turn:
            occlusion: Occlusion = await self.in_thread(choose, long=True)
            rows = await self.rows(question, occlusion.variants, timing, waits=True)
        return occlusion.explained(rows)

    async def rows(
        self, question: Question, texts: Sequence[str | None], timing: Timing, *, waits: bool = False
    ) -> list[dict[str, Any]]:
        """Answer all texts of a request.

        Raises
        ------
        Problem
            If the queue has no room for the first of them, unless it waits for room; see `part`.
        """
        parts = self._parts(texts, question)
        first = next(parts)
        if len(first) == len(texts):
            return await self.part(question, first, timing, waits=waits)
        rows: list[dict[str, Any]] = []

        async def all_parts() -> AsyncIterator[Sequence[str | None]]:
            yield first
            for part in parts:
                yield part

        async for answered in self.stream(question, all_parts(), timing, waits=waits):
            rows += answered
        return rows

    async def stream(
        self,
        question: Question,
        parts: AsyncIterator[Sequence[str | None]],
        timing: Timing,
        *,
        waits: bool = False,
    ) -> AsyncGenerator[list[dict[str, Any]]]:
        """Answer parts as they come, in their order; two are under way at once."""
        running: deque[asyncio.Task[list[dict[str, Any]]]] = deque()
        coming: asyncio.Task[Sequence[str | None] | None] | None = _next_of(parts)
        try:
            while coming is not None or running:
                awaited: list[asyncio.Task[Any]] = [running[0]] if running else []
                if coming is not None and len(running) < PARTS_AT_ONCE:
                    awaited.append(coming)
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                if running and running[0].done():
                    yield running.popleft().result()
                elif coming is not None:
                    part = coming.result()
                    coming = None
                    if part is not None:
                        running.append(asyncio.create_task(self.part(question, part, timing, waits=waits)))
                        waits = True
                        coming = _next_of(parts)
        finally:
            left = [*running, *([coming] if coming is not None else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def part(
        self, question: Question, texts: Sequence[str | None], timing: Timing, *, waits: bool = False
    ) -> list[dict[str, Any]]:
        """Answer texts that fit into the queue together.

        Parameters
        ----------
        waits : bool, default False
            Wait for room in the queue, instead of refusing: the request was taken on already.
        """
        scheduler = question.served.scheduler
        classifier = question.served.classifier
        reserved = sum(self._estimate(text, question) for text in texts)
        await self._room(scheduler, reserved, waits)
        start = time.perf_counter()
        try:
            prepared = await self._prepared(question, texts)
        except BaseException:
            scheduler.release(reserved)
            raise
        timing.tokenize += time.perf_counter() - start
        logits = await self._logits(scheduler, prepared, reserved, timing)
        work = (_finish, classifier, prepared, logits, question.problem_type)
        rows = await self.in_thread(*work) if len(texts) > ROWS_IN_THE_LOOP else work[0](*work[1:])
        timing.texts += len(rows)
        timing.tokens += sum(row["tokens"] or 0 for row in rows)
        timing.truncated += sum(row["truncated"] or 0 for row in rows)
        return rows

    async def _prepared(self, question: Question, texts: Sequence[str | None]) -> Prepared:
        characters = sum(len(text) for text in texts if text)
        if characters <= CHARACTERS_IN_THE_LOOP:
            return prepare(question, texts)
        prepared: Prepared = await self.in_thread(
            prepare, question, texts, long=characters > CHARACTERS_OF_LONG
        )
        return prepared

    @property
    def _most_at_once(self) -> int:
        return self.limits.queue_tokens // SHARE_OF_QUEUE

    def _parts(self, texts: Sequence[str | None], question: Question) -> Iterator[Sequence[str | None]]:
        most = self._most_at_once
        start = tokens = 0
        for place, text in enumerate(texts):
            tokens += self._estimate(text, question)
            if tokens > most and place > start:
                yield texts[start:place]
                start, tokens = place, self._estimate(text, question)
        yield texts[start:]

    def _estimate(self, text: str | None, question: Question) -> int:
        """Guess how many pieces are read of a text, from its length alone: refusing has to be cheap."""
        if text is None:
            return 0
        classifier = question.served.classifier
        pieces = len(text) // CHARACTERS_A_PIECE + 2
        length = _number(question, "max_length") or classifier.bundle.max_length
        overflow = question.options.get("overflow", classifier.options.overflow)
        if overflow != "windows" or pieces <= length:
            return min(pieces, length)
        # Every piece is read as often as windows overlap, which the client chooses.
        read = pieces * length // (_number(question, "stride") or max(1, length * 3 // 4))
        most = self.limits.queue_tokens * MOST_OF_A_TEXT
        if read > most:
            raise too_large(
                "A text would be read in too many windows.",
                expected=f"at most {most} pieces in all windows of a text",
                found=f"about {read}",
                hint="choose a larger stride, or send the text in parts",
            )
        return read

    async def _room(self, scheduler: Scheduler, tokens: int, waits: bool) -> None:
        loop = asyncio.get_running_loop()
        while True:
            room = loop.create_future()
            if scheduler.reserve(tokens, otherwise=partial(_soon, loop, _settle, room) if waits else None):
                return
            if not waits:
                raise overloaded(scheduler.waiting_seconds)
            await room

    async def _logits(
        self, scheduler: Scheduler, prepared: Prepared, reserved: int, timing: Timing
    ) -> NDArray[Any]:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        ticket = scheduler.submit(prepared, lambda: _soon(loop, _settle, done), reserved=reserved)
        try:
            await done
        except asyncio.CancelledError:
            scheduler.cancel(ticket)
            raise
        if ticket.error is not None:
            raise ticket.error
        timing.queue += ticket.started - ticket.submitted
        timing.inference += ticket.finished - ticket.started
        return ticket.logits


def _next_of(parts: AsyncIterator[Sequence[str | None]]) -> asyncio.Task[Sequence[str | None] | None]:
    async def one() -> Sequence[str | None] | None:
        return await anext(parts, None)

    return asyncio.create_task(one())


def overloaded(seconds: float) -> Problem:
    """Say that too much waits already, and when to come again."""
    again = min(max(1, round(seconds)), LONGEST_RETRY_AFTER)
    return Problem(
        429,
        "Overloaded",
        "More texts wait than this service takes on.",
        hint=f"try again in {again} s",
        headers={"Retry-After": str(again)},
    )


def _number(question: Question, option: str) -> int | None:
    """Look at an option that has not been checked yet: anything but a positive number counts as none."""
    value = question.options.get(option, getattr(question.served.classifier.options, option))
    return value if type(value) is int and value > 0 else None


def prepare(question: Question, texts: Sequence[str | None]) -> Prepared:
    """Tokenise and cut texts."""
    column = pa.array(texts, pa.large_string())
    return question.served.classifier.prepare(column, **question.options)


def _finish(
    classifier: Classifier, prepared: Prepared, logits: NDArray[Any], problem_type: ProblemType | None
) -> list[dict[str, Any]]:
    return classifier.finish(prepared, logits, problem_type=problem_type)


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _soon(loop: asyncio.AbstractEventLoop, call: Any, *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(call, *arguments)
