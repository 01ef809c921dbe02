from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.word_boundaries import SECTION, _splitter, segments, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\u00a0 ", []),
        ("... — !?", []),
        ("De koning, zei hij.", ["De", "koning", "zei", "hij"]),
        ("minister-president", ["minister", "president"]),
        ("'s avonds foto's", ["s", "avonds", "foto's"]),
        ("1.250,50 euro", ["1.250,50", "euro"]),
        ("cafe\u0301 naïef", ["cafe\u0301", "naïef"]),
        ("京都", ["京", "都"]),
        ("ja 👩‍👩‍👧 €", ["ja", "👩‍👩‍👧", "€"]),
    ],
)
def test_words(text, expected):
    assert [text[start:end] for start, end in words(text)] == expected


@given(st.text(max_size=200))
def test_segments_cover_a_text_without_gaps(text):
    found = segments(text)
    assert "".join(text[start:end] for start, end in found) == text
    assert all(start < end for start, end in found)
    assert all(left[1] == right[0] for left, right in pairwise(found))


PIECES = [
    "a",
    "b'",
    "'",
    "1.",
    "\u0301",
    "\u200d",
    "👩",
    "🇳",
    " ",
    "\r\n",
    "\u200b",
    "漢",
    "ן",
    "_",
    "can't ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.integers(1, 400))
def test_long_texts_are_cut_where_they_are_cut_as_a_whole(pieces, times):
    text = ("".join(pieces) * times)[: 4 * SECTION]
    assert segments(text) == [place for _, place in _splitter().pre_tokenize_str(text)]


@given(st.text(max_size=200))
def test_every_letter_and_digit_is_in_one_word(text):
    found = words(text)
    assert all(left[1] <= right[0] for left, right in pairwise(found))
    within = {place for start, end in found for place in range(start, end)}
    assert {place for place, character in enumerate(text) if character.isalnum()} <= within
