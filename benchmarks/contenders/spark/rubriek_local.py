"""rubriek's Classifier on the same Parquet folder, without Spark: what `rubriek.spark` is held against."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow.parquet as pq

import rubriek
from benchmarks.contenders.spark.serving import Sink, serve


class RubriekLocal:
    def __init__(self, given: argparse.Namespace) -> None:
        self.classifier = rubriek.load(given.model, max_length=given.max_length)
        engine = self.classifier.engine
        self.about = {
            "rubriek": rubriek.__version__,
            "engine": engine.name,
            "precision": engine.precision,
            "threads": engine.threads,
        }

    def classify(self, rows: Path, sink: Sink) -> dict[int, str]:
        answered = self.classifier.predict(pq.read_table(rows), text_column="text")
        if sink == "nothing":
            return {}
        return dict(zip(answered["id"].to_pylist(), answered["label"].to_pylist(), strict=True))


if __name__ == "__main__":
    serve(RubriekLocal)
