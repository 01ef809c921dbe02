"""The path entered with token ids, and the tokenisation named sparknlp on it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rubriek
from rubriek import batching
from rubriek.classifier import Classifier
from rubriek.errors import TextTooLongError, TokenizerError
from rubriek.sparknlp.tokenization import SparkNlpTokenizer
from rubriek.statistics import Statistics
from rubriek.tokens import SpecialIds, Tokens

TEXTS = ["De koning opent een museum.", "", "Beurs sluit hoger", "De koning opent een museum."]


def tokens_of(rows: list[list[int]], **more) -> Tokens:
    ids = np.array([piece for row in rows for piece in row], np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    return Tokens(ids, offsets.astype(np.int64), SpecialIds(pad=0, cls=1, sep=2), **more)


def rows_of(tokens: Tokens) -> list[list[int]]:
    return [tokens.ids[a:b].tolist() for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)]


@given(st.lists(st.lists(st.integers(3, 6), max_size=3), max_size=12))
def test_distinct_texts_give_back_all(rows):
    distinct, which = tokens_of(rows).distinct()
    kept = rows_of(distinct)
    assert [kept[place] for place in which] == rows
    assert len({tuple(row) for row in kept}) == len(kept)


def test_tokens_give_what_their_texts_give(tiny_a):
    classifier = rubriek.load(tiny_a.folder)
    statistics = Statistics()
    found = classifier.classify_tokens(classifier.tokenizer.tokenize(TEXTS), statistics=statistics, top_k=2)
    assert found.equals(classifier.classify(pa.array(TEXTS), top_k=2))
    assert (statistics.documents, statistics.duplicates) == (4, 1)


def test_too_many_tokens_are_refused_as_texts_are(tiny_a):
    classifier = rubriek.load(tiny_a.folder, max_length=4, overflow="error")
    with pytest.raises(TextTooLongError, match="5 in row 1"):
        classifier.classify_tokens(tokens_of([[5], [5, 6, 7]]))


def test_a_masked_id_is_hidden_wherever_it_stands():
    tokens = tokens_of([[0, 7], [7]], masked_id=0)
    sequences = batching.cut(tokens.offsets, max_length=8, overflow="truncate", stride=None)
    ids, mask = batching.assemble(tokens, sequences, np.array([0, 1]))
    assert ids.tolist() == [[1, 0, 7, 2], [1, 7, 2, 0]]
    assert mask.tolist() == [[1, 0, 1, 1], [1, 1, 1, 0]]
    _, plain = batching.assemble(dataclasses.replace(tokens, masked_id=None), sequences, np.array([0, 1]))
    assert plain.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_a_classifier_with_spark_nlps_tokenisation(tiny_a):
    own = rubriek.load(tiny_a.folder)
    as_spark = Classifier(tiny_a, own.engine, tokenizer=SparkNlpTokenizer(tiny_a))
    assert as_spark.tokenizer.name == "sparknlp"
    counts = [
        each.classify(pa.array(["Noord-Holland en één auto"]))["tokens"][0].as_py()
        for each in (own, as_spark)
    ]
    assert counts[0] > counts[1]
    assert as_spark.predict("Beurs sluit hoger").scores == own.predict("Beurs sluit hoger").scores


def test_spark_nlp_keeps_the_first_pieces_whatever_the_model_says(tiny_a):
    left = dataclasses.replace(tiny_a, truncation_side="left")
    own = rubriek.load(tiny_a.folder)
    text = "minister de " * 5 + "koning de " * 5
    for tokenizer, expected in ((SparkNlpTokenizer(left), "minister de"), (own.tokenizer, "koning de")):
        found = Classifier(left, own.engine, tokenizer=tokenizer).predict(text, max_length=4)
        assert found.scores == pytest.approx(own.predict(expected).scores, abs=1e-5)


def test_a_vocabulary_that_is_not_of_word_pieces_is_refused(tiny_a, tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": {}}}')
    with pytest.raises(TokenizerError, match="BPE"):
        SparkNlpTokenizer(dataclasses.replace(tiny_a, folder=tmp_path))
