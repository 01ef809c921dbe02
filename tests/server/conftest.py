from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from serving_process import Serving, serving
from starlette.testclient import TestClient

import rubriek
from rubriek.classifier import Classifier
from rubriek.models.bundle import Bundle
from rubriek.server import create_app

CARD = """---
layout: model
title: Waar gaan deze stukken over?
name: stukken
language: nl
page:
  nl: {label: onderwerp, labels: onderwerpen}
  en: {title: What are these documents about?, label: topic, labels: topics}
---

## Example texts

Two of them.

- De minister zegt
  de Kamer.
- Het café
"""


@pytest.fixture(scope="session")
def tiny(tiny_a) -> Classifier:
    return rubriek.load(tiny_a.folder)


@pytest.fixture(scope="module")
def client(tiny) -> Iterator[TestClient]:
    """A service with one model, `tiny-a`."""
    with TestClient(create_app({"tiny-a": tiny})) as client:
        yield client


@pytest.fixture
def started(tiny) -> Iterator[Callable[..., TestClient]]:
    """Starts services of other settings; `create_app` says what it takes."""
    with ExitStack() as stack:

        def start(models=None, **settings) -> TestClient:
            return stack.enter_context(TestClient(create_app(models or {"tiny-a": tiny}, **settings)))

        yield start


@pytest.fixture(scope="session")
def process(tiny_a) -> Iterator[Serving]:
    """`rubriek serve` over the same model, as a process."""
    with serving("--model", f"tiny-a={tiny_a.folder}") as service:
        yield service


@pytest.fixture(scope="session")
def with_card(multi_label, tmp_path_factory) -> Bundle:
    """A multi-label model with a card of its own."""
    folder = tmp_path_factory.mktemp("with-card") / "model"
    shutil.copytree(multi_label.folder, folder)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    return Bundle.open(folder)


@pytest.fixture(scope="session")
def own_model(with_card) -> Iterator[Serving]:
    """`rubriek serve` over a multi-label model with a card of its own, for the page."""
    with serving("--model", f"stukken={with_card.folder}") as service:
        yield service


@pytest.fixture(scope="session")
def two_models(tiny_a) -> Iterator[Serving]:
    """`rubriek serve` over the built-in model and a small one, for the page."""
    with serving("--model", "nl-news", "--model", f"klein={tiny_a.folder}") as service:
        yield service
