"""The stages that a service goes through, and the one that runs them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.processes import cpu_seconds, cpu_seconds_of_all, memory
from benchmarks.serving.arrivals import mix, poisson
from benchmarks.serving.load import Target, closed_loop, open_loop
from benchmarks.serving.outcomes import Outcome, Stage, Texts, summarise
from benchmarks.texts import ARTICLES, HEADLINES
from rubriek.settings import usable_cores

SEED = 20231031
SAMPLE_SECONDS = 0.25
SATURATING = 1.3
"""Times the rate that a closed loop reached, to find the most that a service can do."""
AT = 0.7
"""Of saturation: where the latency is judged and the soak is run."""
OVERLOAD = 3.0
WARM_UP, WARM_UP_CLIENTS = 48, 4


@dataclass(frozen=True)
class Plan:
    """How much is asked.

    Attributes
    ----------
    articles, headlines : int
        Distinct texts that the local classifier answers, too.
    flood : int
        Further texts, for the stages that ask too much: more than wait at once, since rubriek answers equal
        ones once.
    closed : int
        Texts in a closed loop.
    shares : tuple of float
        Rising rates, as shares of saturation.
    seconds, long_seconds : float
        Length of an open-loop stage; of those that a target is about: saturation, `AT`, `OVERLOAD`.
    patience : float
        Seconds that are waited for missing answers after a stage.
    """

    articles: int = 4 * ARTICLES
    headlines: int = 4 * HEADLINES
    flood: int = 12_000
    closed: int = 230
    shares: tuple[float, ...] = (0.3, 0.5, AT, 0.9, 1.0)
    seconds: float = 8.0
    long_seconds: float = 25.0
    patience: float = 60.0


QUICK = Plan(24, 160, flood=2_000, closed=24, shares=(AT, 1.0), seconds=3.0, long_seconds=4.0, patience=20.0)


class Load:
    """The generator's side of one running service."""

    def __init__(
        self, target: Target, process: int, texts: Texts, plan: Plan, tell: Callable[[Stage], None]
    ) -> None:
        self.target, self.process, self.texts, self.plan, self.tell = target, process, texts, plan, tell
        self.rng = random.Random(SEED)
        known = len(texts.labels)
        self.order = mix(range(known), self.rng)
        self.flood = mix(range(known, len(texts.texts)), self.rng)

    def warm_up(self) -> None:
        asyncio.run(closed_loop(self.target, self._next(WARM_UP), WARM_UP_CLIENTS, self.plan.patience))

    def clients(self, number: int) -> Stage:
        """A closed loop."""
        chosen = self._next(self.plan.closed)
        name = "1 client" if number == 1 else f"{number} clients"
        begin = time.perf_counter()
        load = closed_loop(self.target, chosen, number, self.plan.patience * 2)
        outcomes, used = asyncio.run(self._observed(load))
        stage = summarise(name, outcomes, self.texts, seconds=time.perf_counter() - begin)
        return self._told(replace(stage, **used))

    def rate(self, name: str, rate: float, seconds: float | None = None, *, flood: bool = False) -> Stage:
        """An open loop at so many requests a second; with more texts where they will be too many."""
        seconds = seconds or self.plan.seconds
        arrivals = poisson(rate, seconds, self.rng)
        order = self.flood if flood else self.order
        load = open_loop(self.target, arrivals, order, self.plan.patience)
        outcomes, used = asyncio.run(self._observed(load))
        stage = summarise(name, outcomes, self.texts, seconds=seconds, offered=rate)
        return self._told(replace(stage, **used))

    def _next(self, number: int) -> list[int]:
        return [next(self.order) for _ in range(number)]

    def _told(self, stage: Stage) -> Stage:
        self.tell(stage)
        return stage

    async def _observed(
        self, load: Coroutine[None, None, list[Outcome]]
    ) -> tuple[list[Outcome], dict[str, Any]]:
        """Run a load; what it cost, and the service's memory meanwhile."""
        resident: list[float] = []
        sampling = asyncio.create_task(self._sample(resident))
        service, own, everyone = cpu_seconds(self.process), time.process_time(), cpu_seconds_of_all()
        begin = time.perf_counter()
        try:
            outcomes = await load
        finally:
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
        whole = (time.perf_counter() - begin) * usable_cores()
        service, own = cpu_seconds(self.process) - service, time.process_time() - own
        others = max(0.0, cpu_seconds_of_all() - everyone - service - own)
        cpu = {"service": service / whole, "generator": own / whole, "others": others / whole}
        return outcomes, {"cpu": cpu, "memory": resident}

    async def _sample(self, resident: list[float]) -> None:
        while True:
            resident.append(memory(self.process, "VmRSS"))
            await asyncio.sleep(SAMPLE_SECONDS)


def all_stages(load: Load, *, overload: bool) -> Iterator[Stage]:
    """Closed loops, saturation, rising rates, and at last more than can be done."""
    load.warm_up()
    alone, many = load.clients(1), load.clients(32)
    yield alone
    yield many
    most = max(alone.throughput, many.throughput)
    if most == 0:  # not one good answer: there is no rate to ask for
        return
    if overload:
        # Only a service that refuses what is too much can be asked too much: the others answer it all, late.
        saturated = load.rate("saturation", most * SATURATING, load.plan.long_seconds, flood=True)
        yield saturated
        most = saturated.throughput or most
    for share in load.plan.shares:
        yield load.rate(f"{share:.0%}", most * share, load.plan.long_seconds if share == AT else None)
    if overload:
        yield load.rate(f"{OVERLOAD:g} x overload", most * OVERLOAD, load.plan.long_seconds, flood=True)


def soak(load: Load, most: float, minutes: float) -> Stage:
    """A long stage at `AT` of the most that the service can do."""
    return load.rate(f"soak, {minutes:g} min at {AT:.0%}", most * AT, minutes * 60)
