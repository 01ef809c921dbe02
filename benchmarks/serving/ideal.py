"""What no service can beat in order of arrival: a single queue at the local classifier's full speed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.serving.arrivals import mix, poisson
from benchmarks.serving.outcomes import quantile

REQUESTS = 100_000


def ideal_latencies(pieces: Sequence[int], rate: float, pieces_per_second: float) -> tuple[float, float]:
    """p50 and p99 in seconds of texts that come at a rate and are read one after the other, and nothing else.

    No HTTP, no padding, no batch that has to end first: each text takes its pieces divided by the speed that
    the classifier reaches with all texts at once. Latency under Poisson arrivals has a tail even so.

    Parameters
    ----------
    pieces : sequence of int
        Of each text of the mix.
    rate : float
        Texts per second; the queue grows without end unless this is less than can be read.
    pieces_per_second : float
        What the local classifier reads.
    """
    rng = random.Random(0)
    order = mix(range(len(pieces)), rng)
    free, latencies = 0.0, []
    for arrival in poisson(rate, REQUESTS / rate, rng):
        free = max(free, arrival) + pieces[next(order)] / pieces_per_second
        latencies.append(free - arrival)
    return quantile(latencies, 0.5), quantile(latencies, 0.99)
