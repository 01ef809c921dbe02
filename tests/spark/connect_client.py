"""A client of Spark Connect for which py4j is forbidden: run by a test, with the server's address.

Prints a line of JSON for every thing it did.
"""

from __future__ import annotations

import json
import sys

import py4j.java_gateway
import pyarrow as pa
from pyspark.sql import Observation, SparkSession

import rubriek
import rubriek.spark
from rubriek.sparknlp.annotator import BertForSequenceClassification, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, Pipeline

TEXTS = ["De koning opent een museum.", None, "", "Beurs sluit hoger 😀 na winst"] * 3


def main(address: str, folder: str) -> None:
    """Do on the server what the tests of classic Spark do, once each."""
    py4j.java_gateway.JavaGateway.__init__ = forbidden
    spark = SparkSession.builder.remote(address).getOrCreate()
    data = spark.createDataFrame(list(enumerate(TEXTS)), "id int, text string").repartition(2)
    local = rubriek.load(folder, threads=1)
    expected = local.classify(pa.array(TEXTS)).to_pylist()

    observation = Observation("run")
    result = local.transform(data, "text", observe=observation)
    rows = result.orderBy("id").collect()
    found = [row.prediction and row.prediction.asDict(recursive=True) for row in rows]
    report("classify", same=all(map(same, found, expected)), rows=len(found), counts=observation.get)

    again = rubriek.spark.classify(data, "text", model=folder)  # sent already
    report("again", labels=again.where("prediction.label IS NOT NULL").count())

    rubriek.spark.register(spark, "rubriek_classify", folder)
    data.createOrReplaceTempView("articles")
    sql = spark.sql("SELECT id, rubriek_classify(text).label AS label FROM articles ORDER BY id")
    report("sql", same=[row.label for row in sql.collect()] == [one["label"] for one in expected])

    classifier = BertForSequenceClassification.of(local.bundle).setInputCols(["document", "token"])
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer(), classifier.setOutputCol("class")]
    model = Pipeline(stages=stages).fit(data)
    rows = model.transform(data).orderBy("id").selectExpr("class.result AS found").collect()
    locally = model.transform(pa.table({"text": TEXTS}))["class"].to_pylist()
    report(
        "sparknlp", same=[row.found for row in rows] == [[one["result"] for one in row] for row in locally]
    )
    spark.stop()


def forbidden(*_: object, **__: object) -> None:
    """Stand where every way to a JVM begins."""
    raise AssertionError("py4j was used")


def same(found: dict | None, expected: dict) -> bool:
    """Equal, scores to 1e-5: rows that are packed together differ between partitions."""
    if found is None:
        return expected["label"] is None
    scores = zip(found["scores"].values(), expected["scores"].values(), strict=True)
    return found["tokens"] == expected["tokens"] and all(abs(one - other) < 1e-5 for one, other in scores)


def report(name: str, **values: object) -> None:
    """Print a line of JSON."""
    sys.stdout.write(json.dumps({"name": name, **values}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
