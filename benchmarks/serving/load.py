"""The load itself: open loop (users who do not wait for each other) and closed loop (clients who do)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from benchmarks.serving.connection import Pool, pool
from benchmarks.serving.outcomes import Outcome, best_label


@dataclass(frozen=True)
class Target:
    """Where requests go: a port of this machine, and one ready request for each text."""

    port: int
    requests: Sequence[bytes]


async def open_loop(
    target: Target, arrivals: Sequence[float], texts: Iterator[int], patience: float
) -> list[Outcome]:
    """Send a request at each arrival time, whatever became of those before it.

    Parameters
    ----------
    target : Target
    arrivals : sequence of float
        Seconds from the start, in order.
    texts : iterator of int
        Which text each of them asks about.
    patience : float
        Seconds to wait, after the last was sent, for answers that are still missing.

    Returns
    -------
    list of Outcome
        One for each arrival, in their order; nothing is left out.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    outcomes = [Outcome(next(texts), intended) for intended in arrivals]
    tasks = []
    async with pool(target.port) as connections:
        for place, outcome in enumerate(outcomes):
            if (wait := start + outcome.intended - loop.time()) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(_settle(connections, target, outcomes, place, start)))
        if tasks:
            await asyncio.wait(tasks, timeout=patience)
        await _cancel(tasks)
    return outcomes


async def closed_loop(target: Target, texts: Sequence[int], clients: int, patience: float) -> list[Outcome]:
    """So many clients, each of which asks about the next text as soon as it has its answer.

    Every text is asked about once; those whose turn did not come within ``patience`` seconds are left out.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    outcomes = [Outcome(text, math.nan) for text in texts]
    places = iter(range(len(outcomes)))

    async def client() -> None:
        for place in places:
            outcomes[place] = Outcome(outcomes[place].text, loop.time() - start)
            await _settle(connections, target, outcomes, place, start)

    async with pool(target.port) as connections:
        tasks = [asyncio.create_task(client()) for _ in range(clients)]
        await asyncio.wait(tasks, timeout=patience)
        await _cancel(tasks)
    return [outcome for outcome in outcomes if not math.isnan(outcome.intended)]


async def _settle(
    connections: Pool, target: Target, outcomes: list[Outcome], place: int, start: float
) -> None:
    """Ask, and put what became of it in its place."""
    loop = asyncio.get_running_loop()
    asked = outcomes[place]
    sent = loop.time() - start
    outcomes[place] = Outcome(asked.text, asked.intended, sent)
    try:
        answer = await connections.ask(target.requests[asked.text])
    except OSError:
        outcomes[place] = Outcome(asked.text, asked.intended, sent, loop.time() - start)
    else:
        ended = loop.time() - start
        label = best_label(answer.body) if answer.status == HTTPStatus.OK else None
        outcomes[place] = Outcome(asked.text, asked.intended, sent, ended, answer.status, label)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):  # a fault of the generator's own, not an answer of the service's
            raise result
