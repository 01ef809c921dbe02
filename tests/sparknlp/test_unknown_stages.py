from __future__ import annotations

import importlib
import inspect

import pytest

from rubriek.errors import RubriekError, UnknownStageError
from rubriek.sparknlp import annotator, base


@pytest.mark.parametrize(
    ("module", "name", "here"),
    [("annotator", "BertEmbeddings", "SentenceDetector"), ("base", "EmbeddingsFinisher", "LightPipeline")],
)
def test_an_import_of_what_is_not_here_says_what_is(module, name, here):
    with pytest.raises(ImportError, match=rf"has no {name}(.|\n)*{here}(.|\n)*migration\.md") as caught:
        exec(f"from rubriek.sparknlp.{module} import {name}", {})
    assert isinstance(caught.value, UnknownStageError)
    assert isinstance(caught.value, RubriekError)


@pytest.mark.parametrize("module", [annotator, base])
def test_tools_may_look_at_the_modules(module):
    assert not hasattr(module, "__wrapped__")
    assert inspect.unwrap(module) is module
    assert importlib.reload(module) is module
    for name in module.__all__:
        assert getattr(module, name)
