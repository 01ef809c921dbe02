from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rubriek
from rubriek.classifier import Classifier
from rubriek.errors import InputError, OptionError, TextTooLongError
from rubriek.explaining import Explanation, occlude
from rubriek.options import Options
from rubriek.word_boundaries import segments

shared_model = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class WordEngine:
    """Logits that follow from single pieces: each adds what it weighs to the second label's logit."""

    name, precision, threads, parallel, token_budget = "words", "fp32", 1, 1, 4096

    def __init__(self, labels: int, weights: dict[int, float]) -> None:
        self.labels = labels
        self.weights = weights
        self.rows: list[list[int]] = []
        self._lock = threading.Lock()

    def run(self, ids: np.ndarray, mask: np.ndarray, *, alone: bool = False) -> np.ndarray:
        rows = [row[real == 1].tolist() for row, real in zip(ids, mask, strict=True)]
        with self._lock:
            self.rows += rows
        logits = np.zeros((len(ids), self.labels), dtype=np.float32)
        logits[:, 1] = [sum(self.weights.get(piece, 0.0) for piece in row) for row in rows]
        return logits


@pytest.fixture(scope="module")
def classifier(tiny_a) -> Classifier:
    return rubriek.load(tiny_a.folder)


@pytest.fixture
def weighing(tiny_a):
    """Makes a classifier whose words weigh what the test says."""

    def make(weights: dict[str, float], bundle=tiny_a) -> Classifier:
        tokenizer = Classifier(bundle, WordEngine(len(bundle.labels), {})).tokenizer
        pieces = {word: tokenizer.tokenize([word]).ids.tolist() for word in weights}
        assert all(len(ids) == 1 for ids in pieces.values()), pieces
        by_id = {pieces[word][0]: weight for word, weight in weights.items()}
        return Classifier(bundle, WordEngine(len(bundle.labels), by_id))

    return make


def test_the_decisive_word_comes_out_on_top(weighing):
    classifier = weighing({"koning": 4.0, "minister": -2.0, "naar": 0.5})
    told = classifier.explain("De minister gaat met de koning naar Utrecht.")
    assert told.label == classifier.labels[1]
    weights = {span.text: span.weight for span in told.spans}
    assert list(weights) == ["De", "minister", "gaat", "met", "de", "koning", "naar", "Utrecht"]
    assert weights["koning"] == pytest.approx(4.0, abs=1e-4)  # log-odds are as linear as this engine
    assert weights["minister"] == pytest.approx(-2.0, abs=1e-4)
    assert weights["naar"] == pytest.approx(0.5, abs=1e-4)
    assert weights["Utrecht"] == pytest.approx(0.0, abs=1e-4)


def test_words_are_told_apart_where_the_label_is_certain(weighing):
    told = weighing({"koning": 20.0, "minister": 10.0}).explain("koning minister koning")
    assert told.score == pytest.approx(1.0, abs=1e-7)
    assert [span.weight for span in told.spans] == pytest.approx([20.0, 10.0, 20.0], rel=1e-3)


def test_the_score_is_that_of_predict(classifier):
    text = "De koning opent in Utrecht een school voor onderwijs aan ministers."
    told = classifier.explain(text)
    answer = classifier.predict(text)
    assert told.label == answer.label
    assert told.scores == pytest.approx(answer.scores, abs=1e-6)
    assert (told.tokens, told.truncated, told.windows) == (answer.tokens, answer.truncated, answer.windows)
    for span in told.spans:
        shorter = classifier.predict(text[: span.start] + text[span.end :])
        assert span.without == pytest.approx(shorter.scores[told.label], abs=1e-5)


def test_another_label_is_explained_on_request(weighing):
    classifier = weighing({"koning": 4.0})
    told = classifier.explain("De koning", label=classifier.labels[0])
    assert told.label == classifier.labels[0]
    assert told.spans[1].weight < 0 < told.spans[1].without - told.score


@shared_model
@given(text=st.text(max_size=80), spans=st.integers(1, 6))
def test_spans_lie_in_order_in_the_text(classifier, text, spans):
    told = classifier.explain(text, spans=spans)
    assert isinstance(told, Explanation)
    assert len(told.spans) <= spans
    assert all(left.end <= right.start for left, right in pairwise(told.spans))
    assert all(text[span.start : span.end] == span.text != "" for span in told.spans)
    covered = {place for span in told.spans for place in range(span.start, span.end)}
    assert {place for place, sign in enumerate(text[: told.read]) if sign.isalnum()} <= covered
    assert all(np.isfinite(span.weight) and 0 <= span.without <= 1 for span in told.spans)


@pytest.mark.parametrize("text", ["", "  \n", "...?!"])
def test_a_text_without_words_has_no_spans(classifier, text):
    told = classifier.explain(text)
    assert told.spans == ()
    assert told.label == classifier.predict(text).label


def test_neighbours_share_a_span_where_there_are_too_many(classifier):
    text = "Een twee, drie. Vier vijf"
    told = classifier.explain(text, spans=2)
    assert [span.text for span in told.spans] == ["Een twee", "drie. Vier vijf"]


