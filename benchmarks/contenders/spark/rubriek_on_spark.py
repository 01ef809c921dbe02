"""rubriek through `rubriek.spark.classify`; options master and name."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pyspark

import rubriek.spark
from benchmarks.contenders.spark.serving import Sink, finish, serve, session


class RubriekOnSpark:
    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.spark = session(given.options["master"])
        self.about = {
            "rubriek": rubriek.__version__,
            "pyspark": pyspark.__version__,
            "master": given.options["master"],
            "engine threads per worker": 1,
        }

    def classify(self, rows: Path, sink: Sink) -> dict[int, str]:
        frame = self.spark.read.parquet(str(rows))
        answered: Any = rubriek.spark.classify(
            frame, "text", model=str(self.given.model), max_length=self.given.max_length
        )
        return finish(answered, "prediction.label", sink)


if __name__ == "__main__":
    serve(RubriekOnSpark)
