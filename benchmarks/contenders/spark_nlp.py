"""The real Spark NLP on local[2]: DocumentAssembler, Tokenizer, BertForSequenceClassification on ONNX.

Model: a folder that loadSavedModel reads. One text goes through LightPipeline, which is its call for that.
The jars are those of ``$RUBRIEK_SHARED/peers/sparknlp-jars`` where they are, else what Maven Central gives.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pyspark
import sparknlp
from pyspark.ml import Pipeline
from pyspark.sql import SparkSession
from sparknlp.annotator import BertForSequenceClassification, Tokenizer
from sparknlp.base import DocumentAssembler, LightPipeline

from benchmarks.contenders.worker import serve
from benchmarks.peers import SPARKNLP_PACKAGE, sparknlp_jars

PARTITIONS = 16
"""More than cores, so that one long partition does not leave a core idle at the end."""


def session(settings: Mapping[str, str]) -> SparkSession:
    builder = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "6g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
        .config("spark.kryoserializer.buffer.max", "1000M")
        .config("spark.driver.maxResultSize", "0")
    )
    if jars := sparknlp_jars():
        builder = builder.config("spark.jars", ",".join(jars)).config(
            "spark.driver.extraClassPath", os.pathsep.join(jars)
        )
    else:
        builder = builder.config("spark.jars.packages", SPARKNLP_PACKAGE)
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


class SparkNlp:
    def __init__(self, given: argparse.Namespace, settings: Mapping[str, str] | None = None) -> None:
        self.spark = session(settings or {})
        self.spark.sparkContext.setLogLevel("ERROR")
        stages = [
            DocumentAssembler().setInputCol("text").setOutputCol("document"),
            Tokenizer().setInputCols(["document"]).setOutputCol("token"),
            BertForSequenceClassification.loadSavedModel(str(given.model), self.spark)
            .setInputCols(["document", "token"])
            .setOutputCol("class")
            .setCaseSensitive(True)
            .setMaxSentenceLength(given.max_length),
        ]
        nothing = self.spark.createDataFrame([[""]], ["text"])
        self.model = Pipeline(stages=stages).fit(nothing)
        self.light = LightPipeline(self.model)
        self.about = {
            "spark-nlp": sparknlp.version(),
            "pyspark": pyspark.__version__,
            "java": str(self.spark._jvm.System.getProperty("java.version")),
            "master": "local[2]",
            "partitions": PARTITIONS,
        }

    def classify(self, texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        frame = self.spark.createDataFrame([[text] for text in texts], ["text"]).repartition(PARTITIONS)
        rows = self.model.transform(frame).select("text", "class.result").collect()
        label = {row["text"]: row["result"][0] for row in rows}
        return [label[text] for text in texts], {"padding": 0.0}

    def classify_one(self, text: str) -> str:
        return str(self.light.annotate(text)["class"][0])


if __name__ == "__main__":
    # A whole pass: the JVM's compiler makes the second one some 15 % quicker than the first.
    serve(SparkNlp, warm_up=460)
