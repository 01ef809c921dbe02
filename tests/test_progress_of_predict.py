from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from rubriek import progress
from rubriek.classifier import Classifier
from rubriek.errors import RubriekError
from test_classifier import SumEngine

TEXTS = ["koning", "de minister", None]


@pytest.fixture
def classifier(tiny_a) -> Classifier:
    return Classifier(tiny_a, SumEngine(len(tiny_a.labels)))


@pytest.fixture
def notebook(monkeypatch) -> None:
    """A kernel of IPython, without widgets."""
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)


def test_a_bar_is_shown_on_request(classifier, capsys):
    answers = classifier.predict(TEXTS, progress=True)
    assert len(answers) == 3
    assert "/3" in capsys.readouterr().err


def test_texts_without_a_known_number_are_counted(classifier, capsys):
    classifier.predict(iter(TEXTS), progress=True)
    assert "texts" in capsys.readouterr().err


def test_outside_of_a_notebook_nothing_is_shown_unasked(classifier, capsys):
    classifier.predict(TEXTS)
    assert capsys.readouterr() == ("", "")


def test_in_a_notebook_only_long_work_shows_a_bar(classifier, capsys, notebook, monkeypatch):
    classifier.predict(TEXTS)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    classifier.predict(TEXTS, progress=False)
    assert capsys.readouterr().err == ""
    classifier.predict(TEXTS)
    assert "/3" in capsys.readouterr().err


def test_a_shell_of_ipython_in_a_terminal_is_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    assert not progress.in_notebook()


def test_a_run_that_fails_takes_its_bar_away(tiny_a, capsys):
    classifier = Classifier(tiny_a, SumEngine(len(tiny_a.labels)))
    with pytest.raises(RubriekError):
        classifier.predict(["koning", 7], progress=True)
    assert capsys.readouterr().err.endswith("\r")
