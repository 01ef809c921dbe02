"""What Spark NLP saved, and exported folders, as stages."""

from __future__ import annotations

import json

import onnx
import pyarrow as pa
import pytest

from rubriek.errors import ModelError, ModelNotFoundError, UnsupportedModelError
from rubriek.models.onnx_portable import portable
from rubriek.sparknlp.annotator import BertForSequenceClassification, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, LightPipeline, PipelineModel
from rubriek.sparknlp.tokenization import vocabulary

TEXT = "De koning opent het museum in Noord-Holland."


@pytest.fixture
def exported(tmp_path):
    """Writes the folder that loadSavedModel takes."""

    def write(bundle, name: str):
        folder = tmp_path / name
        (folder / "assets").mkdir(parents=True)
        onnx.save_model(portable(bundle.model_file), folder / "model.onnx")
        pieces = vocabulary(bundle.tokenizer_file)
        (folder / "assets" / "vocab.txt").write_text("\n".join(sorted(pieces, key=pieces.get)) + "\n")
        (folder / "assets" / "labels.txt").write_text("\n".join(bundle.labels) + "\n")
        return folder

    return write


def scores(classifier) -> dict[str, float]:
    classifier.setInputCols(["document", "token"]).setOutputCol("class")
    model = PipelineModel([DocumentAssembler().setInputCol("text"), Tokenizer().model(), classifier])
    metadata = LightPipeline(model).fullAnnotate(TEXT)[0]["class"][0].metadata
    return {label: float(score) for label, score in metadata.items()}


def test_an_exported_folder(exported, tiny_a):
    found = BertForSequenceClassification.loadSavedModel(str(exported(tiny_a, "one")), None)
    assert found.getMaxSentenceLength() == 128
    assert found.getCaseSensitive() is True
    assert found.getClasses() == list(tiny_a.labels)
    assert scores(found) == pytest.approx(scores(BertForSequenceClassification.of(tiny_a)), abs=1e-5)


def test_two_exported_folders_in_one_session(exported, tiny_a, tiny_b):
    one = BertForSequenceClassification.loadSavedModel(str(exported(tiny_a, "one")), None)
    other = BertForSequenceClassification.loadSavedModel(f"file://{exported(tiny_b, 'other')}", None)
    assert one.bundle.folder != other.bundle.folder
    assert scores(one) == pytest.approx(scores(BertForSequenceClassification.of(tiny_a)), abs=1e-5)
    assert scores(other) == pytest.approx(scores(BertForSequenceClassification.of(tiny_b)), abs=1e-5)


def test_what_is_missing_is_told_in_spark_nlps_words(exported, tiny_a):
    load = BertForSequenceClassification.loadSavedModel
    with pytest.raises(ModelNotFoundError, match="requirement failed: Folder nowhere not found"):
        load("nowhere", None)
    folder = exported(tiny_a, "one")
    (folder / "assets" / "labels.txt").unlink()
    with pytest.raises(ModelError, match=r"requirement failed: File labels\.txt not found in folder"):
        load(str(folder), None)
    with pytest.raises(UnsupportedModelError, match="local folders, not hdfs"):
        load("hdfs://somewhere/model", None)


@pytest.mark.parametrize(
    ("name", "case"),
    [("pipeline_tiny_a", "tiny-a-256"), ("pipeline_tiny_a_sentences", "tiny-a-sentences")],
)
def test_a_pipeline_of_the_real_spark_nlp_gives_what_it_gave(name, case, data, shared):
    if shared is None:
        pytest.skip("the saved pipelines do not lie beside the repository: did not run")
    model = PipelineModel.load(str(shared / "golden" / "saved" / f"{name}.zip"))
    rows = [json.loads(line) for line in (data / "golden" / "texts.jsonl").read_text().splitlines()]
    texts = pa.table({"text": pa.array([row["text"] for row in rows], pa.string())})
    found = dict(zip((row["id"] for row in rows), model.transform(texts)["class"].to_pylist(), strict=True))
    for line in (data / "golden" / "annotations" / f"{case}.jsonl").read_text().splitlines():
        expected = json.loads(line)
        assert [[item["begin"], item["end"], item["result"]] for item in found[expected["id"]]] == [
            item[:3] for item in expected["class"]
        ]


def test_a_pipeline_that_spark_saved(data):
    model = PipelineModel.load(str(data / "sparknlp" / "pipeline"))
    assert LightPipeline(model).annotate("Ik hou van (Spark) NLP.")["token"] == [
        "Ik",
        "hou",
        "van",
        "(",
        "Spark",
        ")",
        "NLP",
        ".",
    ]
    classifier = BertForSequenceClassification.load(str(data / "sparknlp" / "model"))
    assert classifier.getMaxSentenceLength() == 256
    assert sorted(classifier.getClasses()) == ["Buitenland", "Economie", "Politiek"]
