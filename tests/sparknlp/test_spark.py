"""The stages on Spark DataFrames."""

from __future__ import annotations

import json

import pyarrow as pa
import pyspark.ml
import pytest
from pyspark.ml.feature import SQLTransformer

from rubriek import nlu
from rubriek.sparknlp.annotation import Annotation
from rubriek.sparknlp.annotator import BertForSequenceClassification, SentenceDetector, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, Finisher, LightPipeline, Pipeline, PipelineModel
from rubriek.sparknlp.functions import (
    explode_annotations_col,
    filter_by_annotations_col,
    map_annotations_col,
    map_annotations_strict,
)

TEXTS = ["De koning opent een museum. Hij spreekt kort.", None, "", "Beurs sluit hoger 😀 na winst"]

LOCAL = pa.table({"id": pa.array(range(len(TEXTS)), pa.int32()), "text": TEXTS})


@pytest.fixture
def data(spark):
    return spark.createDataFrame([(number, text) for number, text in enumerate(TEXTS)], "id int, text string")


@pytest.fixture
def stages(tiny_a):
    classifier = BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"])
    return [DocumentAssembler().setInputCol("text"), Tokenizer(), classifier.setOutputCol("class")]


def plain(rows) -> list:
    return [row.asDict(recursive=True) for row in rows]


def test_the_schema_is_that_of_spark_nlp(data, stages, request):
    golden = json.loads((request.config.rootpath / "tests/data/golden/schema.json").read_text())
    result = Pipeline(stages=stages).fit(data).transform(data)
    assert json.loads(result.schema.json()) == golden


def test_rows_are_those_of_the_local_pipeline(data, stages):
    model = Pipeline(stages=stages).fit(data)
    on_spark = plain(model.transform(data).orderBy("id").collect())
    local = model.transform(LOCAL).to_pylist(maps_as_pydicts="strict")
    for found, expected in zip(on_spark, local, strict=True):
        for name in ("id", "text", "document", "token"):
            assert found[name] == expected[name]
        assert [item["result"] for item in found["class"]] == [item["result"] for item in expected["class"]]
        for one, other in zip(found["class"], expected["class"], strict=True):
            assert {key: float(value) for key, value in one["metadata"].items()} == pytest.approx(
                {key: float(value) for key, value in other["metadata"].items()}, abs=1e-5
            )


def test_stages_are_stages_of_spark_and_stand_next_to_foreign_ones(data, stages):
    assert all(isinstance(stage, pyspark.ml.Transformer | pyspark.ml.Estimator) for stage in stages)
    counted = SQLTransformer(statement="SELECT *, size(token) AS tokens FROM __THIS__")
    for kind in (pyspark.ml.Pipeline, Pipeline):
        model = kind(stages=[*stages[:2], counted, stages[2]]).fit(data)
        rows = model.transform(data).orderBy("id").select("tokens", "class.result").collect()
        assert [row.tokens for row in rows] == [10, 0, 0, 6]
        assert [len(row.result) for row in rows] == [1, 0, 0, 1]


def python_nodes(frame, capsys) -> int:
    """How often the rows go to Python and back, as the physical plan says."""
    capsys.readouterr()
    frame.explain()
    plan = capsys.readouterr().out
    assert "Python" not in plan.replace("PythonMapInArrow", "")
    return plan.count("MapInArrow ")


@pytest.mark.parametrize("kind", [pyspark.ml.Pipeline, Pipeline])
def test_stages_in_a_row_are_one_pass_through_python(data, stages, kind, capsys):
    sentences = SentenceDetector().setInputCols(["document"]).setOutputCol("sentence")
    finisher = Finisher().setInputCols(["class"]).setCleanAnnotations(False)
    result = kind(stages=[*stages, sentences, finisher]).fit(data).transform(data)
    assert python_nodes(result, capsys) == 1
    rows = result.orderBy("id").collect()
    assert [len(row.finished_class) for row in rows] == [1, 0, 0, 1]
    assert [len(row.sentence) for row in rows] == [2, 0, 0, 1]


def test_stages_with_another_between_them_are_two_passes(data, stages, capsys):
    counted = SQLTransformer(statement="SELECT *, size(token) AS tokens FROM __THIS__")
    result = pyspark.ml.Pipeline(stages=[*stages[:2], counted, stages[2]]).fit(data).transform(data)
    assert python_nodes(result, capsys) == 2


def test_what_is_kept_in_between_is_read_and_not_made_again(data, stages, capsys):
    first = Pipeline(stages=stages[:2]).fit(data).transform(data).cache()
    result = Pipeline(stages=stages[2:]).fit(first).transform(first)
    assert python_nodes(result, capsys) == 2  # one of them fills what is kept
    assert [len(row["class"]) for row in result.orderBy("id").collect()] == [1, 0, 0, 1]
    first.unpersist()


