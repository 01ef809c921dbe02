"""Export a Hugging Face folder to plain ONNX, the way most people do it: with torch.

Runs in the environment of the transformers peer: ``python -m benchmarks.export HUGGING_FACE_FOLDER TARGET``.
TARGET becomes what Spark NLP's loadSavedModel reads (model.onnx and assets/) and what
text-embeddings-inference reads (onnx/model.onnx, config.json, tokenizer.json).
"""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path

OPSET = 17
"""Read by every ONNX Runtime in the comparison, the oldest being 1.19.2 inside Spark NLP."""


def export(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(source, attn_implementation="eager").eval()
    (target / "assets").mkdir(parents=True, exist_ok=True)
    (target / "onnx").mkdir(exist_ok=True)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = torch.ones((2, 16), dtype=torch.int64)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example, example, torch.zeros_like(example)),
            str(target / "model.onnx"),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "sequence"} for name in names} | {"logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    labels = [label for _, label in sorted(model.config.id2label.items())]
    (target / "assets" / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    shutil.copyfile(source / "vocab.txt", target / "assets" / "vocab.txt")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, target / name)
    (target / "onnx" / "model.onnx").unlink(missing_ok=True)
    (target / "onnx" / "model.onnx").hardlink_to(target / "model.onnx")


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
