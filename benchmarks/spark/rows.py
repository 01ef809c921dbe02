"""The rows of the benchmark: Parquet folders in which each file is a partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.texts import ARTICLES, HEADLINES, many_headlines, mixed_texts

PARTITIONS = 8


@dataclass(frozen=True)
class Amounts:
    """How many texts.

    Attributes
    ----------
    articles, mixed_headlines : int
        Of the mix that all contenders get.
    headlines : int
        Of the run beside the local Classifier.
    scale : tuple of (int, int)
        Headlines and partitions of each run that the model of scale is fitted to.
    """

    articles: int = ARTICLES
    mixed_headlines: int = HEADLINES
    headlines: int = 50_000
    scale: tuple[tuple[int, int], ...] = ((5_000, 8), (1_000, 8), (1_000, 64))


QUICK = Amounts(4, 28, 800, ((400, 8), (100, 8), (100, 64)))


def mixed(amounts: Amounts) -> list[str]:
    return mixed_texts(amounts.articles, amounts.mixed_headlines)


def write_all(folder: Path, amounts: Amounts) -> None:
    """Write ``few`` (for warm-ups), ``mixed``, ``headlines`` and ``scale-ROWS-PARTITIONS`` into a folder."""
    headlines = many_headlines(amounts.headlines)
    write(folder / "few", [f"Kort bericht {number}" for number in range(2 * PARTITIONS)], PARTITIONS)
    write(folder / "mixed", mixed(amounts), PARTITIONS)
    write(folder / "headlines", headlines, PARTITIONS)
    for count, partitions in amounts.scale:
        write(scale_folder(folder, count, partitions), headlines[:count], partitions)


def scale_folder(folder: Path, count: int, partitions: int) -> Path:
    return folder / f"scale-{count}-{partitions}"


def write(folder: Path, texts: Sequence[str], partitions: int) -> None:
    """Write texts with their number as ``id``, in files of equal numbers of rows."""
    folder.mkdir(parents=True)
    table = pa.table({"id": pa.array(range(len(texts)), pa.int64()), "text": texts})
    edges = [len(texts) * number // partitions for number in range(partitions + 1)]
    for number, (start, end) in enumerate(pairwise(edges)):
        pq.write_table(table.slice(start, end - start), folder / f"part-{number:03}.parquet")
