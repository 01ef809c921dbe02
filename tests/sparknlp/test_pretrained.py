"""Models and pipelines by name, from a hub on loopback."""

from __future__ import annotations

import hashlib
import re
import shutil

import pyarrow as pa
import pytest

from catalogue_row import FILE, row
from catalogue_row import SEED as NAME
from rubriek import nlu
from rubriek.errors import ModelError, ModelNotFoundError, OfflineError, RubriekWarning
from rubriek.models.sparknlp_export import export_sparknlp
from rubriek.sparknlp.annotator import BertForSequenceClassification, Tokenizer, TokenizerModel
from rubriek.sparknlp.base import DocumentAssembler, Pipeline
from rubriek.sparknlp.pretrained import PretrainedPipeline

TEXT = "De koning opent het museum in Utrecht."


@pytest.fixture
def served(hub, tiny_a):
    """A hub that has tiny-a under the file name of the model card, and no catalogue."""
    export_sparknlp(tiny_a, hub / FILE)
    return hub


def label(classifier) -> str:
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer()]
    stages.append(classifier.setInputCols(["document", "token"]).setOutputCol("class"))
    data = pa.table({"text": [TEXT]})
    return Pipeline(stages=stages).fit(data).transform(data)["class"].to_pylist()[0][0]["result"]


def test_a_model_of_a_card_without_a_catalogue(served, tiny_a):
    found = BertForSequenceClassification.pretrained(NAME, "nl")
    assert found.getClasses() == list(tiny_a.labels)
    assert label(found) == label(BertForSequenceClassification.of(tiny_a))


def test_what_was_fetched_once_needs_no_hub(served, monkeypatch):
    first = BertForSequenceClassification.pretrained(NAME, "nl")
    monkeypatch.delenv("RUBRIEK_HUB")
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    (served / FILE).unlink()
    assert label(BertForSequenceClassification.pretrained(NAME, "nl")) == label(first)


def test_the_catalogue_says_which_file(served, tiny_b):
    with pytest.warns(RubriekWarning, match="masks every piece"):
        export_sparknlp(tiny_b, served / "other_nl_5.1.4_3.4_1698789540127.zip")
    (served / "metadata.json").write_text(row() + row(name="other"))
    other = BertForSequenceClassification.pretrained("other", "nl")
    assert other.uid != BertForSequenceClassification.pretrained(NAME, "nl").uid


def test_two_models_at_once_keep_apart(served, tiny_b, tmp_path):
    with pytest.warns(RubriekWarning, match="masks every piece"):
        export_sparknlp(tiny_b, served / "other_nl_5.1.4_3.4_1698789540127.zip")
    (served / "metadata.json").write_text(row() + row(name="other"))
    one = BertForSequenceClassification.pretrained(NAME, "nl")
    other = BertForSequenceClassification.pretrained("other", "nl")
    assert one.bundle.unk_id != other.bundle.unk_id
    assert label(one) == label(other)  # the same weights under another order of the vocabulary


def test_a_folder_is_a_hub_too(served, monkeypatch):
    monkeypatch.setenv("RUBRIEK_HUB", str(served.parent.parent))
    assert BertForSequenceClassification.pretrained(NAME, "nl").getMaxSentenceLength() > 0


def test_a_wrong_checksum_is_refused_and_leaves_nothing(served, tmp_path):
    (served / "metadata.json").write_text(row(checksum="0" * 32))
    with pytest.raises(ModelError, match="damaged"):
        BertForSequenceClassification.pretrained(NAME, "nl")
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []
    digest = hashlib.md5((served / FILE).read_bytes()).hexdigest()
    (served / "metadata.json").write_text(row(checksum=digest.upper()))
    assert BertForSequenceClassification.pretrained(NAME, "nl").getClasses()


def test_a_name_that_nobody_knows(served):
    (served / "metadata.json").write_text(row())
    with pytest.raises(ModelNotFoundError, match="no model 'unheard_of' for the language 'nl'"):
        BertForSequenceClassification.pretrained("unheard_of", "nl")


def test_a_file_that_the_catalogue_promised_is_missing(hub):
    (hub / "metadata.json").write_text(row())
    with pytest.raises(ModelNotFoundError, match=r"There is no file http.*/public/models/bert_classifier"):
        BertForSequenceClassification.pretrained(NAME, "nl")


