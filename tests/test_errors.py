"""Errors say what to do in the words of whoever asked, and change nothing that a user wrote."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import ColumnError, ModelError, RubriekError, Worded


def test_each_part_of_a_message_is_cut():
    """A file may hold megabytes where a name is expected."""
    error = RubriekError("a" * 30_000, expected="b", found="c" * 1_001)
    assert error.message == "a" * 1_000 + "… (29,000 more characters)"
    assert str(error) == f"{error.message}\n  expected: b\n  found:    {'c' * 1_000}… (1 more characters)"


def test_errors_cross_process_borders_with_their_parts():
    error = ModelError("no", expected="yes", hint="try")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.message, copied.expected, copied.found, copied.hint, str(copied)) == (
        *(ModelError, "no", "yes", None, "try"),
        str(error),
    )


def test_an_option_is_named_in_the_words_of_python_and_of_the_command():
    hint = Worded("{} cuts them, {} reads them", ("overflow", "truncate"), ("max_length", None))
    error = ColumnError("Te lang.", hint=hint)
    assert str(error) == "Te lang.\n  hint:     overflow='truncate' cuts them, max_length reads them"
    assert error.for_command.endswith("hint:     --overflow truncate cuts them, --max-length reads them")


@given(text=st.text() | st.sampled_from(["prefix='x'", "overflow='windows'", "{}", "{0}"]))
def test_what_is_no_option_stays_as_it_is(text):
    error = RubriekError(text, expected=text, found=text, hint=text)
    assert error.for_command == str(error)


def test_both_wordings_cross_process_borders():
    error = RubriekError("a", hint=Worded("{} as well", ("overflow", "windows")))
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert str(other) == str(error)
        assert other.for_command == "a\n  hint:     --overflow windows as well"
