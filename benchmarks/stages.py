"""Where rubriek's time goes, and how memory behaves: ``python -m benchmarks.stages [MODEL]``.

For several token budgets: documents/s, padding share, and the split over tokenising, packing, engine and
results. Then passes over ever new shapes, with the resident memory after each: it must level off.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import pyarrow as pa

import rubriek
from benchmarks.texts import MAX_LENGTH, mixed_texts
from rubriek.engines import ENGINES, PRECISIONS
from rubriek.statistics import STAGES, Statistics

BUDGETS = (256, 512, 1024, 2048, 4096, 8192)
MEMORY_PASSES = 6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    parser.add_argument("model", nargs="?", default="nl-news", help="anything rubriek.load takes")
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--precision", choices=PRECISIONS)
    given = parser.parse_args()
    classifier = rubriek.load(
        given.model, engine=given.engine, precision=given.precision, max_length=MAX_LENGTH
    )
    texts = pa.array(mixed_texts())
    classifier.classify(texts[:48])
    print(f"{classifier!r}, {len(texts)} texts, {resident_memory() / 1e6:,.0f} MB after loading\n")
    print("| token budget | documents/s | padding | " + " | ".join(STAGES) + " |")
    print("| ---: " * (3 + len(STAGES)) + "|")
    for budget in BUDGETS:
        found = Statistics()
        classifier.classify(texts, token_budget=budget, statistics=found)
        shares = (f"{found.seconds[stage] / found.total_seconds:.1%}" for stage in STAGES)
        rate = f"{found.documents_per_second:.1f}"
        print(f"| {budget} | {rate} | {found.padding_share:.1%} | " + " | ".join(shares) + " |")
    print("\n| pass over new shapes | resident memory, MB | peak, MB |\n| ---: | ---: | ---: |")
    for number in range(1, MEMORY_PASSES + 1):
        classifier.classify(pa.array(new_shapes(number)))
        print(f"| {number} | {resident_memory() / 1e6:,.0f} | {resident_memory('VmHWM') / 1e6:,.0f} |")


def new_shapes(seed: int, texts: int = 150) -> list[str]:
    """Texts of random lengths, so that each pass brings batches of shapes not seen before."""
    rng = random.Random(seed)
    words = " ".join(mixed_texts(articles=20, headlines=0, seed=seed)).split()
    return [" ".join(rng.sample(words, rng.randint(1, 150))) for _ in range(texts)]


def resident_memory(field: str = "VmRSS") -> int:
    """Bytes of this process in memory now, or at most so far (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