def test_offline_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("RUBRIEK_CACHE", str(tmp_path))
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    monkeypatch.delenv("RUBRIEK_HUB", raising=False)
    with pytest.raises(OfflineError, match="unset RUBRIEK_OFFLINE"):
        BertForSequenceClassification.pretrained(NAME, "nl")


def test_a_hub_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("RUBRIEK_CACHE", str(tmp_path))
    monkeypatch.setenv("RUBRIEK_HUB", "http://127.0.0.1:9")
    monkeypatch.setenv("RUBRIEK_RETRIES", "0")
    with pytest.raises(ModelError, match="cannot be reached"):
        BertForSequenceClassification.pretrained(NAME, "nl")


def test_a_pipeline_by_name_and_from_disk(hub, tiny_a, tmp_path):
    data = pa.table({"text": [TEXT]})
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer()]
    stages.append(
        BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"]).setOutputCol("class")
    )
    model = Pipeline(stages=stages).fit(data)
    model.save(str(tmp_path / "saved"))
    shutil.make_archive(str(hub / "news_nl_5.1.4_3.4_1698789540127"), "zip", tmp_path / "saved")
    (hub / "metadata.json").write_text(row(name="news", category="pl"))
    for found in (PretrainedPipeline("news", "nl"), PretrainedPipeline.from_disk(str(tmp_path / "saved"))):
        expected = model.transform(data)["class"].to_pylist()
        assert found.transform(data)["class"].to_pylist() == expected
        assert found.annotate(TEXT)["class"] == [expected[0][0]["result"]]
        assert found.annotate([TEXT, ""])[1]["class"] == []
        assert found.fullAnnotate(TEXT)[0]["class"][0].result == expected[0][0]["result"]
        renamed = found.annotate(data.rename_columns(["kop"]), column="kop")
        assert renamed["class"].to_pylist() == expected


def test_the_code_of_the_model_card_runs_as_it_stands(hub, shared, spark):
    if shared is None:
        pytest.skip("the model card and its model do not lie beside the repository: did not run")
    shutil.copy(shared / "golden" / "saved" / FILE, hub)
    card = (shared / "reference" / "model-card.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(blocks) == 2
    setup = (
        "from rubriek.sparknlp.base import *\nfrom rubriek.sparknlp.annotator import *\n"
        "import rubriek.sparknlp as sparknlp\nspark = sparknlp.start()\n"
    )
    names: dict = {}
    exec(setup + blocks[0], names)  # the card's own code is what is tested
    (first,) = names["result"].collect()
    assert [field.name for field in names["result"].schema] == ["text", "document", "token", "class"]
    assert [token.result for token in first["token"]] == ["Ik", "hou", "van", "Spark", "NLP"]
    frame = eval(blocks[1].replace("import nlu", "").strip(), {"nlu": nlu})
    assert frame["classified_sequence"].tolist() == [first["class"][0].result]
    scores = {
        label: float(score) for label, score in first["class"][0].metadata.items() if label != "sentence"
    }
    assert frame["classified_sequence_confidence"].tolist() == pytest.approx([max(scores.values())], abs=1e-5)


@pytest.mark.parametrize(("name", "language"), [("../x", "nl"), ("*", "nl"), ("x", "../nl"), ("", "nl")])
def test_names_cannot_leave_the_hub(hub, name, language):
    with pytest.raises(ModelNotFoundError, match="There can be no model"):
        PretrainedPipeline(name, language)


def test_a_catalogue_without_end_is_refused(hub):
    (hub / "metadata.json").write_text("{" + "x" * (3 << 20))
    with pytest.raises(ModelError, match=r"Line 1 of http.*metadata\.json"):
        BertForSequenceClassification.pretrained(NAME, "nl")


def test_a_tokenizer_by_name(hub, tmp_path):
    Tokenizer().setSplitChars(["-"]).model().save(str(tmp_path / "saved"))
    shutil.make_archive(str(hub / "token_rules_nl_5.1.4_3.4_1698789540127"), "zip", tmp_path / "saved")
    (hub / "metadata.json").write_text(row(name="token_rules"))
    assert TokenizerModel.pretrained("token_rules", "nl").getSplitChars() == ["-"]
