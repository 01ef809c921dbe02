"""What to put in a word's place to see what it contributes: nothing, [UNK] or [MASK]?

Words are ranked by each of the three; then the tenth of the words that weigh most is taken out, again by each
of the three, and the fall of the label's log-odds is averaged over texts. The larger it is, the better the
ranking has found what the answer rests on; random words are the floor.

    python -m benchmarks.occlusion [--texts 45]
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

import rubriek
from rubriek.classifier import Classifier
from rubriek.explaining import evidence
from rubriek.word_boundaries import words

EXAMPLES = Path(__file__).parent.parent / "examples" / "nieuws.csv"
PLACEHOLDERS = {"nothing": "", "[UNK]": "[UNK]", "[MASK]": "[MASK]"}
CHARACTERS = 600
SHARE = 0.1


def replaced(text: str, places: list[tuple[int, int]], placeholder: str) -> str:
    """Put a placeholder in the place of some words."""
    for start, end in sorted(places, reverse=True):
        text = text[:start] + placeholder + text[end:]
    return text


def odds(classifier: Classifier, texts: list[str], labels: list[str]) -> np.ndarray:
    """Compute the log-odds of a label for each text."""
    scores = classifier.classify(pa.array(texts, pa.large_string()))["scores"].to_pylist()
    kind = classifier.bundle.problem_type
    return np.array([evidence(row, label, kind) for row, label in zip(scores, labels, strict=True)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=45)
    chosen = parser.parse_args().texts
    classifier = rubriek.load("nl-news")
    rows = random.Random(1).sample(pyarrow.csv.read_csv(EXAMPLES).to_pylist(), chosen)
    texts = [f"{row['title']}\n{row['text']}"[:CHARACTERS] for row in rows]
    labels = classifier.classify(pa.array(texts, pa.large_string()))["label"].to_pylist()
    whole = odds(classifier, texts, labels)
    places = [words(text) for text in texts]

    rankings: dict[str, list[np.ndarray]] = {}
    for name, placeholder in PLACEHOLDERS.items():
        variants = [
            (i, replaced(texts[i], [place], placeholder)) for i in range(chosen) for place in places[i]
        ]
        left = odds(classifier, [text for _, text in variants], [labels[i] for i, _ in variants])
        ends = np.cumsum([len(found) for found in places])[:-1]
        rankings[name] = [before - after for before, after in zip(whole, np.split(left, ends), strict=True)]
    drawn = np.random.default_rng(1)
    rankings["at random"] = [drawn.random(len(found)) for found in places]

    print(f"{chosen} texts of {EXAMPLES.name}, {sum(map(len, places)):,} words; {classifier!r}")
    print(f"{'ranked by':<12}" + "".join(f"{'taken out: ' + name:>22}" for name in PLACEHOLDERS))
    for name, weights in rankings.items():
        falls = []
        for placeholder in PLACEHOLDERS.values():
            emptied = []
            for text, found, weight in zip(texts, places, weights, strict=True):
                most = np.argsort(-weight)[: max(1, round(SHARE * len(found)))]
                emptied.append(replaced(text, [found[place] for place in most], placeholder))
            falls.append(float((whole - odds(classifier, emptied, labels)).mean()))
        print(f"{name:<12}" + "".join(f"{fall:>22.2f}" for fall in falls))


if __name__ == "__main__":
    main()
