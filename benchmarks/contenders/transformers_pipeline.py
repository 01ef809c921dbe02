"""transformers' text-classification pipeline on torch, fp32; option batch_size."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer, pipeline

from benchmarks.contenders.worker import serve


class TransformersPipeline:
    def __init__(self, given: argparse.Namespace) -> None:
        transformers.logging.set_verbosity_error()
        self.batch = int(given.options["batch_size"])
        self.cut = {"truncation": True, "max_length": given.max_length}
        self.pipeline = pipeline("text-classification", model=str(given.model), device="cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(given.model)
        self.about = {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "precision": str(self.pipeline.model.dtype),
        }

    def classify(self, texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        answers = self.pipeline(list(texts), batch_size=self.batch, **self.cut)
        return [answer["label"] for answer in answers], {}

    def classify_one(self, text: str) -> str:
        return str(self.pipeline(text, **self.cut)[0]["label"])


if __name__ == "__main__":
    serve(TransformersPipeline)
