"""The real Spark NLP, as `benchmarks.contenders.spark_nlp` sets it up, over Parquet; option threads.

``threads`` is spark.jsl.settings.onnx.intraOpNumThreads; Spark NLP's own default is 6, whatever the machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.contenders.spark.serving import SETTINGS, Sink, finish, serve
from benchmarks.contenders.spark_nlp import SparkNlp


class SparkNlpOnRows(SparkNlp):
    def __init__(self, given: argparse.Namespace) -> None:
        threads = {"spark.jsl.settings.onnx.intraOpNumThreads": given.options["threads"]}
        super().__init__(given, SETTINGS | threads | {"spark.driver.memory": "6g"})
        del self.about["partitions"]
        self.about["intra-op threads"] = given.options["threads"]

    def classify(self, rows: Path, sink: Sink) -> dict[int, str]:  # type: ignore[override]
        answered = self.model.transform(self.spark.read.parquet(str(rows)))
        return finish(answered.selectExpr("id", "class.result[0] AS label"), "label", sink)


if __name__ == "__main__":
    # The JVM's compiler makes the second pass some 15 % quicker than the first.
    serve(SparkNlpOnRows, whole_warm_up=True)
