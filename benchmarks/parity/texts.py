"""Texts to compare on: the project's own news items, and junk made to hit every rule of a tokenizer."""

from __future__ import annotations

import json
import random
from pathlib import Path

from benchmarks.texts import DATA

NEWS, JUNK = 1200, 1300

SPACES = [" ", "  ", "\t", "\n", "\r\n", "\x0b", "\x0c"]
SPACES += ["\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u200b"]
SIGNS = list(".,;:!?*-()\"'/\\&%@#+=<>[]{}|~^`_$€£§©°…–—“”‘’„«»·¡¿،؟。、！？")
LETTERS = [*"abcdefghijklmnopqrstuvwxyzABCXYZéèëïöüçñåøßæœıİΑλЖя", "e\u0301", "o\u0308", "ﬁ", "Å", "Ḟ"]
_WORDS = (
    "de het een minister Haag Noord-Holland auto's zo'n 's-Gravenhage coördinatie één café e\u0301e\u0301n "
    "U.S.A. 15.000 3,5% 20:30 e-mail@voorbeeld.nl https://voorbeeld.nl/pad?x=1&y=2 #nieuws @iemand "
    "[CLS] [SEP] [PAD] [UNK] [MASK] ##en ## <br> &amp; \\n \\t \\r\\n (zie) ... „citaat” “citaat” ‘zo’ "
    "中文 日本語 한국어 العربية עברית ไทย हिन्दी 😀 🇳🇱 👩\u200d👩\u200d👧 \u2187 \u2188 \uf050 \ufffd"
)
WORDS = [*_WORDS.split(" "), "den Haag", "Den Haag"]
WHOLE: list[str | None] = [
    *(None, "", " ", "\n\n", "\u00a0", "\u200b", ".", "...", "?!?!", "(", "\x00", "\x00a\x00", "\ufeffBegin"),
    *("a" * 199, "a" * 200, "a" * 201, "a" * 5000, "woord " * 600, "-" * 300),
    *("é" * 250, "😀" * 120, "中" * 300, "a\x7fb"),
    *("Een. Twee! Drie? Vier.", "1. Een\n2. Twee", "Dhr. Jansen zei: 'Ja.' En toen…", "A.B.C. D.E. f.g."),
]


def default_texts(seed: int = 20231101) -> list[str | None]:
    """Invented news items and junk, the same for the same seed; one is null."""
    rng = random.Random(seed)
    items = [json.loads(line) for path in DATA for line in path.read_text(encoding="utf-8").splitlines()]
    rng.shuffle(items)
    news = [item["title"] if number % 3 else item["text"] for number, item in enumerate(items[:NEWS])]
    makers = (_soup, _sentence, _characters, _mangled)
    junk = [makers[number % len(makers)](rng, news) for number in range(JUNK)]
    texts: list[str | None] = [*WHOLE, *news, *junk]
    return texts


def _soup(rng: random.Random, news: list[str]) -> str:
    """Words, signs and spaces in any order."""
    parts = [rng.choice(rng.choice((WORDS, SIGNS, SPACES, LETTERS))) for _ in range(rng.randint(1, 40))]
    return "".join(parts)


def _sentence(rng: random.Random, news: list[str]) -> str:
    """Words with spaces between, signs stuck to them."""
    words = [
        rng.choice(["", "", rng.choice(SIGNS)]) + rng.choice(WORDS) + rng.choice(["", "", rng.choice(SIGNS)])
        for _ in range(rng.randint(1, 25))
    ]
    return rng.choice(SPACES).join(words)


def _characters(rng: random.Random, news: list[str]) -> str:
    """Characters from anywhere in Unicode; surrogates alone are none."""
    ranges = ((0, 0x17F), (0x2000, 0x2BFF), (0, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 60)))


def _mangled(rng: random.Random, news: list[str]) -> str:
    """A news item with characters replaced, doubled and dropped."""
    text = list(rng.choice(news))
    for _ in range(rng.randint(1, 12)):
        place = rng.randrange(len(text))
        others = ["", text[place] * 2, *map(rng.choice, (SIGNS, SPACES, LETTERS))]
        text[place] = rng.choice(others)
    return "".join(text)


def texts_of_file(file: Path) -> list[str | None]:
    """Texts of a file that ``rubriek classify`` reads: its column "text", or its only column of strings."""
    from rubriek.files.texts import read_texts

    texts: list[str | None] = read_texts(file).to_pylist()
    return texts
