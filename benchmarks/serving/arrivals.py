"""When requests come, and what they ask."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence


def poisson(rate: float, seconds: float, rng: random.Random) -> list[float]:
    """Arrival times in seconds of users who do not know of each other: independent, exponential gaps.

    Parameters
    ----------
    rate : float
        Requests per second, on average.
    seconds : float
        Length of the stage; every time lies in [0, seconds).
    rng : random.Random
        Where the gaps come from.
    """
    times: list[float] = []
    now = rng.expovariate(rate)
    while now < seconds:
        times.append(now)
        now += rng.expovariate(rate)
    return times


def mix(texts: Sequence[int], rng: random.Random) -> Iterator[int]:
    """All texts in one random order, over and over.

    Drawn with replacement, a short stage may get twice the articles that another gets, and an article costs
    ten headlines. In another order each time round, a text could come again while it still waits, and a
    service that answers equal texts once would gain by it.
    """
    return itertools.cycle(rng.sample(texts, len(texts)))
