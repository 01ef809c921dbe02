"""`rubriek.spark.classify` on a classic session: the same answers, the same rows, checks on the driver."""

from __future__ import annotations

import os
import shutil

import pyarrow as pa
import pytest
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import Observation, functions, types

import rubriek
import rubriek.spark
from rubriek.errors import (
    BundleError,
    ColumnError,
    InputError,
    MissingExtraError,
    ModelNotFoundError,
    OptionError,
)
from rubriek.spark import counts, worker
from rubriek.statistics import Statistics

TEXTS = ["De koning opent een museum.", None, "", "  ", "Beurs sluit hoger 😀 na winst", "koning " * 700] * 7


@pytest.fixture(scope="module")
def data(spark):
    rows = [(number, text) for number, text in enumerate(TEXTS)]
    return spark.createDataFrame(rows, "id int, text string").repartition(3)


@pytest.fixture(scope="module")
def local(tiny_a):
    return rubriek.load(tiny_a.folder, threads=1)


def answers(frame) -> list:
    return [
        None if row.prediction is None else row.prediction.asDict(recursive=True)
        for row in frame.orderBy("id").collect()
    ]


def close(one, other) -> bool:
    """Equal, scores to 1e-5: rows that are packed together differ between partitions."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == pytest.approx(other, abs=1e-5) if isinstance(one, float) else one == other


@pytest.mark.parametrize(
    "options",
    [{}, {"overflow": "windows", "window_scores": True}, {"top_k": 2, "max_length": 8}],
    ids=["default", "windows", "top"],
)
def test_answers_are_those_of_the_local_classifier(data, local, tiny_a, options):
    found = answers(rubriek.spark.classify(data, "text", model=tiny_a.folder, **options))
    expected = local.classify(pa.array(TEXTS), **options).to_pylist()
    for text, one, other in zip(TEXTS, found, expected, strict=True):
        assert one is None if text is None else close(one, other)


def test_a_classifier_transforms_with_its_own_options(data, tiny_a):
    classifier = rubriek.load(tiny_a.folder, max_length=8)
    found = answers(classifier.transform(data, "text", top_k=1))
    expected = classifier.classify(pa.array(TEXTS), top_k=1).to_pylist()
    assert all(one is None or close(one, other) for one, other in zip(found, expected, strict=True))
    assert [one["truncated"] for one in found if one][:4] == [False, False, False, True]


def test_a_multi_label_model(data, multi_label):
    found = answers(rubriek.spark.classify(data, "text", model=multi_label.folder, threshold=0.4))
    expected = rubriek.load(multi_label.folder, threshold=0.4).classify(pa.array(TEXTS)).to_pylist()
    assert all(one is None or close(one, other) for one, other in zip(found, expected, strict=True))


def test_several_columns_are_joined_as_locally(spark, local, tiny_a):
    rows = [("De koning", "opent een museum"), ("Beurs", None), (None, None)]
    data = spark.createDataFrame(rows, "title string, body string").withColumn("id", functions.lit(1))
    found = rubriek.spark.classify(data, ["title", "body"], model=tiny_a.folder).collect()
    expected = local.predict(pa.table({"text": ["De koning\nopent een museum", "Beurs", None]})["text"])
    assert [row.prediction and row.prediction.tokens for row in found] == expected["tokens"].to_pylist()


def test_columns_of_any_type_pass_through_untouched(spark, tiny_a):
    columns = {
        "text": "'koning'",
        "byte": "CAST(1 AS TINYINT)",
        "short": "CAST(2 AS SMALLINT)",
        "long": "3L",
        "float": "CAST('NaN' AS FLOAT)",
        "double": "2.5D",
        "decimal": "CAST('12345678901234567890.123456789012345678' AS DECIMAL(38, 18))",
        "binary": "X'00FF'",
        "bool": "true",
        "date": "DATE '0001-01-01'",
        "timestamp": "TIMESTAMP '2024-02-29 12:34:56.789012'",
        "local": "TIMESTAMP_NTZ '1969-12-31 23:59:59.999999'",
        "days": "INTERVAL '1 02:03:04.5' DAY TO SECOND",
        "months": "INTERVAL '3-2' YEAR TO MONTH",
        "nothing": "NULL",
        "array": "ARRAY(1, NULL)",
        "map": "MAP('x', ARRAY(STRUCT(1 AS y)))",
        "struct": "NAMED_STRUCT('z', NULL, 'w', 'v')",
        "char": "CAST('ab ' AS CHAR(5))",
    }
    if hasattr(types, "CalendarIntervalType"):  # PySpark 3.5 cannot even name the schema of one
        columns["calendar"] = "MAKE_INTERVAL(1, 2, 0, -3, 4, 5, 6.5)"
        columns["nested"] = "MAP('x', ARRAY(STRUCT(INTERVAL '3' MONTH AS y)))"
    full = spark.sql("SELECT " + ", ".join(f"{value} AS `{name}`" for name, value in columns.items()))
    nulls = full.select(
        [functions.when(functions.rand() < 0, functions.col(n)).alias(n) for n in full.columns]
    )
    vector = functions.udf(lambda: Vectors.dense([1, 2]), VectorUDT())
    whole = full.union(nulls).withColumn("vector", vector())
    result = rubriek.spark.classify(whole, "text", model=tiny_a.folder)
    assert [(field.name, field.dataType) for field in result.schema.fields[:-1]] == [
        (field.name, field.dataType) for field in whole.schema.fields
    ]
    # What Python has no value for is compared as text, and NaN equals nothing.
    shown = [
        functions.col(name).cast("string") if name in {"float", "months", "calendar", "nested"} else name
        for name in whole.columns
    ]
    assert result.select(shown).collect() == whole.select(shown).collect()


def test_names_with_dots_twice_and_like_keywords(spark, tiny_a):
    data = spark.createDataFrame([("koning", 1, 2, 3)], ["te.xt", "a", "a", "select `"])
    row = rubriek.spark.classify(data, "te.xt", model=tiny_a.folder, output="my.prediction").first()
    assert row.__fields__ == ["te.xt", "a", "a", "select `", "my.prediction"]
    assert tuple(row)[:4] == ("koning", 1, 2, 3)


def test_metadata_of_columns_stays(spark, tiny_a):
    data = spark.createDataFrame([("koning",)], ["text"])
    data = data.select(functions.col("text").alias("text", metadata={"source": "krant"}))
    assert rubriek.spark.classify(data, "text", model=tiny_a.folder).schema["text"].metadata == {
        "source": "krant"
    }


def test_rows_keep_their_order_within_a_partition(spark, tiny_a):
    data = spark.range(0, 40_000, 1, 2).selectExpr("id", "concat('nieuws ', id % 100) AS text")
    result = rubriek.spark.classify(data, "text", model=tiny_a.folder)
    assert [row.id for row in result.select("id").collect()] == list(range(40_000))


def test_nothing_is_read_before_it_is_asked_for(spark, tiny_a):
    broken = spark.range(1).selectExpr("raise_error('read') AS text")
    result = rubriek.spark.classify(broken.selectExpr("CAST(text AS STRING)"), "text", model=tiny_a.folder)
    with pytest.raises(Exception, match="read"):
        result.collect()


def test_a_text_of_ten_megabytes(spark, tiny_a):
    # Words that no vocabulary has are read at once; 1.5 million that it has would take half a minute.
    part = "concat('nieuws ', repeat('x', 200), ' ')"
    data = spark.range(3).selectExpr("id", f"repeat({part}, IF(id = 1, 50000, 1)) AS text")
    assert data.selectExpr("max(length(text))").first()[0] > 10_000_000
    found = answers(rubriek.spark.classify(data, "text", model=tiny_a.folder))
    assert [one["truncated"] for one in found] == [False, True, False]
    assert found[1]["tokens"] >= 100_000


def test_a_text_that_is_too_long_fails_with_our_own_words(data, tiny_a):
    result = rubriek.spark.classify(data, "text", model=tiny_a.folder, overflow="error")
    with pytest.raises(Exception, match="overflow='truncate' cuts them and says so"):
        result.collect()


def test_what_is_wrong_is_said_on_the_driver(spark, data, tiny_a, tmp_path):
    def classify(column="text", model=tiny_a.folder, frame=data, **more):
        return rubriek.spark.classify(frame, column, model=model, **more)

    with pytest.raises(ColumnError, match=r"no column 'body'.\n  expected: one of 'id', 'text'"):
        classify("body")
    with pytest.raises(ColumnError, match="holds no text"):
        classify("id")
    with pytest.raises(ColumnError, match="nothing of it is overwritten"):
        classify(output="ID")
    with pytest.raises(ColumnError, match="2 columns named 'a'"):
        classify("a", frame=spark.createDataFrame([("x", "y")], ["a", "a"]))
    with pytest.raises(ModelNotFoundError):
        classify(model="no-such-model")
    with pytest.raises(OptionError, match="max_length"):
        classify(max_length=100_000)
    with pytest.raises(OptionError, match="engine"):
        classify(engine="none")
    with pytest.raises(InputError, match="no Spark DataFrame"):
        classify(frame=pa.table({"text": ["a"]}))


def test_a_corrupt_model_fails_on_the_driver(data, tiny_a, tmp_path):
    folder = shutil.copytree(tiny_a.folder, tmp_path / "corrupt")
    with (folder / "model.onnx").open("r+b") as file:
        file.seek(5000)
        file.write(b"\0" * 16)
    with pytest.raises(BundleError, match="is not the file that was written"):
        rubriek.spark.classify(data, "text", model=folder)


def test_the_counts_are_those_of_the_local_path(spark, local, tiny_a):
    rows = [(number, text) for number, text in enumerate(TEXTS)]
    data = spark.createDataFrame(rows, "id int, text string").coalesce(1)
    observation = Observation("run")
    result = rubriek.spark.classify(data, "text", model=tiny_a.folder, observe=observation)
    assert result.columns == ["id", "text", "prediction"]
    result.write.format("noop").mode("overwrite").save()
    expected = Statistics()
    local.classify(pa.array(TEXTS), statistics=expected)
    found = counts.statistics(observation.get)
    for name in counts.COUNTS:
        assert getattr(found, name) == getattr(expected, name), name
    assert observation.get["padding_share"] == pytest.approx(expected.padding_share)
    assert found.seconds["engine"] > 0


def test_counts_of_no_rows(spark, tiny_a):
    observation = Observation("nothing")
    data = spark.createDataFrame([], "text string")
    rubriek.spark.classify(data, "text", model=tiny_a.folder, observe=observation).collect()
    assert observation.get["documents"] == 0
    assert observation.get["padding_share"] == 0


def test_a_worker_opens_the_model_once_and_keeps_it(spark, tiny_a):
    """Across the tasks of a stage, stages and jobs; asked of the workers' own books."""
    data = spark.range(0, 400, 1, 4).selectExpr("concat('nieuws ', id) AS text")
    result = rubriek.spark.classify(data, "text", model=tiny_a.folder, token_budget=777)
    for _ in range(2):
        result.repartition(4).write.format("noop").mode("overwrite").save()

    def look(batches):
        for _ in batches:
            pass
        kept = worker._classifier.cache_info()
        yield pa.record_batch(
            {"pid": [os.getpid()], "opened": [kept.misses], "used": [kept.hits], "kept": [kept.currsize]}
        )

    found = spark.range(0, 4, 1, 4).mapInArrow(look, "pid long, opened long, used long, kept long").collect()
    used = [row for row in found if row.opened]
    assert used
    assert all(row.opened == row.kept for row in used)  # none was opened twice
    assert sum({row.pid: row.used for row in used}.values()) >= 4


def test_a_task_has_as_many_threads_as_cores(spark):
    def look(batches):
        for _ in batches:
            pass
        yield pa.record_batch({"threads": [worker.task_threads()]})

    assert worker.task_threads() is None
    found = spark.range(0, 2, 1, 2).mapInArrow(look, "threads long").collect()
    assert [row.threads for row in found] == [1, 1]


def test_without_pyspark_the_error_names_the_extra(tiny_a, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[spark\]"):
        rubriek.spark.classify(object(), "text", model=tiny_a.folder)