def test_stages_that_change_after_transform_change_nothing(data, stages):
    tokens = Pipeline(stages=stages[:2]).fit(data).transform(data)
    stages[0].setOutputCol("other")
    result = stages[2].transform(tokens)
    assert result.columns == ["id", "text", "document", "token", "class"]
    stages[2].setOutputCol("other")
    assert [len(row["class"]) for row in result.orderBy("id").collect()] == [1, 0, 0, 1]


def test_a_pipeline_of_spark_is_saved_and_loaded(data, stages, tmp_path):
    counted = SQLTransformer(statement="SELECT *, size(token) AS tokens FROM __THIS__")
    sentences = SentenceDetector().setInputCols(["document"]).setOutputCol("sentence")
    finisher = Finisher().setInputCols(["class"]).setCleanAnnotations(False)
    model = pyspark.ml.Pipeline(stages=[*stages, counted, sentences, finisher]).fit(data)
    model.write().overwrite().save(f"file://{tmp_path}/saved")
    loaded = pyspark.ml.PipelineModel.load(f"file://{tmp_path}/saved")
    assert [stage.uid for stage in loaded.stages] == [stage.uid for stage in model.stages]
    columns = ["tokens", "sentence.result", "finished_class"]
    expected = model.transform(data).orderBy("id").select(columns).collect()
    assert loaded.transform(data).orderBy("id").select(columns).collect() == expected
    assert LightPipeline(loaded).setIgnoreUnsupported(True).annotate("Nieuws")["class"]


def test_our_own_pipeline_is_saved_and_loaded(data, stages, tmp_path):
    inner = Pipeline(stages=stages[:2])
    pipeline = Pipeline(stages=[inner, stages[2]])
    pipeline.save(str(tmp_path / "unfitted"))
    model = Pipeline.load(str(tmp_path / "unfitted")).fit(data)
    model.save(str(tmp_path / "fitted"))
    loaded = PipelineModel.load(str(tmp_path / "fitted"))
    assert [stage.uid for stage in loaded.flat()] == [stage.uid for stage in model.flat()]
    assert loaded.transform(data).collect() == model.transform(data).collect()


def test_sentences_on_rows_of_their_own(data):
    sentences = (
        SentenceDetector().setInputCols(["document"]).setOutputCol("sentence").setExplodeSentences(True)
    )
    stages = [DocumentAssembler().setInputCol("text"), sentences, Tokenizer().setInputCols(["sentence"])]
    model = Pipeline(stages=stages).fit(data)
    rows = model.transform(data).select("id", "sentence.result", "token.begin").collect()
    assert [(row.id, row.result) for row in rows][:2] == [
        (0, ["De koning opent een museum."]),
        (0, ["Hij spreekt kort."]),
    ]
    local = model.transform(LOCAL)
    assert local["id"].to_pylist() == [row.id for row in rows]


def test_parameters_given_to_transform_and_copies(data, stages):
    assembler = stages[0]
    shrunk = assembler.transform(data, {assembler.cleanupMode: "shrink"})
    assert "shrink" in assembler.copy({assembler.cleanupMode: "shrink"}).explainParams()
    assert assembler.getCleanupMode() == "disabled"
    assert shrunk.schema["document"].metadata == {"annotatorType": "document"}


@pytest.fixture
def tokens(data):
    return Pipeline(stages=[DocumentAssembler().setInputCol("text"), Tokenizer()]).fit(data).transform(data)


def test_functions_over_annotations(tokens):
    def upper(annotations):
        return [item.copy(item.result.upper()) for item in annotations]

    mapped = map_annotations_col(tokens, upper, "token", "upper", "token")
    assert mapped.schema["upper"].metadata == {"annotatorType": "token"}
    assert mapped.schema["upper"].dataType == Annotation.arrayType()
    assert mapped.orderBy("id").first()["upper"][0].result == "DE"
    first = tokens.orderBy("id").select(map_annotations_strict(lambda rows: rows[:1])("token").alias("one"))
    assert [len(row.one) for row in first.collect()] == [1, 0, 0, 1]
    exploded = explode_annotations_col(tokens, "token", "token")
    assert exploded.count() == 16
    kept = filter_by_annotations_col(exploded, lambda item: item.result == "koning", "token")
    assert [row.token.begin for row in kept.collect()] == [3]


def test_nlu_over_spark(data, tiny_a):
    pipeline = nlu.load(str(tiny_a.folder))
    frame = pipeline.predict(data)
    assert frame.columns.tolist() == [
        "classified_sequence",
        "classified_sequence_confidence",
        "document",
        "id",
        "text",
    ]
    assert frame["id"].tolist() == [0, 1, 2, 3]
    annotated = pipeline.predict(data, output_level="sentence", return_spark_df=True)
    assert annotated.columns == ["id", "text", "document", "sentence", "token", "classified_sequence"]
    assert [len(row.classified_sequence) for row in annotated.orderBy("id").collect()] == [2, 0, 0, 1]
