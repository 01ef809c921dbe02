from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rubriek
from rubriek import nlu
from rubriek.errors import InputError, ModelNotFoundError, OptionError

COLUMNS = ["classified_sequence", "classified_sequence_confidence", "document"]
TEXT = "De koning opent een museum. De beurs sluit hoger."


@pytest.fixture(scope="module")
def pipeline(tiny_a):
    return nlu.load(str(tiny_a.folder))


def test_one_text(pipeline):
    frame = pipeline.predict(TEXT)
    assert frame.columns.tolist() == COLUMNS
    assert frame["document"].tolist() == [TEXT]
    assert 0 < frame["classified_sequence_confidence"][0] <= 1


def test_the_tokenisation_of_the_model_itself(tiny_a):
    frame = nlu.load(str(tiny_a.folder), tokenization="huggingface").predict([TEXT])
    own = rubriek.load(tiny_a.folder).predict(TEXT)
    assert frame["classified_sequence"].tolist() == [own.label]
    assert frame["classified_sequence_confidence"].tolist() == pytest.approx([own.score], abs=1e-5)


@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series, pl.Series])
def test_any_column_gives_the_same(pipeline, make):
    expected = pipeline.predict([TEXT, "Kort."])
    found = pipeline.predict(make([TEXT, "Kort."]))
    for name in COLUMNS:
        assert list(found[name]) == list(expected[name])


def test_a_frame_keeps_its_index_and_columns_and_is_not_changed(pipeline):
    frame = pd.DataFrame({"id": [1, 2], "text": [TEXT, None]}, index=["x", "y"])
    before = frame.copy(deep=True)
    found = pipeline.predict(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert found.columns.tolist() == [*COLUMNS, "id", "text"]
    assert found.index.tolist() == ["x", "y"]
    assert found["classified_sequence"].isna().tolist() == [False, True]
    assert pipeline.predict(frame, keep_stranger_features=False).columns.tolist() == COLUMNS


def test_without_a_column_text_the_first_is_taken(pipeline):
    frame = pd.DataFrame({"kop": [TEXT], "n": [1]})
    found = pipeline.predict(frame)
    assert found["document"].tolist() == [TEXT]
    assert frame.columns.tolist() == ["kop", "n"]


def test_polars_in_polars_out(pipeline):
    found = pipeline.predict(pl.DataFrame({"text": [TEXT], "n": [1]}))
    assert isinstance(found, pl.DataFrame)
    assert found.columns == [*COLUMNS, "n", "text"]


def test_sentences(pipeline):
    frame = pd.DataFrame({"text": [TEXT, ""]}, index=["x", "y"])
    found = pipeline.predict(frame, output_level="sentence", positions=True)
    assert found["sentence"].tolist()[:2] == ["De koning opent een museum.", "De beurs sluit hoger."]
    assert found.index.tolist() == ["x", "x", "y"]
    assert found["sentence_begin"].tolist()[:2] == [0, 28]
    assert found["classified_sequence_end"].tolist()[:2] == [26, 48]
    assert found["classified_sequence"].isna().tolist() == [False, False, True]


def test_tokens(pipeline):
    found = pipeline.predict([TEXT, "Kort."], output_level="token")
    assert found["token"].tolist()[-2:] == ["Kort", "."]
    assert found["document"].nunique() == 2
    assert found.groupby("document")["classified_sequence"].nunique().tolist() == [1, 1]


def test_scores_of_all_classes(pipeline, tiny_a):
    found = pipeline.predict([TEXT], metadata=True)
    scores = [found[f"classified_sequence_confidence_{label}"][0] for label in tiny_a.labels]
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert max(scores) == found["classified_sequence_confidence"][0]


def test_a_multi_label_model_gives_all_its_labels(tiny_a):
    pipeline = nlu.load(str(tiny_a.folder))
    (stage,) = pipeline.classifiers.values()
    stage.setActivation("sigmoid").setThreshold(0.0)
    found = pipeline.predict([TEXT, ""])
    assert found["classified_sequence"].tolist() == [list(tiny_a.labels), []]
    assert [len(values) for values in found["classified_sequence_confidence"]] == [9, 0]


def test_two_models_at_once(tiny_a, tiny_b):
    frame = nlu.load(f"{tiny_a.folder} {tiny_b.folder}").predict(TEXT)
    assert frame.columns.tolist() == [
        "classified_sequence_tiny-a",
        "classified_sequence_tiny-a_confidence",
        "classified_sequence_tiny-b",
        "classified_sequence_tiny-b_confidence",
        "document",
    ]


def test_from_disk(tiny_a, tmp_path):
    from rubriek.models.sparknlp_export import export_sparknlp

    export_sparknlp(tiny_a, tmp_path / "saved")
    found = nlu.load(path=str(tmp_path / "saved")).predict(TEXT)
    pd.testing.assert_frame_equal(found, nlu.load(str(tiny_a.folder)).predict(TEXT))


def test_nothing_in_nothing_out(pipeline):
    assert pipeline.predict([]).columns.tolist() == COLUMNS
    assert len(pipeline.predict([])) == 0


@pytest.mark.parametrize("data", [7, {"text": ["a"]}, object()])
def test_what_holds_no_texts_is_refused(pipeline, data):
    with pytest.raises(InputError, match="Invalid datatype"):
        pipeline.predict(data)


def test_levels_and_references_that_do_not_exist(pipeline):
    with pytest.raises(OptionError, match="no such output level"):
        pipeline.predict(TEXT, output_level="chunk")
    with pytest.raises(ModelNotFoundError, match=r"nl.classify.bert.news.finetuned"):
        nlu.load("nl.classify.nothing")
    with pytest.raises(OptionError, match="Which model"):
        nlu.load(" ")
