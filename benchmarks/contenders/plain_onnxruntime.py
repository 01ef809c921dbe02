"""ONNX Runtime fp32 on the plain export: one text a call, or padded in arrival order; option batch_size."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers
from numpy.typing import NDArray

from benchmarks.contenders.worker import serve


class PlainModel:
    """A session with ONNX Runtime's defaults and the tokenizer: what one writes first."""

    def __init__(self, folder: Path, max_length: int) -> None:
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(max_length)
        self.tokenizer.enable_padding(pad_id=self.tokenizer.token_to_id("[PAD]"))
        labels = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
        self.labels = [labels[str(i)] for i in range(len(labels))]

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Of texts padded to the longest of them, in one call; shape (texts, labels)."""
        encodings = self.tokenizer.encode_batch(list(texts))
        feeds = {
            "input_ids": np.array([encoding.ids for encoding in encodings]),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings]),
            "token_type_ids": np.array([encoding.type_ids for encoding in encodings]),
        }
        logits: NDArray[np.float32] = self.session.run(["logits"], feeds)[0]
        return logits


class PlainOnnxRuntime:
    def __init__(self, given: argparse.Namespace) -> None:
        self.batch = int(given.options["batch_size"])
        self.model = PlainModel(given.model, given.max_length)
        self.about = {"onnxruntime": onnxruntime.__version__, "precision": "fp32"}

    def classify(self, texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        labels: list[str] = []
        for start in range(0, len(texts), self.batch):
            labels += self._run(texts[start : start + self.batch])
        return labels, {}

    def classify_one(self, text: str) -> str:
        return self._run([text])[0]

    def _run(self, texts: Sequence[str]) -> list[str]:
        return [self.model.labels[index] for index in self.model.logits(texts).argmax(axis=1)]


if __name__ == "__main__":
    serve(PlainOnnxRuntime)
