"""Train nl-news: one command from the encoder and the invented items to a Hugging Face folder.

    python training/train.py --encoder DIR --out DIR [--validation DIR]

Stopped and started again with the same arguments it goes on after the last seed that was finished.

Probe on mean-pooled features, fine-tuning of the whole network from there with several seeds, the
average of their weights; every stage is measured when --validation names the folder with
nu-articles.jsonl and nu-headlines.jsonl (used for measuring only).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from architecture import fit_probe, start_model
from finetune import EncodedItem, Recipe, encode_items, features, finetune, predict
from metrics import report
from newsdata import LABELS, READ_PIECES, Item, encode, join, load_tokenizer, read_items

HERE = Path(__file__).parent
PROBE_C = 0.01
"""Inverse regularisation strength of the probe; stronger than usual, the items are invented."""


STRONG = Recipe(epochs=1, planned_epochs=2, lr=1e-4, frozen_layers=6)
RUNS = {
    1: Recipe(epochs=2, planned_epochs=2, lr=5e-5, frozen_layers=6, cut=0.5),
    2: STRONG,
    3: STRONG,
    4: Recipe(),
    5: Recipe(),
}
"""Seed and recipe of the runs whose weights nl-news is the average of."""


class Log:
    """Print with the time, and keep the lines beside the checkpoints."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, line: str) -> None:
        stamped = f"{time.strftime('%H:%M:%S')} {line}"
        print(stamped, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(stamped + "\n")


class Validation:
    """Real articles and headlines: measured after every stage, never trained on."""

    def __init__(self, folder: Path | None, examples: Path, tokenizer: Tokenizer) -> None:
        self.sets: dict[str, tuple[list[list[int]], list[int]]] = {}
        if folder:
            articles = read_items([folder / "nu-articles.jsonl"])
            headlines = read_items([folder / "nu-headlines.jsonl"])
            self._add("articles", tokenizer, articles, [join(i.title, i.text) for i in articles])
            self._add("article titles", tokenizer, articles, [i.title for i in articles])
            self._add("headlines", tokenizer, headlines, [i.title for i in headlines])
        if examples.is_file():
            items = read_items([examples])
            self._add("invented examples", tokenizer, items, [join(i.title, i.text) for i in items])

    def _add(self, name: str, tokenizer: Tokenizer, items: list[Item], texts: list[str]) -> None:
        self.sets[name] = (encode(tokenizer, texts), [item.label for item in items])

    def measure(self, model: BertForSequenceClassification) -> dict[str, Any]:
        return {
            name: report(predict(model, rows), truth, LABELS) for name, (rows, truth) in self.sets.items()
        }


def short(numbers: dict[str, Any]) -> str:
    return ", ".join(f"{name} {found['accuracy']:.3f}" for name, found in numbers.items())


def save(model: BertForSequenceClassification, encoder: Path, out: Path) -> None:
    """Write a Hugging Face folder; it appears under its name only when it is complete."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as temporary:
        folder = Path(temporary) / out.name
        model.save_pretrained(folder)
        shutil.copyfile(encoder / "vocab.txt", folder / "vocab.txt")
        load_tokenizer(encoder / "tokenizer.json", None).save(str(folder / "tokenizer.json"))
        settings = json.loads((encoder / "tokenizer_config.json").read_text(encoding="utf-8"))
        settings["model_max_length"] = READ_PIECES
        text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
        (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
        (folder / "model.safetensors").chmod(0o644)
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)


def average(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of several runs' weights; runs from one start stay close enough for that."""
    return {
        key: torch.stack([state[key] for state in states]).mean(0) if first.is_floating_point() else first
        for key, first in states[0].items()
    }


class Checkpoint:
    """One finished seed in the work folder, used again only for the same recipe, items and encoder."""

    def __init__(self, work: Path, seed: int, sources: list[Path]) -> None:
        self.folder = work / f"seed-{seed}"
        self._record = self.folder / "made-from"
        digest = hashlib.sha256(repr((seed, RUNS[seed])).encode())
        for source in sources:
            digest.update(source.read_bytes())
        self._key = digest.hexdigest()

    @property
    def finished(self) -> bool:
        return self._record.is_file() and self._record.read_text(encoding="utf-8") == self._key

    def write(self, model: BertForSequenceClassification, encoder: Path) -> None:
        save(model, encoder, self.folder)
        unfinished = self._record.with_suffix(".unfinished")
        unfinished.write_text(self._key, encoding="utf-8")
        unfinished.rename(self._record)


def write_sample(items: list[Item], file: Path) -> None:
    """Write what int8 is made with: every third item, title and text."""
    with file.open("w", encoding="utf-8") as lines:
        for item in items[::3]:
            text = join(item.title, item.text)
            lines.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


def probe(encoder: Path, items: list[Item], tokenizer: Tokenizer, log: Log) -> BertForSequenceClassification:
    model = start_model(encoder)
    rows = encode(tokenizer, [join(i.title, i.text) for i in items] + [i.title for i in items])
    truth = np.array([item.label for item in items] * 2)
    accuracy = fit_probe(model, features(model, rows), truth, PROBE_C)
    log(f"probe: accuracy on its own training texts {accuracy:.3f}")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("RUBRIEK_SHARED", HERE.parents[1] / "shared"))
    parser.add_argument(
        "--encoder",
        type=Path,
        default=shared / "models" / "dutch-encoder",
        help="folder of the encoder (default: %(default)s)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        default=[HERE.parent / "data" / f for f in ("nieuws-train.jsonl", "nieuws-train-2.jsonl")],
        help="JSONL files to train on (default: the two in data/)",
    )
    parser.add_argument("--validation", type=Path, help="folder of the validation files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument(
        "--work", type=Path, help="folder for logs and checkpoints of the seeds (default: OUT.work)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        choices=list(RUNS),
        default=list(RUNS),
        help="which of the runs to make (default: all)",
    )
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    arguments = parser.parse_args()

    work = arguments.work or arguments.out.with_name(arguments.out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    log = Log(work / "train.log")
    torch.set_num_threads(arguments.threads)

    tokenizer = load_tokenizer(arguments.encoder / "tokenizer.json")
    items = read_items(arguments.data)
    validation = Validation(arguments.validation, shared / "data" / "nieuws-examples.jsonl", tokenizer)
    measured: dict[str, Any] = {"seeds": {}}

    model = probe(arguments.encoder, items, tokenizer, log)
    measured["probe"] = validation.measure(model)
    log(f"probe: {short(measured['probe'])}")
    save(model, arguments.encoder, work / "probe")

    encoded: list[EncodedItem] = encode_items(
        load_tokenizer(arguments.encoder / "tokenizer.json", None), items
    )
    specials = (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]"))
    states = []
    sources = [*arguments.data, arguments.encoder / "model.safetensors"]
    for seed in arguments.seeds:
        checkpoint = Checkpoint(work, seed, sources)
        start = checkpoint.folder if checkpoint.finished else work / "probe"
        run = BertForSequenceClassification.from_pretrained(start, local_files_only=True)
        if not checkpoint.finished:
            log(f"seed {seed}: {RUNS[seed]}")
            finetune(run, encoded, RUNS[seed], seed, specials, log)
            checkpoint.write(run, arguments.encoder)
        measured["seeds"][seed] = validation.measure(run)
        log(f"seed {seed}: {short(measured['seeds'][seed])}")
        states.append(run.state_dict())

    model.load_state_dict(average(states))
    measured["average"] = validation.measure(model)
    log(f"average of the seeds: {short(measured['average'])}")
    save(model, arguments.encoder, arguments.out)
    write_sample(items, work / "training-items.jsonl")
    (work / "measured.json").write_text(json.dumps(measured, ensure_ascii=False, indent=1), encoding="utf-8")
    log(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
