"""The comparison with the real Spark NLP notices what differs; scripts/parity runs the real one itself."""

from __future__ import annotations

import copy

import pytest
from benchmarks.parity.compare import compare
from benchmarks.parity.texts import default_texts

ROW = {
    "document": [[0, 8, "Ajax wint", {"sentence": "0"}]],
    "token": [[0, 3, "Ajax", {"sentence": "0"}], [5, 8, "wint", {"sentence": "0"}]],
    "class": [[0, 8, "Sport", {"sentence": "0", "Sport": "0.75", "Tech": "2.5E-1"}]],
}


def changed(*path, to):
    row = copy.deepcopy(ROW)
    place = row
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return row


def test_equal_texts_are_equal():
    found = compare([ROW, ROW], [ROW, changed("class", 0, 3, "Sport", to="0.750001")], most_examples=3)
    assert (found.equal, found.texts, found.annotations) == (2, 2, 2)
    assert found.score_difference == pytest.approx(1e-6)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (changed("document", 0, 2, to="Ajax won"), "column document"),
        (changed("token", 1, 1, to=9), "column token"),
        (changed("class", 0, 0, to=1), "place of the category"),
        (changed("class", 0, 2, to="Tech"), "label"),
        (changed("class", 0, 3, to={"sentence": "0", "Sport": "0.75"}), "metadata keys"),
        (changed("class", 0, 3, "sentence", to="1"), "sentence in the metadata"),
        (changed("class", 0, 3, "Sport", to="0.7501"), "score"),
        (changed("class", to=[]), "number of categories"),
    ],
)
def test_every_kind_of_difference_is_named(row, kind):
    found = compare([ROW, ROW], [ROW, row], most_examples=3)
    assert found.equal == 1
    assert dict(found.differing) == {kind: 1, "any": 1}
    assert found.examples[0][:2] == (1, kind)


def test_a_place_that_does_not_hold_its_text_is_theirs():
    found = compare([changed("token", 1, 0, to=4)], [ROW], most_examples=1)
    assert list(found.differing) == ["column token (Spark NLP's place does not hold its text)", "any"]


def test_the_texts_are_many_and_always_the_same():
    texts = default_texts()
    assert len(texts) >= 2000
    assert texts == default_texts()
    assert None in texts
    for text in texts:
        (text or "").encode("utf-8")  # no half of a surrogate pair, which Spark could not take
