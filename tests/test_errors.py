from __future__ import annotations

import pickle

from rubriek.errors import ModelError, RubriekError


def test_each_part_of_a_message_is_cut():
    """A file may hold megabytes where a name is expected."""
    error = RubriekError("a" * 30_000, expected="b", found="c" * 1_001)
    assert error.message == "a" * 1_000 + "… (29,000 more characters)"
    assert str(error) == f"{error.message}\n  expected: b\n  found:    {'c' * 1_000}… (1 more characters)"


def test_errors_cross_process_borders_with_their_parts():
    error = ModelError("no", expected="yes", hint="try")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.expected, copy.found, copy.hint, str(copy)) == (
        *(ModelError, "no", "yes", None, "try"),
        str(error),
    )
