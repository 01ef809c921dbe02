"""The texts of the benchmark: long articles and short headlines, mixed, from the project's own data.

The data (``data/nieuws-train*.jsonl``) are news items written for this project: invented, never facts. Most
have about 130 pieces, while real articles have 470 on average, and 86 in 100 have 256 or more. So an
article here is several items of one section, joined until it has 220 words, which is more than 256 pieces:
every article is cut at 256, every headline is a title as it stands.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

DATA = tuple(
    Path(__file__).parents[1] / "data" / name for name in ("nieuws-train.jsonl", "nieuws-train-2.jsonl")
)
MAX_LENGTH = 256
"""Pieces at most, special tokens included; every contender cuts there."""
ARTICLES, HEADLINES = 60, 400
LONGEST_HEADLINE = 150
"""Characters; articles are far longer."""
WORDS_PER_ARTICLE = 220
ITEMS_PER_ARTICLE = 20
"""At most: the shortest items together have the words that an article needs."""
PIECES = 22_195
"""In all, with the tokenizer of nl-news, special tokens included."""


def mixed_texts(articles: int = ARTICLES, headlines: int = HEADLINES, seed: int = 20231031) -> list[str]:
    """Articles and headlines in random order; the same texts for the same arguments, no text twice."""
    rng = random.Random(seed)
    items = _items()
    rng.shuffle(items)
    titles = [item["title"] for item in items[:headlines]]
    rest: dict[str, list[str]] = {}
    for item in items[headlines:]:
        rest.setdefault(item["label"], []).append(f"{item['title']}\n{item['text']}")
    texts = titles + [_article(rest[rng.choice(sorted(rest))]) for _ in range(articles)]
    rng.shuffle(texts)
    return texts


def many_headlines(count: int, seed: int = 20231031) -> list[str]:
    """Distinct headlines, more than there are items: titles, then halves of two titles put together.

    The halves make nonsense of the lengths that titles have, which is what speed depends on. A title repeated
    would not do: rubriek answers equal texts once.
    """
    rng = random.Random(seed)
    titles = sorted({item["title"] for item in _items()})
    found = dict.fromkeys(rng.sample(titles, min(count, len(titles))))
    while len(found) < count:
        first, second = rng.choice(titles).split(), rng.choice(titles).split()
        found[" ".join(first[: len(first) // 2] + second[len(second) // 2 :])] = None
    texts = list(found)
    rng.shuffle(texts)
    return texts


def many_mixed_texts(count: int, seed: int = 20231031) -> list[str]:
    """Distinct texts in the proportion of `mixed_texts`; the articles are items in ever new company."""
    rng = random.Random(seed)
    articles = count * ARTICLES // (ARTICLES + HEADLINES)
    items = [f"{item['title']}\n{item['text']}" for item in _items()]
    texts = many_headlines(count - articles, seed) + [
        _article(rng.sample(items, ITEMS_PER_ARTICLE)) for _ in range(articles)
    ]
    rng.shuffle(texts)
    return texts


def piece_counts(texts: Sequence[str], tokenizer_file: Path, max_length: int = MAX_LENGTH) -> list[int]:
    """Pieces of each text, special tokens included, cut at the longest that a model reads."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]


def _items() -> list[dict[str, str]]:
    return [json.loads(line) for path in DATA for line in path.read_text(encoding="utf-8").splitlines()]


def _article(items: list[str]) -> str:
    """Take items from the end of the list until they make one long text."""
    taken: list[str] = []
    while sum(len(item.split()) for item in taken) < WORDS_PER_ARTICLE:
        taken.append(items.pop())
    return "\n".join(taken)
