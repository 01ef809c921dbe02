from __future__ import annotations

import shutil

import pytest

from rubriek.models.bundle import Bundle
from rubriek.server.introduction import MAX_EXAMPLE, MAX_EXAMPLES, MAX_WORD, introduce


@pytest.fixture
def card_says(tiny_a, tmp_path):
    """Introduces a model whose card has this front matter and these sections."""

    def introduced(front: str, sections: str = "") -> dict[str, object]:
        folder = tmp_path / "model"
        shutil.copytree(tiny_a.folder, folder)
        card = f"---\nlayout: model\nname: tiny-a\n{front}\n---\n\n{sections}"
        (folder / "README.md").write_text(card, encoding="utf-8")
        return introduce(Bundle.open(folder))

    return introduced


def test_a_model_without_a_card_has_its_name(tiny_a):
    assert introduce(tiny_a) == {"title": "tiny-a", "language": "", "words": {}, "examples": []}


@pytest.mark.parametrize("page", ["", "page: nl", "page: [nl]", "page: {nl: [label], en: {label: [a]}}"])
def test_a_card_that_says_nothing_usable_leaves_it_to_the_page(card_says, page):
    assert card_says(page)["words"] == {"nl": {}, "en": {}}


def test_only_known_words_are_taken(card_says):
    told = card_says("page: {nl: {label: soort, colour: red}, fr: {label: sorte}}")
    assert told["words"] == {"nl": {"label": "soort"}, "en": {}}


def test_what_is_too_long_or_too_much_is_left_out(card_says):
    long = "x" * (MAX_WORD + 1)
    items = ["y" * (MAX_EXAMPLE + 1), *map(str, range(MAX_EXAMPLES + 5))]
    told = card_says(
        f"title: {long}\nlanguage: {long}\npage: {{nl: {{label: {long}}}}}",
        "## Example texts\n\n" + "\n".join(f"- {item}" for item in items),
    )
    assert (told["title"], told["language"], told["words"]["nl"]) == ("tiny-a", "", {})
    assert told["examples"] == [str(number) for number in range(MAX_EXAMPLES)]


def test_several_languages_are_none_in_particular(card_says):
    assert card_says("language: xx")["language"] == ""
