from __future__ import annotations

import dataclasses
import inspect
import re
from typing import get_type_hints

import pytest

import rubriek
import rubriek.spark
from rubriek.classifier import Classifier
from rubriek.errors import OptionError
from rubriek.options import Options, OptionValues


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


@pytest.mark.parametrize(
    "function",
    [
        rubriek.load,
        Classifier.predict,
        Classifier.stream,
        Classifier.classify,
        Classifier.classify_each,
        Classifier.classify_tokens,
        Classifier.prepare,
        Classifier.explain,
        Classifier.transform,
        rubriek.spark.classify,
        rubriek.spark.register,
    ],
    ids=lambda function: function.__qualname__,
)
def test_every_option_is_in_every_signature_under_its_name_and_type(function):
    parameters = inspect.signature(function).parameters
    assert all(one.kind is not one.VAR_KEYWORD for one in parameters.values())
    fields = {field.name: field for field in dataclasses.fields(Options)}
    assert list(parameters)[-len(fields) :] == list(fields)
    for name, kind in get_type_hints(Options).items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].annotation == kind


def test_what_type_checkers_see_is_what_options_are():
    assert get_type_hints(OptionValues) == get_type_hints(Options)


def test_every_option_is_described_once():
    described = re.findall(r"^    (\w+) : ", Options.__doc__.split("Raises")[0], re.M)
    assert described == [field.name for field in dataclasses.fields(Options)]


def test_a_misspelt_option_is_named_wherever_it_is_given(tiny_a):
    with pytest.raises(OptionError, match="did you mean 'top_k'"):
        rubriek.load(tiny_a.folder, topk=2)
    with pytest.raises(OptionError, match="did you mean 'top_k'"):
        rubriek.load(tiny_a.folder).predict("koning", topk=2)


def test_a_misspelt_keyword_of_the_function_itself_is_named_too(tiny_a):
    with pytest.raises(OptionError, match="did you mean 'engine'"):
        rubriek.load(tiny_a.folder, engin="openvino")
    with pytest.raises(OptionError, match="did you mean 'text_column'"):
        rubriek.load(tiny_a.folder).predict(["koning"], textcolumn="text")
