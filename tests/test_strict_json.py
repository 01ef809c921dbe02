"""JSON of others: linear in time, bounded in depth, no key twice."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.strict_json import MAX_DEPTH, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_json_writes_is_read(value):
    assert parse(json.dumps(value)) == value


@given(st.text(alphabet='{}[]",:\\ab1 \n') | st.binary())
def test_junk_is_a_value_error_or_what_json_reads(junk):
    try:
        value = parse(junk)
    except ValueError:
        return
    assert value == json.loads(junk)


def test_depth_is_bounded_whatever_stands_in_strings():
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None
    assert parse(json.dumps(["[" * 1000, '"{' * 1000])) == ["[" * 1000, '"{' * 1000]
    for opening in ("[", '{"a":'):
        with pytest.raises(ValueError, match="nested more than"):
            parse(opening * 100_000)


@pytest.mark.parametrize("keys", [2, 40_000])
def test_a_key_that_occurs_twice_is_found_among_many(keys):
    pairs = [f'"{number}": 1' for number in range(keys)]
    with pytest.raises(ValueError, match=f"the key '{keys - 1}' occurs twice"):
        parse("{" + ",".join([*pairs, pairs[-1]]) + "}")


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1" * 5000])
def test_what_is_not_a_json_number_is_refused(text):
    with pytest.raises(ValueError):
        parse(text)


@given(VALUES)
def test_values_are_counted_before_any_is_made(value):
    text = json.dumps(value)

    def count(value) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(count, inner))

    assert parse(text, max_values=2 * count(value)) == value
    if count(value) > 1:
        with pytest.raises(ValueError, match="more than"):
            parse(text, max_values=count(value) - 1)


def test_commas_in_strings_are_no_values():
    texts = ["a, b [c] {d}" * 1000, '\\", "' * 1000]
    assert parse(json.dumps(texts), max_values=3) == texts
