"""`pyspark.ml.functions.predict_batch_udf` with ONNX Runtime on the plain fp32 export.

Options: master, batch_size. One intra-op thread per worker, since there are as many workers as cores; the
session is kept by Spark's own cache over tasks and jobs. Texts are padded to the longest of their batch, in
arrival order: the function gets a batch of ``batch_size`` and nothing beyond it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyspark
from pyspark.ml.functions import predict_batch_udf
from pyspark.sql.types import IntegerType

from benchmarks.contenders.spark.serving import Sink, finish, serve, session


def loader(model: str, max_length: int) -> Callable[[], Callable[[np.ndarray], np.ndarray]]:
    def load() -> Callable[[np.ndarray], np.ndarray]:
        import onnxruntime
        import tokenizers

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        runtime = onnxruntime.InferenceSession(
            f"{model}/model.onnx", options, providers=["CPUExecutionProvider"]
        )
        tokenizer = tokenizers.Tokenizer.from_file(f"{model}/tokenizer.json")
        tokenizer.enable_truncation(max_length)
        tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]"))

        def predict(texts: np.ndarray) -> np.ndarray:
            encodings = tokenizer.encode_batch(texts.tolist())
            feeds = {
                "input_ids": np.array([encoding.ids for encoding in encodings]),
                "attention_mask": np.array([encoding.attention_mask for encoding in encodings]),
                "token_type_ids": np.array([encoding.type_ids for encoding in encodings]),
            }
            (logits,) = runtime.run(["logits"], feeds)
            return logits.argmax(axis=1)

        return predict

    return load


class PredictBatch:
    def __init__(self, given: argparse.Namespace) -> None:
        batch_size = int(given.options["batch_size"])
        self.spark = session(given.options["master"])
        self.udf: Any = predict_batch_udf(
            loader(str(given.model.resolve()), given.max_length),
            return_type=IntegerType(),
            batch_size=batch_size,
        )
        names = json.loads((given.model / "config.json").read_text(encoding="utf-8"))["id2label"]
        self.labels = [names[str(number)] for number in range(len(names))]
        self.about = {
            "batch_size": batch_size,
            "onnxruntime": onnxruntime.__version__,
            "pyspark": pyspark.__version__,
            "master": given.options["master"],
            "intra-op threads per worker": 1,
        }

    def classify(self, rows: Path, sink: Sink) -> dict[int, str]:
        frame = self.spark.read.parquet(str(rows)).withColumn("label", self.udf("text"))
        return {number: self.labels[int(label)] for number, label in finish(frame, "label", sink).items()}


if __name__ == "__main__":
    serve(PredictBatch)
