"""What more cores give: ``python -m benchmarks.cores [MODEL] [--threads N ...]``.

For each number of threads, in a process of its own: documents/s over many texts, and how long one headline
and one article take when nothing else is asked.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import rubriek
from benchmarks import machine
from benchmarks.commands import tell
from benchmarks.stages import resident_memory
from benchmarks.texts import LONGEST_HEADLINE, MAX_LENGTH, many_mixed_texts, mixed_texts
from rubriek.engines import ENGINES, PRECISIONS
from rubriek.settings import usable_cores

HEADLINES, ARTICLES = 60, 20


class Measured(NamedTuple):
    """One number of threads."""

    rates: list[float]
    """Documents/s of each pass."""
    headline: float
    """Median seconds of one headline alone."""
    article: float
    """Median seconds of one article alone."""
    peak: int
    """Bytes in memory, at most."""


def measure(model: str, options: dict[str, Any], texts: int, passes: int) -> Measured:
    """Measure in this process, which should have done nothing before."""
    classifier = rubriek.load(model, max_length=MAX_LENGTH, **options)
    mixed = mixed_texts()
    headlines = [text for text in mixed if len(text) < LONGEST_HEADLINE][:HEADLINES]
    articles = [text for text in mixed if len(text) >= LONGEST_HEADLINE][:ARTICLES]

    def seconds(data: str | Sequence[str]) -> float:
        started = time.perf_counter()
        classifier.predict(data)
        return time.perf_counter() - started

    seconds(articles[0])
    headline, article = (statistics.median(map(seconds, some)) for some in (headlines, articles))
    many = many_mixed_texts(texts)
    seconds(many[: max(1, texts // 10)])
    rates = [texts / seconds(many) for _ in range(passes)]
    return Measured(rates, headline, article, resident_memory("VmHWM"))


def main() -> None:
    cores = usable_cores()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cores", description=__doc__)
    parser.add_argument("model", nargs="?", default="nl-news", help="anything rubriek.load takes")
    parser.add_argument(
        "--threads", type=int, nargs="+", help="numbers of threads (default: 1, 2, 4 ... up to all cores)"
    )
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--precision", choices=PRECISIONS)
    parser.add_argument("--texts", type=int, default=3000, help="how many (default 3000)")
    parser.add_argument("--passes", type=int, default=3, help="passes over them (default 3)")
    given = parser.parse_args()
    found = machine.describe()
    print(f"{given.model}, {given.texts} texts, medians of {given.passes} passes. {found['date']},")
    engine = given.engine or ENGINES[0]
    print(
        f"{found['cpu']}, {found['cores']} cores, {engine} {found['versions'].get(engine)}, "
        f"{given.precision or 'the precision of the model'}.\n"
    )
    print("| threads | documents/s | of each pass | one headline, ms | one article, ms | peak RSS, MB |")
    print("| ---: " * 6 + "|")
    for threads in given.threads or [2**n for n in range(cores.bit_length()) if 2**n <= cores]:
        tell(f"{threads} threads ...")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            options = {"engine": given.engine, "precision": given.precision, "threads": threads}
            one = process.submit(measure, given.model, options, given.texts, given.passes).result()
        rates = ", ".join(f"{rate:.0f}" for rate in one.rates)
        print(
            f"| {threads} | {statistics.median(one.rates):.0f} | {rates} | {one.headline * 1e3:.1f} "
            f"| {one.article * 1e3:.1f} | {one.peak / 1e6:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
