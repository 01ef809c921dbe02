"""The usual recipe: transformers' pipeline in a pandas UDF; options master and batch_size.

In its best honest form: an iterator UDF, the pipeline made once per Python worker and kept over tasks and
jobs, one torch thread per worker, since there are as many workers as cores.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyspark
import torch
import transformers
from pyspark.sql.functions import pandas_udf

from benchmarks.contenders.spark.serving import Sink, finish, serve, session


@functools.cache
def kept(model: str) -> Any:
    """The pipeline of this process."""
    torch.set_num_threads(1)
    return transformers.pipeline("text-classification", model=model, device="cpu")


def recipe(model: str, batch_size: int, max_length: int) -> Any:
    def classify(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        # By name: what is pickled along with this function is new in each task.
        from benchmarks.contenders.spark.transformers_in_pandas_udf import kept

        run = kept(model)
        for texts in batches:
            answers = run(texts.tolist(), batch_size=batch_size, truncation=True, max_length=max_length)
            yield pd.Series([answer["label"] for answer in answers])

    # pandas_udf reads the hints themselves, and here they are strings.
    classify.__annotations__ = {"batches": Iterator[pd.Series], "return": Iterator[pd.Series]}
    return pandas_udf(classify, "string")


class TransformersInPandasUdf:
    def __init__(self, given: argparse.Namespace) -> None:
        batch_size = int(given.options["batch_size"])
        self.spark = session(given.options["master"])
        self.udf = recipe(str(given.model), batch_size, given.max_length)
        self.about = {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "pyspark": pyspark.__version__,
            "master": given.options["master"],
            "torch threads per worker": 1,
        }

    def classify(self, rows: Path, sink: Sink) -> dict[int, str]:
        frame = self.spark.read.parquet(str(rows))
        return finish(frame.withColumn("label", self.udf("text")), "label", sink)


if __name__ == "__main__":
    serve(TransformersInPandasUdf)
