"""Model cards: read, written, and the same again; what is no card is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rubriek.errors import CardError
from rubriek.hub import cards
from rubriek.hub.card_parts import (
    Links,
    prose,
    read_examples,
    read_facts,
    read_labels,
    read_links,
    write_examples,
    write_facts,
    write_labels,
    write_links,
)
from rubriek.hub.cards import Card, Section, card_text, parse_card, read_card

DATA = Path(__file__).parent.parent / "data" / "cards"
OWN = Path(cards.__file__).parent.parent / "bundled" / "nl-news" / "README.md"

signs = st.characters(exclude_categories=["Cs", "Cc"])
words = st.text(signs, min_size=1, max_size=20)
values = st.recursive(
    words, lambda some: st.lists(some, max_size=3) | st.dictionaries(words, some, max_size=3)
)
lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=30)


@st.composite
def sections(draw):
    code = "\n".join(draw(st.lists(lines, max_size=4)))
    parts = draw(st.lists(lines.filter(plain), max_size=4))
    parts += draw(
        st.sampled_from([[], [f"````python\n{code.replace('````', '')}\n````"], ["~~~\n## no heading\n~~~"]])
    )
    title = " ".join(draw(words).split())
    assume(title)
    return Section(title, "\n".join(parts).strip("\n"), draw(st.sampled_from(["", "{:.model-param}"])))


def plain(line: str) -> bool:
    return not line.lstrip().startswith(("##", "```", "~~~", "{:"))


@given(
    st.dictionaries(words, values, max_size=5), st.text(signs, min_size=1), st.lists(sections(), max_size=4)
)
def test_a_card_comes_back_as_it_was_written(front, name, parts):
    card = Card({**front, "name": name}, tuple(parts))
    assert parse_card(card_text(card)) == card


@given(st.text())
def test_whatever_is_read_is_a_card_or_refused(junk):
    for text in (junk, f"---\n{junk}\n---\n{junk}", f"---\nname: x\n---\n{junk}"):
        try:
            card = parse_card(text)
        except CardError:
            continue
        assert parse_card(card_text(card)) == card
        for part in card.sections:
            for reader in (read_labels, read_links, read_examples, read_facts, prose):
                reader(part.text)


@given(st.text("#`~{}:. -|\n\\[]()ab", max_size=80))
def test_markdown_of_any_form_comes_back(text):
    card = parse_card(f"---\nname: x\n---\n{text}")
    assert parse_card(card_text(card)) == card


@pytest.mark.parametrize("file", [OWN, DATA / "sections_nl.md"], ids=lambda file: file.name)
def test_cards_in_the_hub_s_form_are_written_as_they_were(file):
    assert card_text(read_card(file)) == file.read_text(encoding="utf-8")


def test_the_parts_of_a_card():
    card = read_card(DATA / "sections_nl.md")
    assert (card.name, card.language, card.texts("task")) == ("sections", "nl", ("Text Classification",))
    assert card.texts("tags") == ("bert", "nl", "onnx")
    assert [part.title for part in card.sections] == [
        "Description", "Predicted Entities", "How to use", "Model Information", "References",
    ]  # fmt: skip
    assert read_labels(card.section("Predicted Entities")) == ("Economie", "Cultuur & Media")
    links = read_links(card.section("Predicted Entities"))
    assert links.download == "https://hub.example/public/models/sections_nl_5.1.4_3.4_1698789540127.zip"
    assert links.s3 == "s3://hub/public/models/sections_nl_5.1.4_3.4_1698789540127.zip"
    assert (links.demo, links.colab) == ("", "")
    examples = read_examples(card.section("How to use"))
    assert list(examples) == ["python", "scala", "nlu"]
    assert examples["nlu"].startswith("import nlu")
    facts = read_facts(card.section("model information"))
    assert facts["Input Labels"] == "[document, token]"
    assert facts["Max sentence length"] == "256"


def test_the_card_that_started_it_all(shared):
    if shared is None or not (shared / "reference" / "model-card.md").is_file():
        pytest.skip("NOT RUN: no model-card.md in $RUBRIEK_SHARED/reference")
    card = read_card(shared / "reference" / "model-card.md")
    assert parse_card(card_text(card)) == card
    assert len(read_labels(card.section("Predicted Entities"))) == 9
    assert read_links(card.section("Predicted Entities")).download.endswith("_nl_5.1.4_3.4_1698789540127.zip")
    assert list(read_examples(card.section("How to use"))) == ["python", "scala", "nlu"]
    assert read_facts(card.section("Model Information"))["Size"] == "409.0 MB"


@given(st.lists(st.text(signs, min_size=1).map(lambda text: " ".join(text.split())).filter(bool)))
def test_labels_come_back(labels):
    assert list(read_labels(write_labels(labels))) == labels


@given(st.dictionaries(st.sampled_from(["python", "scala", "java", "nlu"]), lines.filter(bool)))
def test_code_comes_back(examples):
    text = write_examples(examples)
    assert read_examples(text) == examples
    assert prose(text, without="code") == ""


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(
    lambda text: " ".join(text.split())
)


@given(
    st.dictionaries(
        cells.filter(lambda cell: cell and not cell.endswith(":") and set(cell) - set("|-: \t")), cells
    )
)
def test_facts_come_back(facts):
    text = write_facts(facts)
    assert read_facts(text) == facts
    assert prose(text, without="tables") == ""


@given(st.builds(Links, *[st.text(st.characters(categories=["L", "N"], include_characters=":/._-"))] * 4))
def test_links_come_back(links):
    assert read_links(write_links(links)) == links


def test_an_address_cannot_end_its_link():
    assert read_links(write_links(Links(s3="s3://a b)/<c>"))).s3 == "s3://a%20b%29/%3Cc%3E"


def test_values_stay_the_texts_that_they_are():
    card = parse_card("---\nname: 007\nlanguage: no\nspark_version: 3.10\ndate: 2023-10-31\nempty:\n---\n")
    assert dict(card.front) == {
        "name": "007", "language": "no", "spark_version": "3.10", "date": "2023-10-31", "empty": "",
    }  # fmt: skip
    assert 'language: "no"' in card_text(card)


def test_lines_may_end_as_on_windows(tmp_path):
    (tmp_path / "card.md").write_bytes(
        b"\xef\xbb\xbf---\r\nname: news\r\n---\r\n## Description\r\n\r\nNews.\r\n"
    )
    assert read_card(tmp_path / "card.md").section("Description") == "News."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a model card"),
        ("# A page", "not a model card"),
        ("---\nname: x\n", "not a model card"),
        ("---\nname: x\n---\n## a\n\n\ud800", "not a text"),
        ("---\nname: x\n\ud800: x\n---\n", "not a text"),
        ("---\ntitle: x\n---\n", "a name in the front matter"),
        ("---\n- a\n---\n", "another form"),
        ("---\nname: [\n---\n", "not YAML"),
        ("---\n? [a]\n: b\n---\n", "not YAML"),
        ("---\nname: " + "[" * 20_000 + "\n---\n", "not YAML"),
        ("---\nname: x\na: " + "[" * 10 + "]" * 10 + "\n---\n", "another form"),
        ("---\nname: x\na: [" + ",".join("b" * 3000) + "]\n---\n", "another form"),
        ("---\nname: " + "x" * 70_000 + "\n---\n", "too long a front matter"),
    ],
)
def test_what_is_no_card_says_so(text, message):
    with pytest.raises(CardError, match=message):
        parse_card(text)


def test_references_of_yaml_cannot_multiply():
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 7))
    with pytest.raises(CardError, match="another form"):
        parse_card(f"---\nname: x\n{bomb}---\n")


def test_tags_of_yaml_make_no_objects():
    card = parse_card("---\nname: !!python/object/apply:os.getcwd []\ntitle: x\n---\n".replace("[]", "x"))
    assert card.name == "x"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(CardError, match="cannot be read"):
        read_card(tmp_path / "none.md")
    (tmp_path / "binary.md").write_bytes(b"---\nname: \xff\n---\n")
    with pytest.raises(CardError, match="not a text"):
        read_card(tmp_path / "binary.md")
    (tmp_path / "long.md").write_bytes(b"---\nname: x\n---\n" + b"x" * cards.MOST_BYTES)
    with pytest.raises(CardError, match="too large"):
        read_card(tmp_path / "long.md")


def test_no_text_keeps_a_reader_busy_for_long():
    """A reader that looked at the rest of such texts again and again would take minutes for each."""
    assert read_labels("`a``b```c````d" * 20_000)
    assert read_labels("".join("`" * length + "a" for length in range(1, 1000))) == ()
    assert read_facts("|" + "\\" * 200_000) == {}
    assert read_links("[Download](x){:\n" * 20_000) == Links(download="x")
