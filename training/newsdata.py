"""Read the news items and turn them into piece ids, one view at a time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

LABELS = (
    "Binnenland",
    "Buitenland",
    "Cultuur & Media",
    "Economie",
    "Koningshuis",
    "Opmerkelijk",
    "Politiek",
    "Regionaal nieuws",
    "Tech",
)
MAX_PIECES = 256
"""Longest input in training, in pieces, [CLS] and [SEP] included."""
READ_PIECES = 384
"""Longest input that the finished model is to read: more than in training, because it measured better."""


@dataclass(frozen=True)
class Item:
    """One news item; ``text`` is empty for a headline without an article."""

    title: str
    text: str
    label: int


def read_items(paths: Iterable[Path]) -> list[Item]:
    """Read JSONL files with ``title``, ``label`` and (optionally) ``text``."""
    items = []
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                if row["label"] not in LABELS:
                    raise SystemExit(f"{path}:{number}: unknown label {row['label']!r}")
                items.append(Item(row["title"], row.get("text", ""), LABELS.index(row["label"])))
    return items


def join(title: str, text: str) -> str:
    """Join title and text as ``rubriek classify`` joins several columns: one newline.

    The pre-tokenizer treats a newline as a space, so any white space gives the same pieces.
    """
    return f"{title}\n{text}" if title and text else title or text


def load_tokenizer(path: Path, max_pieces: int | None = MAX_PIECES) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    if max_pieces:
        tokenizer.enable_truncation(max_pieces)
    else:
        tokenizer.no_truncation()
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def bucketed(
    lengths: Sequence[int], items_per_batch: int, rng: random.Random, pool: int = 16
) -> list[list[int]]:
    """Random batches of similar length: sorted inside pools of ``pool`` batches, then shuffled."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches = []
    step = items_per_batch * pool
    for start in range(0, len(order), step):
        chunk = sorted(order[start : start + step], key=lambda i: lengths[i])
        batches += [chunk[i : i + items_per_batch] for i in range(0, len(chunk), items_per_batch)]
    rng.shuffle(batches)
    return batches
