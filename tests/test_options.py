from __future__ import annotations

import pytest

from rubriek.errors import OptionError
from rubriek.options import Options


@pytest.mark.parametrize(
    "values",
    [
        {"max_length": 2},
        {"max_length": "128"},
        {"max_length": True},
        {"top_k": 0},
        {"token_budget": -1},
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"threshold": "0.5"},
        {"overflow": "cut"},
        {"stride": 10},
        {"window_scores": True},
        {"stride": 0, "overflow": "windows"},
    ],
)
def test_values_that_cannot_be_used_are_refused(values):
    with pytest.raises(OptionError, match=next(iter(values))):
        Options(**values)


def test_what_is_not_changed_stays():
    assert Options(max_length=64).replaced({"top_k": 2}) == Options(max_length=64, top_k=2)


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'max_length'"):
        Options().replaced({"maxlength": 5})
