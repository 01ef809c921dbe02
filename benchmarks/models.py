"""Prepare a model in every form the contenders read; kept under benchmarks/.models."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import rubriek.models
from benchmarks.flops import Size
from benchmarks.peers import ROOT, install_line, python_of
from benchmarks.texts import MAX_LENGTH, mixed_texts
from benchmarks.widen import widen, widened_config

MODELS = ROOT / "benchmarks" / ".models"
NAMES = ("base", "nl-news")
BASE_LAYERS = 12
LAYER = re.compile(r"(bert\.encoder\.layer\.)(\d+)(\..*)")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
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
    """Make what is not there yet; a second run finds everything."""
    folder = MODELS / name
    forms = Forms(*(folder / form for form in ("huggingface", "onnx", "fp32", "int8")))
    if not forms.huggingface.exists():
        _write_base(forms.huggingface) if name == "base" else _write_nl_news(forms.huggingface)
    if not forms.onnx.exists() and install_line("transformers") is None:
        _export(forms.huggingface, forms.onnx)
    if not forms.fp32.exists():
        rubriek.models.import_model(forms.huggingface, forms.fp32, name=f"{name}-fp32", max_length=MAX_LENGTH)
    if not forms.int8.exists():
        # min_agreement=0: the benchmark reports the agreement it sees, whatever it is.
        sample = mixed_texts(seed=SAMPLE_SEED)
        rubriek.models.quantize(forms.fp32, forms.int8, sample=sample, min_agreement=0.0)
    return forms


def _write_base(target: Path) -> None:
    """nl-news with its middle layers left out until BERT-base's twelve remain, each twice as wide."""
    small = prepare("nl-news").huggingface
    config = json.loads((small / "config.json").read_text(encoding="utf-8"))
    weights = load_file(small / "model.safetensors")
    while config["num_hidden_layers"] > BASE_LAYERS:
        weights = without_layer(weights, config["num_hidden_layers"] // 2)
        config["num_hidden_layers"] -= 1
    weights = widen(weights, config["num_attention_heads"])
    write_huggingface(target, widened_config(config), weights, tokenizer=small)


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
    target: Path, config: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]], *, tokenizer: Path
) -> None:
    """Write a folder as transformers does, under a temporary name first."""
    making = target.with_suffix(".making")
    making.mkdir(parents=True)
    arrays = {name: np.ascontiguousarray(weight) for name, weight in weights.items()}
    save_file(arrays, making / "model.safetensors", metadata={"format": "pt"})
    (making / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=1), encoding="utf-8")
    for file in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / file, making / file)
    making.rename(target)


def _export(source: Path, target: Path) -> None:
    making = target.with_suffix(".making")
    command = [str(python_of("transformers")), "-m", "benchmarks.export", str(source), str(making)]
    subprocess.run(command, cwd=ROOT, check=True)
    making.rename(target)
