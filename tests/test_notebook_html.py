from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

import rubriek
from rubriek import notebook
from rubriek.classifier import Classifier
from test_classifier import SumEngine, with_type

EVIL = "<script>alert(1)</script>"


class Reader(HTMLParser):
    """Reads the text, and fails on tags that are closed in another order than opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def classifier(tiny_a) -> Classifier:
    return rubriek.load(tiny_a.folder)


def evil(bundle, **changes):
    labels = tuple(f"{label}{EVIL}" for label in bundle.labels)
    return with_type(bundle, changes.pop("problem_type", bundle.problem_type), labels=labels, **changes)


def test_a_prediction_shows_its_label_and_the_scores_of_the_best_labels(classifier):
    answer = classifier.predict("De minister zegt dat er geld is.")
    shown = Reader(answer._repr_html_())
    assert answer.label in shown.text
    assert all(f"{score:.3f}" in shown.text for score in answer.scores.values())


def test_a_text_that_was_cut_says_so(classifier):
    assert "cut" in Reader(classifier.predict("de " * 50, max_length=8)._repr_html_()).text
    assert "empty text" in Reader(classifier.predict(" ")._repr_html_()).text


def test_no_text_is_shown_as_no_text(classifier):
    answers = classifier.predict([None])
    assert "no text" in Reader(answers[0]._repr_html_()).text
    assert "no text" in Reader(answers._repr_html_()).text


def test_predictions_show_the_first_ones_and_how_many_there_are_more(classifier):
    answers = classifier.predict(["koning"] * 1234)
    html = answers._repr_html_()
    assert "and 1,224 more texts" in Reader(html).text
    assert html.count("<tr>") == 1 + notebook.MAX_ROWS_SHOWN


def test_very_many_labels_are_counted():
    answer = rubriek.Prediction("a0", 0.5, {f"a{n}": 0.5 for n in range(500)}, 5, False, 1, False)
    html = answer._repr_html_()
    assert "and 490 more labels" in Reader(html).text
    assert len(html) < 5000


def test_several_labels_are_shown_where_several_may_hold(tiny_a):
    bundle = with_type(tiny_a, "multi_label_classification", threshold=0.0)
    answers = Classifier(bundle, SumEngine(len(bundle.labels))).predict(["koning"])
    assert ", ".join(bundle.labels) in Reader(answers._repr_html_()).text
    none = Classifier(dataclasses.replace(bundle, threshold=1.0), SumEngine(9)).predict(["koning"])
    assert "no label over the threshold" in Reader(none._repr_html_()).text


def test_an_explanation_shows_the_text_as_it_stands(classifier):
    text = "De  koning & <b>de</b> minister,\nvandaag!"
    shown = Reader(classifier.explain(text)._repr_html_())
    assert text in shown.text
    assert "b" not in shown.tags


def test_the_strongest_words_get_the_strongest_colour(classifier):
    found = classifier.explain("De koning opent een school in Utrecht")
    html = found._repr_html_()
    strongest = max(found.spans, key=lambda span: abs(span.weight))
    colour = "46 125 50" if strongest.weight > 0 else "198 40 40"
    assert re.search(rf'rgb\({colour} / 0\.60\)"[^>]*>{strongest.text}</span>', html)


def test_what_was_not_read_is_pale(classifier):
    html = classifier.explain("de " * 50, max_length=8)._repr_html_()
    assert "not read" in html
    assert "opacity" in html
    assert Reader(classifier.explain("")._repr_html_()).text


@pytest.mark.parametrize("kind", ["single_label_classification", "multi_label_classification"])
def test_labels_cannot_bring_markup(tiny_a, kind):
    bundle = evil(tiny_a, problem_type=kind)
    classifier = Classifier(bundle, SumEngine(len(bundle.labels)))
    for shown in (
        classifier.predict(EVIL),
        classifier.predict([EVIL, None]),
        classifier.explain(f"de koning {EVIL}"),
    ):
        read = Reader(shown._repr_html_())
        assert EVIL in read.text
        assert "script" not in read.tags
