"""Prepare a model in every form the contenders read; kept under benchmarks/.models."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import rubriek.models
from benchmarks import from_bundle
from benchmarks.flops import Size
from benchmarks.peers import ROOT, install_line, python_of
from benchmarks.texts import MAX_LENGTH, mixed_texts
from benchmarks.widen import widen, widened_config
from rubriek import hub
from rubriek.models.bundle import Bundle

MODELS = ROOT / "benchmarks" / ".models"
TRAINED = ROOT / "build" / "nl-news"
"""Where training leaves the built-in model in fp32; it is not in the repository."""
NAMES = ("base", "nl-news")
BASE_LAYERS = 12
LAYER = re.compile(r"(bert\.encoder\.layer\.)(\d+)(\..*)")
BASE_NOTE = (
    "The weights of base are made from those of nl-news: its middle layer left out, so that twelve "
    "remain, and each doubled in width (benchmarks/widen.py). That gives a dense 768-wide network that "
    "classifies nearly as nl-news does. Speed does not depend on the values; agreement does, and on "
    "random weights it would mean nothing."
)
SAMPLE_NAME = "benchmark texts, another draw"
SAMPLE_SEED = 1
"""The int8 bundle's agreement is measured on another draw of texts than the benchmark's when it is made."""


@dataclass(frozen=True)
class Forms:
    """One model, in each form that a contender reads."""

    huggingface: Path
    onnx: Path
    fp32: Path
    int8: Path

    @property
    def size(self) -> Size:
        config = json.loads((self.huggingface / "config.json").read_text(encoding="utf-8"))
        return Size(
            config["hidden_size"],
            config["intermediate_size"],
            config["num_hidden_layers"],
            len(config["id2label"]),
        )

    def weights(self, form: str) -> int:
        """Bytes of the weights in a form, as they are on disk."""
        folder: Path = getattr(self, form)
        files = [*folder.glob("model.onnx*"), *folder.glob("*.safetensors")]
        return sum(file.stat().st_size for file in files)


def prepare(name: str) -> Forms:
    """Make what is not there yet, anew only when the built-in model has changed."""
    built_in = hub.resolve("nl-news")
    folder = MODELS / f"{name}-{built_in.checksums['model.onnx'][:8]}"
    forms = Forms(*(folder / form for form in ("huggingface", "onnx", "fp32", "int8")))
    if name == "nl-news":
        forms = replace(forms, int8=built_in.folder)
    if not forms.huggingface.exists():
        _write_base(forms.huggingface) if name == "base" else _write_nl_news(forms.huggingface, built_in)
    if not forms.onnx.exists() and install_line("transformers") is None:
        _export(forms.huggingface, forms.onnx)
    if forms.onnx.exists():
        # text-embeddings-inference has no option for it: without this file it reads all 512 positions.
        limit = json.dumps({"max_seq_length": MAX_LENGTH, "do_lower_case": False})
        (forms.onnx / "sentence_bert_config.json").write_text(limit, encoding="utf-8")
    if not forms.fp32.exists():
        rubriek.models.import_model(forms.huggingface, forms.fp32, name=f"{name}-fp32", max_length=MAX_LENGTH)
    if not forms.int8.exists():
        # min_agreement=0: the benchmark reports the agreement it sees, whatever it is.
        rubriek.models.quantize(
            forms.fp32,
            forms.int8,
            sample=mixed_texts(seed=SAMPLE_SEED),
            sample_name=SAMPLE_NAME,
            min_agreement=0.0,
        )
    return forms


def notes(name: str) -> list[str]:
    """What a reader must know of the weights to read the agreement."""
    built_in = hub.resolve("nl-news")
    trained = as_trained(prepare("nl-news").huggingface, built_in)
    lines = [
        "The fp32 form of nl-news is as it was trained."
        if trained
        else "The fp32 form of nl-news has the weights that the int8 numbers of the built-in bundle stand "
        "for, so agreement shows the rounding of activations only."
    ]
    if (record := built_in.agreement) is not None:
        lines.append(
            f"The built-in bundle's own record: int8 gives fp32's label for {record.agreement:.1%} "
            f"of {record.documents} texts ({record.sample})."
        )
    if name == "base":
        lines.append(BASE_NOTE)
    return lines


def as_trained(folder: Path, bundle: Bundle) -> bool:
    """Whether a folder holds the very weights that a bundle was made from."""
    file = folder / "model.safetensors"
    if not file.is_file():
        return False
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    return bool(bundle.source.get("checksums", {}).get(file.name) == found)


def _write_nl_news(target: Path, bundle: Bundle) -> None:
    if as_trained(TRAINED, bundle):
        making = _making(target)
        shutil.copytree(TRAINED, making, dirs_exist_ok=True)
        making.rename(target)
        return
    config, weights = from_bundle.huggingface(bundle)
    write_huggingface(target, config, weights, bundle.tokenizer_file)


def _write_base(target: Path) -> None:
    """nl-news with its middle layers left out until BERT-base's twelve remain, each twice as wide."""
    small = prepare("nl-news").huggingface
    config = json.loads((small / "config.json").read_text(encoding="utf-8"))
    weights = load_file(small / "model.safetensors")
    while config["num_hidden_layers"] > BASE_LAYERS:
        weights = without_layer(weights, config["num_hidden_layers"] // 2)
        config["num_hidden_layers"] -= 1
    weights = widen(weights, config["num_attention_heads"])
    write_huggingface(target, widened_config(config), weights, small / "tokenizer.json")


def without_layer(weights: Mapping[str, NDArray[np.float32]], number: int) -> dict[str, NDArray[np.float32]]:
    """Leave out one encoder layer; those above it move down. The residual stream makes up for most of it."""
    kept = {}
    for name, weight in weights.items():
        if (match := LAYER.match(name)) is None or (layer := int(match[2])) < number:
            kept[name] = weight
        elif layer > number:
            kept[f"{match[1]}{layer - 1}{match[3]}"] = weight
    return kept


def write_huggingface(
    target: Path, config: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]], tokenizer: Path
) -> None:
    """Write a folder as transformers does; ``tokenizer`` is a tokenizer.json."""
    making = _making(target)
    arrays = {name: np.ascontiguousarray(weight) for name, weight in weights.items()}
    save_file(arrays, making / "model.safetensors", metadata={"format": "pt"})
    pieces = json.loads(tokenizer.read_text(encoding="utf-8"))
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": pieces["normalizer"]["lowercase"],
        "strip_accents": pieces["normalizer"]["strip_accents"],
    }
    for name, content in (("config.json", config), ("tokenizer_config.json", settings)):
        (making / name).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    vocabulary = sorted(pieces["model"]["vocab"], key=pieces["model"]["vocab"].__getitem__)
    (making / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    shutil.copyfile(tokenizer, making / "tokenizer.json")
    making.rename(target)


def _making(target: Path) -> Path:
    """An empty folder beside the target, to be renamed when whole; what a killed run left is removed."""
    making = target.with_name(f"{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    return making


def _export(source: Path, target: Path) -> None:
    making = _making(target)
    command = [str(python_of("transformers")), "-m", "benchmarks.export", str(source), str(making)]
    subprocess.run(command, cwd=ROOT, check=True)
    making.rename(target)