def test_what_was_not_read_plays_no_part(weighing):
    classifier = weighing({"koning": 4.0, "minister": 1.0})
    text = "minister de de de " + "koning " * 50
    told = classifier.explain(text, max_length=6)
    assert told.truncated
    assert text[: told.read] == "minister de de de"
    assert [span.text for span in told.spans] == ["minister", "de", "de", "de"]
    koning = classifier.tokenizer.tokenize(["koning"]).ids[0]
    assert all(koning not in row for row in classifier.engine.rows)
    assert [span.weight for span in told.spans] == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-4)


def test_a_model_that_cuts_at_the_left_is_explained_by_the_end(weighing, tiny_a):
    left = replace(tiny_a, truncation_side="left")
    classifier = weighing({"koning": 4.0, "minister": 1.0}, left)
    text = "koning " * 50 + "minister de de de"
    told = classifier.explain(text, max_length=6)
    assert told.truncated
    assert told.read == len(text)
    assert [span.text for span in told.spans] == ["minister", "de", "de", "de"]
    koning = classifier.tokenizer.tokenize(["koning"]).ids[0]
    assert all(koning not in row for row in classifier.engine.rows)
    assert [span.weight for span in told.spans] == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-4)


@shared_model
@given(
    words=st.lists(st.sampled_from(["de", "koning", "café", "??", "x"]), min_size=1, max_size=120),
    length=st.integers(3, 40),
)
def test_the_end_that_a_model_reads_begins_where_it_says(tiny_a, words, length):
    classifier = rubriek.load(tiny_a.folder)
    left = Classifier(replace(tiny_a, truncation_side="left"), classifier.engine)
    text = " ".join(words)
    parts = occlude(left, text, Options(max_length=length))
    read = left.predict(text[parts.start :], max_length=length)
    assert read.scores == pytest.approx(left.predict(text, max_length=length).scores, abs=1e-5)
    after = [start for start, _ in segments(text) if start > parts.start]
    truncated = left.predict(text, max_length=length).truncated
    assert not truncated or not after or left.predict(text[after[0] :]).tokens < length


def test_a_word_that_was_read_in_part_counts_as_read(classifier):
    text = "de onbegrijpelijkerwijsheden"
    assert classifier.predict(text).tokens > 5
    told = classifier.explain(text, max_length=4)
    assert told.truncated
    assert told.read == len(text)


@shared_model
@given(
    words=st.lists(st.sampled_from(["de", "koning", "café", "??", "x"]), max_size=120),
    length=st.integers(3, 40),
)
def test_the_model_reads_as_far_as_said(classifier, words, length):
    text = " ".join(words)
    told = classifier.explain(text, max_length=length, spans=1)
    read = classifier.predict(text[: told.read], max_length=length)
    assert read.scores == pytest.approx(told.scores, abs=1e-5)
    assert (told.read < len(text.rstrip())) <= told.truncated
    before = [end for _, end in segments(text) if end < told.read]
    assert not told.truncated or not before or classifier.predict(text[: before[-1]]).tokens < length


def test_windows_read_the_whole_text(classifier):
    text = "de koning zegt dat " * 30
    told = classifier.explain(text, overflow="windows", max_length=32, spans=4)
    assert told.windows > 1
    assert told.read == len(text)
    assert told.spans[-1].end == len(text.rstrip())


def test_long_texts_get_fewer_spans_so_that_the_cost_is_bounded(classifier):
    text = "de koning " * 500
    few = occlude(classifier, text, Options(overflow="windows"), pieces=5000)
    assert len(few.spans) == 5000 // 1002 - 1
    assert len(occlude(classifier, text, Options(overflow="windows"), pieces=10).spans) == 1


def test_multi_label_and_regression(multi_label, regression):
    both = rubriek.load(multi_label.folder)
    told = both.explain("de minister zegt", label=both.labels[0])
    full = both.predict("de minister zegt").scores[both.labels[0]]
    assert told.score == pytest.approx(full, abs=1e-6)
    for span in told.spans:
        odds = [np.log(score / (1 - score)) for score in (full, span.without)]
        assert span.weight == pytest.approx(odds[0] - odds[1], abs=1e-3)
    value = rubriek.load(regression.folder).explain("de minister zegt")
    assert all(span.weight == pytest.approx(value.score - span.without) for span in value.spans)


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        (None, {}, InputError, "one text"),
        (["a"], {}, InputError, "found:    list"),
        ("a", {"label": "Kultuur & Media"}, OptionError, "did you mean 'Cultuur & Media'"),
        ("a", {"spans": 0}, OptionError, "at least 1"),
        ("a", {"spans": True}, OptionError, "at least 1"),
        ("a", {"max_lenght": 8}, OptionError, "did you mean 'max_length'"),
        ("a b c d e f g", {"overflow": "error", "max_length": 8}, TextTooLongError, "pieces"),
    ],
)
def test_what_cannot_be_explained(classifier, text, options, error, message):
    with pytest.raises(error, match=message):
        classifier.explain(text, **options)
