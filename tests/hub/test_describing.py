"""Cards derived from bundles: what the record says, and what a card in the bundle adds."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import UTC, datetime

import pytest

from rubriek import hub
from rubriek.hub.card_parts import Links, read_examples, read_facts, read_labels, read_links
from rubriek.hub.cards import card_text, parse_card
from rubriek.hub.catalogue import Resource
from rubriek.hub.describing import describe
from rubriek.models import Agreement

RESOURCE = Resource("sections", "nl", (5, 1, 4), (3, 4), datetime(2026, 11, 25, 12, tzinfo=UTC))


OWN = """---
layout: model
name: mine
title: Sections
author: me
language: nl
tags: [news]
date: 2020-01-01
---
## Description

Mine.

## Predicted Entities

`wrong`

## Accuracy

0.9 of 100 texts.

## Model Information

|---|---|
|License:|MIT|
|Precision:|wrong|
"""


def titles(card) -> list[str]:
    return [part.title for part in card.sections]


def test_a_bundle_without_a_card_is_described_by_its_record(tiny_a):
    card = describe(tiny_a)
    facts = read_facts(card.section("Model Information"))
    assert read_labels(card.section("Predicted Entities")) == tiny_a.labels
    assert facts["Max sentence length"] == str(tiny_a.max_length)
    assert facts["Precision"] == "fp32"
    assert facts["Case sensitive"] == "true"
    assert facts["Size"] == f"{tiny_a.size / 1e6:.1f} MB"
    assert f"{len(tiny_a.labels)} labels" in card.section("Description")
    assert tiny_a.checksums["model.onnx"] in card.section("References")
    assert 'rubriek.load("tiny-a")' in read_examples(card.section("How to use"))["python"]
    assert parse_card(card_text(card)) == card


def test_nothing_is_made_up(tiny_a):
    card = describe(tiny_a)
    for unknown in ("language", "author", "license", "edition", "spark_version", "supported"):
        assert unknown not in card.front
    assert "License" not in read_facts(card.section("Model Information"))
    assert titles(card) == [
        "Description",
        "Predicted Entities",
        "How to use",
        "Model Information",
        "References",
    ]


def test_a_measured_agreement_is_told(tiny_a):
    measured = Agreement(450, 0.9777, 0.1248, "450 headlines | titles")
    text = describe(dataclasses.replace(tiny_a, precision="int8", agreement=measured)).section(
        "Agreement with fp32"
    )
    assert "| texts | 450 |" in text
    assert "| equal labels | 97.77 % |" in text
    assert "| largest difference of a score | 0.1248 |" in text
    assert "450 headlines / titles" in text


def test_the_card_in_a_bundle_adds_what_the_record_does_not_know(tiny_a, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_a.folder, folder)
    (folder / "README.md").write_text(OWN)
    card = describe(dataclasses.replace(tiny_a, folder=folder))
    assert (card.title, card.text("author"), card.language) == ("Sections", "me", "nl")
    assert (card.name, card.text("date")) == ("tiny-a", "2020-01-01")
    assert card.texts("tags")[0] == "news"
    assert card.section("Description") == "Mine."
    assert card.section("Accuracy") == "0.9 of 100 texts."
    assert read_labels(card.section("Predicted Entities")) == tiny_a.labels
    facts = read_facts(card.section("Model Information"))
    assert (facts["License"], facts["Precision"]) == ("MIT", "fp32")


@pytest.mark.parametrize(
    "text", ["# mine", "---\nlicense: mit\n---\n# from Hugging Face", "---\nname: x\n---\n"]
)
def test_a_readme_of_another_kind_is_no_card(tiny_a, tmp_path, text):
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_a.folder, folder)
    (folder / "README.md").write_text(text)
    assert titles(describe(dataclasses.replace(tiny_a, folder=folder))) == titles(describe(tiny_a))


def test_the_card_of_a_published_model(tiny_a):
    links = Links(s3="s3://hub/public/models/sections.zip")
    card = describe(tiny_a, resource=RESOURCE, links=links, size=1_234_000)
    assert (card.name, card.language, card.text("date")) == ("sections", "nl", "2026-11-25")
    assert (card.text("edition"), card.text("spark_version")) == ("Spark NLP 5.1.4", "3.4")
    assert read_links(card.section("Predicted Entities")) == links
    facts = read_facts(card.section("Model Information"))
    assert (facts["Size"], facts["Compatibility"]) == ("1.2 MB", "Spark NLP 5.1.4+")
    examples = read_examples(card.section("How to use"))
    assert list(examples) == ["python", "scala"]
    for code in examples.values():
        assert 'BertForSequenceClassification.pretrained("sections", "nl")' in code


def test_kinds_of_models(multi_label, regression):
    multi = read_facts(describe(multi_label).section("Model Information"))
    assert (multi["Threshold"], multi["Case sensitive"]) == ("0.5", "false")
    assert "any of" in describe(multi_label).section("Description")
    assert "annotator" not in describe(regression).front
    assert "a value" in describe(regression).section("Description")


def test_the_built_in_model_brings_its_measured_accuracy():
    card = describe(hub.resolve("nl-news"))
    assert "| articles, title and text | 203 |" in card.section("Accuracy")
    assert card.text("author") == "rubriek"
    assert parse_card(card_text(card)) == card
