"""What is shown fits, whatever the script, the encoding and the width."""

from __future__ import annotations

import contextlib
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.cli.terminal import Screen, bars, facts, fitted, print_json, safe, size, table, width

cells = st.text(max_size=40) | st.sampled_from(
    ["京都の新聞", "é" * 30, "\x1b[31mrood\x1b[0m", "a\tb\nc", "\u202etext", "👩‍👩‍👧"]
)


@given(text=cells, columns=st.integers(0, 50), ellipsis=st.sampled_from(["…", "..."]))
def test_a_fitted_text_fits_and_moves_no_cursor(text, columns, ellipsis):
    found = fitted(text, columns, ellipsis)
    assert width(found) <= columns
    assert found.isprintable()


@given(text=st.text(st.characters(categories=["L", "N"]), max_size=20))
def test_a_text_that_fits_is_not_cut(text):
    assert fitted(text, width(text)) == text


@given(
    rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5),
    columns=st.integers(25, 120),
    unicode=st.booleans(),
)
def test_a_table_fits_the_screen_and_its_columns_stand_below_each_other(rows, columns, unicode):
    lines = table(rows, Screen(columns, unicode), header=["text", "label", "score"])
    assert len(lines) == 1 + len(rows)
    assert all(width(line) <= columns for line in lines)


def test_only_the_widest_columns_are_cut():
    lines = table(
        [["een heel lange titel", "Sport", "0.98"]], Screen(24, True), header=["title", "label", "score"]
    )
    assert lines == ["title       label  score", "een heel…   Sport  0.98"]


def test_wide_characters_take_two_columns():
    lines = table([["京都", "x"], ["abcd", "y"]], Screen(80, True), header=["a", "b"])
    assert lines == ["a     b", "京都  x", "abcd  y"]


@given(
    counts=st.dictionaries(cells, st.integers(0, 10**6), min_size=1, max_size=9),
    columns=st.integers(40, 120),
    unicode=st.booleans(),
)
def test_bars_fit_and_are_as_long_as_the_counts(counts, columns, unicode):
    lines = bars(counts, Screen(columns, unicode))
    assert all(width(line) <= columns for line in lines)
    drawn = [len(line.rpartition("%")[2].strip()) for line in lines]
    by_count = [length for _, length in sorted(zip(counts.values(), drawn, strict=True))]
    assert by_count == sorted(by_count)


def test_bars_are_drawn_in_eighths():
    lines = bars({"a": 16, "b": 8, "c": 1, "d": 0}, Screen(22, True))
    assert [line.split("%")[1].strip() for line in lines] == ["█" * 8, "█" * 4, "▌", ""]
    assert bars({}, Screen(80, True)) == []


@pytest.mark.parametrize(("encoding", "unicode"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_the_encoding_decides_what_is_drawn(encoding, unicode, monkeypatch):
    monkeypatch.setenv("COLUMNS", "57")
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert Screen.of(stream) == Screen(57, unicode)


@given(text=st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_a_safe_text_acts_on_no_terminal_and_loses_nothing_that_can_be_seen(text):
    found = safe(text)
    found.encode()
    acting = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not [c for c in found if unicodedata.category(c) in acting and c not in "\n\t\u200c\u200d"]
    assert found.isprintable() or not text.isprintable()
    for character in filter(str.isprintable, text):
        assert character in found


@given(value=st.dictionaries(st.text(), st.text() | st.lists(st.floats(allow_nan=False)), max_size=4))
def test_json_is_printed_on_one_line_that_acts_on_no_terminal(value):
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        print_json(value)
    line = stream.getvalue()
    assert json.loads(line) == value
    assert line.endswith("\n")
    line.encode()
    assert not [c for c in line[:-1] if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")]


def test_a_closed_stream_has_a_screen():
    assert Screen.of(None).unicode is False


def test_shares_may_be_of_another_total():
    assert bars({"a": 2}, Screen(30, False), total=8)[0].split()[:4] == ["a", "2", "25", "%"]


def test_facts_and_sizes():
    assert facts({"a": "1", "longer": "2", "none": None}) == ["a       1", "longer  2"]
    assert [size(n) for n in (0, 1000, 38_400_000, 2 * 10**15)] == ["0 B", "1.0 kB", "38.4 MB", "2000.0 TB"]
