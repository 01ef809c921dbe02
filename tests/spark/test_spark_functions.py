"""The classifier as a function of SQL."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as spark_functions

import rubriek.spark
from rubriek.errors import ModelNotFoundError
from rubriek.spark import functions

TEXTS = ["De koning opent een museum.", None, "", "Beurs sluit hoger 😀 na winst"] * 3


@pytest.fixture
def data(spark):
    frame = spark.createDataFrame(list(enumerate(TEXTS)), "id int, body string").repartition(2)
    frame.createOrReplaceTempView("articles")
    return frame


@pytest.fixture
def classified(data, tiny_a):
    rows = rubriek.spark.classify(data, "body", model=tiny_a.folder).orderBy("id").collect()
    return [row.prediction and row.prediction.asDict(recursive=True) for row in rows]


def close(row, expected) -> bool:
    """Equal, scores to 1e-5: rows that are packed together differ between partitions."""
    found = row.asDict(recursive=True)
    return (
        found["scores"] == pytest.approx(expected["scores"], abs=1e-5)
        and found["score"] == pytest.approx(expected["score"], abs=1e-5)
        and {**found, "scores": 0, "score": 0} == {**expected, "scores": 0, "score": 0}
    )


def test_sql_gives_what_classify_gives(spark, data, tiny_a, classified):
    rubriek.spark.register(spark, "rubriek_classify", tiny_a.folder)
    rows = spark.sql("SELECT id, rubriek_classify(body) AS prediction FROM articles ORDER BY id").collect()
    for row, expected in zip(rows, classified, strict=True):
        if expected is None:  # null, or a struct of nulls before PySpark 4.1
            assert set(row.prediction or [None]) == {None}
        else:
            assert close(row.prediction, expected)
    labels = spark.sql(
        "SELECT rubriek_classify(body).label AS label FROM articles WHERE body LIKE '%koning%'"
    )
    assert {row.label for row in labels.collect()} == {classified[0]["label"]}


def test_the_function_is_called_from_python_with_options(spark, data, tiny_a):
    function = rubriek.spark.register(spark, "short", tiny_a.folder, max_length=4)
    found = data.select(function("body").alias("one")).where("one.truncated").count()
    assert found == 6


def test_batches_of_any_size_and_order(spark, tiny_a):
    function = rubriek.spark.register(spark, "many", tiny_a.folder)
    data = spark.range(0, 40_000, 1, 1).selectExpr("id", "IF(id % 2 = 0, 'koning', NULL) AS body")
    found = data.select("id", function("body").label.isNull().alias("null"))
    assert found.where(spark_functions.expr("null != (id % 2 = 1)")).count() == 0


def test_the_form_for_older_spark_gives_the_same(spark, data, tiny_a, classified, monkeypatch):
    if hasattr(spark_functions, "arrow_udf"):
        monkeypatch.delattr(spark_functions, "arrow_udf")
    function = functions.register(spark, "older", tiny_a.folder)
    rows = data.select("id", function("body").alias("one")).orderBy("id").collect()
    for row, expected in zip(rows, classified, strict=True):
        if expected is None:  # a struct of nulls here
            assert set(row.one) == {None}
        else:
            assert close(row.one, expected)


def test_what_is_wrong_is_said_when_it_is_registered(spark):
    with pytest.raises(ModelNotFoundError):
        rubriek.spark.register(spark, "f", "no-such-model")
