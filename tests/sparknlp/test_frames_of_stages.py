"""The same pipeline over pandas, Polars and Arrow, with and without pyspark."""

from __future__ import annotations

import os
import subprocess
import sys

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from rubriek.errors import ColumnError, InputError
from rubriek.sparknlp.annotation import ARROW_COLUMN
from rubriek.sparknlp.annotator import BertForSequenceClassification, SentenceDetector, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, Finisher, LightPipeline, Pipeline, PipelineModel

TEXTS = ["De koning opent een museum.", None, "Beurs sluit hoger 😀 na winst"]


@pytest.fixture(scope="module")
def model(tiny_a) -> PipelineModel:
    classifier = BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"])
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer(), classifier.setOutputCol("class")]
    return Pipeline(stages=stages).fit(None)


@pytest.fixture(scope="module")
def expected(model) -> dict:
    return model.transform(pa.table({"text": TEXTS})).to_pydict(maps_as_pydicts="strict")


def test_pandas(model, expected):
    frame = pd.DataFrame({"text": TEXTS, "n": [1, 2, 3]}, index=["a", "b", "b"])
    before = frame.copy(deep=True)
    result = model.transform(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert list(result.columns) == ["text", "n", "document", "token", "class"]
    assert result.index.tolist() == ["a", "b", "b"]
    for name in ("document", "token", "class"):
        assert result[name].tolist() == expected[name]


def test_polars(model, expected):
    result = model.transform(pl.DataFrame({"text": TEXTS}))
    assert isinstance(result, pl.DataFrame)
    assert result.columns == ["text", "document", "token", "class"]
    for name in ("document", "token", "class"):
        rows = result[name].to_list()
        assert [[item["result"] for item in row] for row in rows] == [
            [item["result"] for item in row] for row in expected[name]
        ]


def test_arrow(model):
    table = pa.table({"text": TEXTS}).replace_schema_metadata({"kept": "yes"})
    result = model.transform(table)
    assert result.schema.field("class").type == ARROW_COLUMN
    assert result.schema.field("class").metadata == {b"annotatorType": b"category"}
    assert result.schema.metadata == {b"kept": b"yes"}
    batch = table.to_batches()[0]
    assert model.transform(batch).equals(result.combine_chunks().to_batches()[0])
    result.validate(full=True)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_stages_one_after_the_other_give_the_same(model, kind):
    at_once = model.transform(kind({"text": TEXTS}))
    step_by_step = kind({"text": TEXTS})
    for stage in model.stages:
        step_by_step = stage.transform(step_by_step)
    results = [
        [[item["result"] for item in row] for row in nw.from_native(frame)["class"].to_list()]
        for frame in (at_once, step_by_step)
    ]
    assert results[0] == results[1]
    assert len(results[0][0]) == 1


def test_many_rows_are_taken_in_windows(model, monkeypatch):
    monkeypatch.setattr("rubriek.frames.ROWS_AT_ONCE", 7)
    texts = [f"koning {number}" for number in range(20)]
    result = model.transform(pa.table({"text": texts}))
    assert [row[0]["result"] for row in result["document"].to_pylist()] == texts


def test_sentences_on_rows_of_their_own_in_windows(monkeypatch):
    monkeypatch.setattr("rubriek.frames.ROWS_AT_ONCE", 2)
    sentences = SentenceDetector().setOutputCol("sentence").setExplodeSentences(True)
    model = PipelineModel([DocumentAssembler().setInputCol("text"), sentences])
    frame = pd.DataFrame({"text": ["Een. Twee.", "", "Drie.", "Vier. Vijf."]}, index=list("abcd"))
    result = model.transform(frame)
    assert result.index.tolist() == ["a", "a", "c", "d", "d"]
    assert [row[0]["result"] for row in result["sentence"]] == ["Een.", "Twee.", "Drie.", "Vier.", "Vijf."]
    assert [row[0]["metadata"]["sentence"] for row in result["sentence"]] == ["0", "1", "0", "0", "1"]


def test_an_empty_frame(model):
    result = model.transform(pa.table({"text": pa.array([], pa.string())}))
    assert result.num_rows == 0
    assert result.column_names == ["text", "document", "token", "class"]


def test_ids_and_metadata_of_documents():
    data = pa.table(
        {
            "text": ["a", None],
            "key": ["k1", "k2"],
            "about": pa.array([[("bron", "x")], None], pa.map_(pa.string(), pa.string())),
        }
    )
    assembler = DocumentAssembler().setInputCol("text").setIdCol("key").setMetadataCol("about")
    rows = assembler.transform(data)["document"].to_pylist(maps_as_pydicts="strict")
    assert rows[0][0]["metadata"] == {"bron": "x", "id": "k1", "sentence": "0"}
    assert rows[1][0]["metadata"] == {"id": "k2", "sentence": "0"}


def test_a_column_of_lists_gives_a_document_for_each():
    rows = DocumentAssembler().setInputCol("text").transform(pa.table({"text": [["a", "bc"], [], None]}))
    documents = rows["document"].to_pylist(maps_as_pydicts="strict")
    assert [[(d["result"], d["begin"], d["end"]) for d in row] for row in documents] == [
        [("a", 0, 0), ("bc", 0, 1)],
        [],
        [],
    ]
    assert documents[0][1]["metadata"] == {"sentence": "1"}


def test_a_column_that_is_no_text(model):
    with pytest.raises(ColumnError, match="no text"):
        model.transform(pa.table({"text": [1, 2]}))
    with pytest.raises(ColumnError, match="does not have any 'text' column"):
        model.transform(pa.table({"tekst": ["a"]}))


@pytest.mark.parametrize("data", [["a"], "a", 7, pl.LazyFrame({"text": ["a"]})])
def test_what_is_no_frame_is_refused(model, data):
    with pytest.raises(InputError):
        model.transform(data)


def test_columns_that_nobody_asked_for_are_not_built(model, monkeypatch):
    built = []
    monkeypatch.setattr(
        "rubriek.sparknlp.annotation_columns.AnnotationColumn.arrow",
        lambda self: built.append(self.annotator_type),
    )
    finisher = Finisher().setInputCols("class")
    PipelineModel([*model.stages, finisher]).transform(pa.table({"text": TEXTS}))
    assert built == []


def test_a_list_is_batched_by_a_light_pipeline(model, monkeypatch):
    from rubriek.classifier import Classifier

    calls = []
    original = Classifier.classify_tokens

    def counted(self, tokens, **options):
        calls.append(len(tokens.offsets) - 1)
        return original(self, tokens, **options)

    monkeypatch.setattr(Classifier, "classify_tokens", counted)
    light = LightPipeline(model)
    many = light.annotate([text or "" for text in TEXTS])
    assert calls == [2]
    assert many == [light.annotate(text or "") for text in TEXTS]


WITHOUT_SPARK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyspark":
            raise ModuleNotFoundError("No module named 'pyspark'", name="pyspark")
sys.meta_path.insert(0, Absent())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "pyspark" else found(name, package)
import pyarrow as pa
from rubriek.errors import MissingExtraError
from rubriek.models import Bundle
from rubriek.sparknlp.base import *
from rubriek.sparknlp.annotator import *
from rubriek import sparknlp
bundle = Bundle.open(sys.argv[1])
classifier = BertForSequenceClassification.of(bundle).setOutputCol("class")
classifier.setInputCols(["document", "token"])
stages = [DocumentAssembler().setInputCol("text"), Tokenizer().setSplitChars(["-"]), classifier]
model = Pipeline(stages=stages).fit(None)
assembler = model.stages[0]
data = pa.table({"text": ["De koning  opent een museum in Noord-Holland."]})
rows = model.transform(data)
shrunk = assembler.transform(data, {assembler.cleanupMode: "shrink"})
assert "  " not in shrunk["document"].to_pylist()[0][0]["result"], shrunk
for kind in (Pipeline(stages=stages).fit(data, {assembler.cleanupMode: "shrink"}), model):
    changed = kind.transform(data, {assembler.cleanupMode: "shrink"})["document"].to_pylist()[0][0]
    assert "  " not in changed["result"]
model.save(sys.argv[2])
again = PipelineModel.load(sys.argv[2])
assert [stage.uid for stage in again.stages] == [stage.uid for stage in model.stages]
assert again.transform(data).equals(rows)
assert "cleanupMode" in assembler.explainParams() and assembler.hasParam("idCol")
try:
    sparknlp.start()
except MissingExtraError as error:
    assert "[spark]" in error.hint
try:
    Tokenizer().setMinLength("two")
except TypeError:
    pass
else:
    raise AssertionError
assert "pyspark" not in sys.modules
print([token["result"] for token in rows["token"].to_pylist()[0]], rows["class"].to_pylist()[0][0]["result"])
"""


def test_without_pyspark(tiny_a, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_SPARK, tiny_a.folder, tmp_path / "saved"],
        capture_output=True,
        text=True,
        env={**os.environ, "RUBRIEK_CACHE": str(tmp_path / "cache")},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("['De', 'koning', 'opent', 'een', 'museum', 'in', 'Noord', 'Holland', '.']")


def test_windows_close_by_the_size_of_texts(monkeypatch):
    seen = []
    original = DocumentAssembler.annotate
    monkeypatch.setattr("rubriek.frames.CHARACTERS_AT_ONCE", 10)
    monkeypatch.setattr(
        DocumentAssembler, "annotate", lambda self, rows: (seen.append(len(rows)), original(self, rows))
    )
    texts = ["a" * 6] * 5
    result = DocumentAssembler().setInputCol("text").transform(pd.DataFrame({"text": texts}))
    assert [row[0]["result"] for row in result["document"]] == texts
    assert sum(seen) == 5
    assert max(seen) <= 2
