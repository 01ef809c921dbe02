"""Labels that no table takes as names: found before a run, or kept as values."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rubriek
import rubriek.spark
from rubriek.classifier import Classifier
from rubriek.errors import ColumnError, InputError, OptionError, RubriekWarning
from rubriek.models import Bundle
from rubriek.spark import job
from rubriek.spark.labels import in_form

TEXTS = ["De koning opent een museum.", None, "Beurs sluit hoger"]


@pytest.fixture(scope="module")
def data(spark):
    return spark.createDataFrame(list(enumerate(TEXTS)), "id int, text string").coalesce(1)


@pytest.fixture(scope="module")
def local(tiny_a):
    return rubriek.load(tiny_a.folder, threads=1)


@pytest.fixture(scope="module")
def clashing(tiny_a) -> Classifier:
    """Its first two labels differ by case alone."""
    labels = ("Sport", "SPORT", *tiny_a.labels[2:])
    bundle = dataclasses.replace(Bundle.open(tiny_a.folder), labels=labels)
    return Classifier(bundle, rubriek.load(tiny_a.folder).engine)


def test_scores_as_values_are_the_scores_of_the_struct(local):
    results = local.classify(pa.array(TEXTS * 2), overflow="windows", window_scores=True, max_length=5)
    wanted = results["scores"].to_pylist()
    as_map, as_list = in_form(results, "map"), in_form(results, "list")
    assert [row and dict(row) for row in as_map["scores"].to_pylist()] == wanted
    assert [
        row and {one["label"]: one["score"] for one in row} for row in as_list["scores"].to_pylist()
    ] == wanted
    assert [rows and [dict(row) for row in rows] for rows in as_map["window_scores"].to_pylist()] == (
        results["window_scores"].to_pylist()
    )
    assert in_form(results.slice(1, 3), "map")["scores"].to_pylist() == as_map["scores"].to_pylist()[1:4]
    assert in_form(results.slice(0, 0), "list").schema == as_list.schema


def test_a_form_that_is_not_known_is_refused(data, local):
    with pytest.raises(OptionError, match="one of struct, map, list"):
        rubriek.spark.classify(data, model=local, scores="json")


@pytest.mark.parametrize("form", ["map", "list"])
def test_on_spark_labels_can_be_values(data, local, form):
    result = rubriek.spark.classify(data, model=local, scores=form)
    rows = [row.prediction for row in result.orderBy("id").collect()]
    wanted = local.predict(TEXTS)
    assert rows[1] is None
    for at in (0, 2):
        found = rows[at].scores if form == "map" else {one.label: one.score for one in rows[at].scores}
        assert found == pytest.approx(wanted[at].scores, abs=1e-5)


def test_labels_that_differ_by_case_alone_stop_before_any_work(data, clashing, spark):
    with pytest.raises(ColumnError, match=r"'Sport' and 'SPORT'(.|\n)*scores='map'"):
        rubriek.spark.classify(data, model=clashing)
    with pytest.raises(ColumnError, match="'Sport' and 'SPORT'"):
        rubriek.spark.register(spark, "clashing", clashing)
    assert (
        "map<string,float>"
        in rubriek.spark.classify(data, model=clashing, scores="map").schema.simpleString()
    )


def test_a_job_with_such_labels_stops_before_any_work_or_keeps_them_as_values(
    spark, clashing, local, tmp_path
):
    pq.write_table(pa.table({"text": TEXTS}), tmp_path / "in.parquet")
    output = tmp_path / "out"
    work = job.SparkJob([str(tmp_path / "in.parquet")], str(output), ["text"])
    with pytest.raises(ColumnError, match="'Sport' and 'SPORT'"):
        job.run(spark, work, clashing)
    assert not list(output.glob("input_file=*"))
    job.run(spark, dataclasses.replace(work, scores="map"), local)
    (part,) = output.rglob("part-*.parquet")
    scores = pq.read_table(part, partitioning=None)["scores"]
    assert [row and dict(row).keys() == set(local.labels) for row in scores.to_pylist()] == [True, None, True]


def test_where_tables_are_delta_s_names_that_it_does_not_take_are_said(data, local, spark, monkeypatch):
    bundle = dataclasses.replace(local.bundle, labels=("Cultuur & Media", *local.labels[1:]))
    spaced = Classifier(bundle, local.engine)
    before = spark.conf.get("spark.sql.sources.default")
    spark.conf.set("spark.sql.sources.default", "delta")
    try:
        with pytest.warns(RubriekWarning, match=r"'Cultuur & Media'.*scores='map'"):
            rubriek.spark.classify(data, model=spaced)
        rubriek.spark.classify(data, model=spaced, scores="map")
    finally:
        spark.conf.set("spark.sql.sources.default", before)
    rubriek.spark.classify(data, model=spaced)


def test_the_texts_are_found_as_everywhere(data, local, spark):
    assert rubriek.spark.classify(data, model=local).columns == ["id", "text", "prediction"]
    other = spark.createDataFrame([(1, "nrc")], "text int, source string")
    with pytest.raises(ColumnError, match=r"'text' that holds no text(.|\n)*int"):
        rubriek.spark.classify(other, model=local)
    void = spark.sql("SELECT CAST(NULL AS VOID) AS text, 'nrc' AS source")
    assert [row.prediction for row in rubriek.spark.classify(void, model=local).collect()] == [None]


def test_predict_points_to_the_way_of_spark(data, local):
    with pytest.raises(InputError, match=r"rubriek\.spark\.classify\(frame, \"text\"\)"):
        local.predict(data, text_column="text")
