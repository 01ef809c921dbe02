from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.word_boundaries import segments, words


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


@given(st.text(max_size=200))
def test_every_letter_and_digit_is_in_one_word(text):
    found = words(text)
    assert all(left[1] <= right[0] for left, right in pairwise(found))
    within = {place for start, end in found for place in range(start, end)}
    assert {place for place, character in enumerate(text) if character.isalnum()} <= within
