"""Measure a model folder on JSONL files: accuracy per label with 95 % intervals.

    python training/evaluate.py MODEL FILE [FILE ...] [--part both|title|text] [--json]

MODEL is a Hugging Face folder, or a rubriek bundle (then rubriek must be installed). FILE has one
object a line with ``title``, ``label`` and, for articles, ``text``. A FILE that does not exist is
also looked for under the folder named by RUBRIEK_SHARED.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from metrics import as_table, report
from newsdata import LABELS, Item, encode, join, load_tokenizer, read_items


def texts_of(items: list[Item], part: str) -> list[str]:
    if part == "both":
        return [join(item.title, item.text) for item in items]
    return [getattr(item, part) for item in items]


def find(path: Path) -> Path:
    shared = Path(os.environ.get("RUBRIEK_SHARED", Path(__file__).parents[2] / "shared"))
    for candidate in (path, shared / path):
        if candidate.is_file():
            return candidate
    raise SystemExit(f"{path}: no such file, neither here nor under {shared} (RUBRIEK_SHARED)")


def logits_of(model: Path, texts: list[str]) -> np.ndarray:
    """Logits [texts, 9] in the order of LABELS; for a bundle the logarithms of its scores."""
    if (model / "rubriek.json").is_file():
        import rubriek

        answers = rubriek.load(str(model)).predict(texts)
        scores = np.array([[answer.scores[name] for name in LABELS] for answer in answers])
        return np.log(np.maximum(scores, 1e-30))
    from transformers import BertForSequenceClassification

    from finetune import predict

    network = BertForSequenceClassification.from_pretrained(model, local_files_only=True)
    names = [network.config.id2label[i] for i in range(network.config.num_labels)]
    logits = predict(network, encode(load_tokenizer(model / "tokenizer.json"), texts), bf16=False)
    return logits[:, [names.index(name) for name in LABELS]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="Hugging Face folder or rubriek bundle")
    parser.add_argument("files", type=Path, nargs="+", help="JSONL files with the true labels")
    parser.add_argument(
        "--part", choices=("both", "title", "text"), default="both", help="what the model reads"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = {}
    for path in arguments.files:
        items = read_items([find(path)])
        logits = logits_of(arguments.model, texts_of(items, arguments.part))
        found[f"{path.name} ({arguments.part})"] = report(logits, [item.label for item in items], LABELS)
    if arguments.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        print("\n".join(as_table(name, numbers) for name, numbers in found.items()))


if __name__ == "__main__":
    main()
