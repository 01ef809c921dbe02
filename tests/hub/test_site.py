"""The site's files: what they show, that nothing of a card passes unescaped, and what is never replaced."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import FileError, MissingExtraError, ModelError
from rubriek.hub.card_parts import Links, write_examples, write_facts, write_labels, write_links
from rubriek.hub.cards import Card, Section, card_text, parse_card
from rubriek.hub.queries import Found
from rubriek.hub.site import build
from rubriek.hub.site.markdown import LONGEST, LONGEST_LINKED, as_html
from rubriek.hub.site.pages import page_of, slugs
from rubriek.installation import install_line

ZIP = "https://hub.example/public/models/sections_nl.zip"
EVIL = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>\"'`{{7*7}}"


def card(name="sections", *, labels=("Economie", "Cultuur & Media"), links=None, more=(), **front) -> Card:
    values = {
        "layout": "model",
        "name": name,
        "title": "Dutch sections",
        "language": "nl",
        "date": "2023-10-31",
    }
    values |= {"task": "Text Classification", "annotator": "BertForSequenceClassification", "engine": "onnx"}
    values |= {"edition": "Spark NLP 5.1.4", **front}
    links = links or Links(download=ZIP, s3="s3://hub/public/models/sections_nl.zip")
    parts = [
        Section("Description", "Sections for *news*."),
        Section("Predicted Entities", f"{write_labels(labels)}\n\n{write_links(links)}"),
        Section(
            "How to use", "Ask it.\n\n" + write_examples({"python": "its = code()", "nlu": "import nlu"})
        ),
        Section("Model Information", write_facts({"Size": "1 MB", "Language": "nl"}), "{:.model-param}"),
        *more,
    ]
    return Card({key: value for key, value in values.items() if value}, tuple(parts))


def page(made: Card):
    return page_of(parse_card(card_text(made)), found(made))


def found(made: Card) -> Found:
    texts = {key: made.text(key) for key in ("name", "language", "annotator", "engine", "edition", "date")}
    labels = ("Economie", "Cultuur & Media")
    return Found("x.md", title=made.title, tasks=made.texts("task"), labels=labels, size="", **texts)


def write(folder: Path, *cards: Card) -> Path:
    folder.mkdir(exist_ok=True)
    for number, made in enumerate(cards):
        (folder / f"{number}.md").write_text(card_text(made), encoding="utf-8")
    return folder


class Reader(HTMLParser):
    """Collects the tags, and the addresses that are linked to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


@pytest.fixture
def folder(tmp_path, own_cache) -> Path:
    return tmp_path / "cards"


def test_the_parts_of_a_page():
    made = page(card(more=[Section("Benchmarking", "|a|b|\n|---|---|\n|1|2|")]))
    assert made.description == "<p>Sections for <em>news</em>.</p>\n"
    assert made.labels == ("Economie", "Cultuur & Media")
    assert made.links == {"Download": ZIP}
    assert made.s3.startswith("s3://hub/")
    assert made.code == {"Python": "its = code()", "NLU": "import nlu"}
    assert made.use == "<p>Ask it.</p>\n"
    assert made.facts == {"Size": "1 MB", "Language": "nl"}
    ((title, html),) = made.sections
    assert title == "Benchmarking"
    assert "<table>" in html


def test_snippets_for_rubriek():
    made = page(card()).rubriek
    assert 'rubriek.load("sparknlp://nl/sections")' in made["Python"]
    assert made["CLI"] == "rubriek classify texts.csv --model sparknlp://nl/sections -o labels.csv"
    body = re.search(r"-d '(.*)'$", made["HTTP"])
    assert json.loads(body[1]) == {"text": "Ik hou van Spark NLP"}
    assert "/v1/classify" in made["HTTP"]


def test_a_card_of_a_bundle_is_used_by_its_name():
    made = page(card("nl-news", edition="", links=Links()))
    assert 'rubriek.load("nl-news")' in made.rubriek["Python"]


@pytest.mark.parametrize("changes", [
    {"annotator": "NerDLModel"}, {"name": 'x"; rm -rf ~; "'}, {"name": "a\nb"}, {"language": "nl; ls"},
])  # fmt: skip
def test_no_snippets_where_rubriek_cannot_use_it_or_a_name_is_none(changes):
    assert page(card(**changes)).rubriek == {}


@given(st.text() | st.text("`,|#~{}[]()<>%\n ab", max_size=80))
def test_every_card_has_a_page(text):
    titles = ("Description", "Predicted Entities", "How to use", "Model Information", "Other")
    made = page(parse_card("---\nname: x\n---\n" + "".join(f"\n## {title}\n\n{text}\n" for title in titles)))
    assert made.rubriek == {}
    assert made.links == {}


def test_labels_with_more_than_labels_are_shown_as_they_stand():
    made = page(
        Card({"name": "x"}, (Section("Predicted Entities", "Two kinds:\n\n- `a`: good\n- `b`: bad"),))
    )
    assert made.labels == ()
    assert "<li><code>a</code>: good</li>" in made.labels_html


@pytest.mark.parametrize("address", [
    "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example", "../../x",
    "JaVaScRiPt:x", "vbscript:x", "mailto:a@b.example", "https:evil", 'https://a"onclick="x',
])  # fmt: skip
def test_links_lead_to_http_and_s3_only(address):
    for text in (f"[x]({address})", f"[x](<{address}>)", f"<{address}>", f"[x]\n\n[x]: {address}", address):
        links = [value for name, value in Reader(as_html(text)).attributes if name == "href"]
        assert all(re.match(r"(https?|s3)://", link) for link in links)
        assert not any(name.startswith("on") for name, _ in Reader(as_html(text)).attributes)
    made = page(card(links=Links(demo=address, download=address, s3=address)))
    assert (made.links, made.s3) == ({}, "")


ALLOWED = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


@given(st.text() | st.text("<>&\"'`*[]()!:/jsavcript \n|-#", max_size=60))
def test_no_text_becomes_html_of_another_kind(text):
    made = Reader(as_html(text))
    assert set(made.tags) <= ALLOWED
    assert {name for name, _ in made.attributes} <= {"href", "rel", "title", "class", "style", "start"}
    styles = {value for name, value in made.attributes if name == "style"}
    assert styles <= {"text-align:left", "text-align:center", "text-align:right"}


def test_links_in_plain_text_and_file_names():
    html = as_html("See https://example.org/a and model.zip, a@b.example")
    assert re.findall(r'href="([^"]*)"', html) == ["https://example.org/a"]
    assert 'rel="noopener noreferrer nofollow"' in html


def test_links_that_are_marked_as_such_are_links_in_long_texts_too():
    text = "[x](https://example.org) https://example.org\n\n"
    assert as_html(text).count("href") == 2
    assert as_html(text + "a" * LONGEST_LINKED).count("href") == 1


def test_a_very_long_text_is_shown_as_it_is():
    assert as_html("[" * (LONGEST + 1)).startswith("<pre>[[")
    assert as_html("<" * (LONGEST + 1)).startswith("<pre>&lt;")


def test_nothing_of_a_card_passes_unescaped(folder, tmp_path):
    evil = card(
        f"x{EVIL}", title=EVIL, labels=[EVIL], language=EVIL, task=[EVIL], annotator=EVIL, engine=EVIL,
        date=EVIL, author=EVIL, edition=EVIL, more=[Section(f"A {EVIL}".replace("\n", ""), EVIL)],
    )  # fmt: skip
    evil = Card(evil.front, (*evil.sections, Section("Model Information", write_facts({EVIL: EVIL}))), EVIL)
    built = build(write(folder, evil), tmp_path / "site", title=EVIL)
    assert built.cards == 1
    for file in (tmp_path / "site").rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        made = Reader(text)
        assert made.tags.count("script") in (1, 2)
        assert text.count("<script defer src=") == made.tags.count("script")
        assert "img" not in made.tags
        assert not any(name.startswith("on") for name, _ in made.attributes)
        assert "{{7*7}}" in text
        assert ">49" not in text
    data = (tmp_path / "site" / "assets" / "cards.js").read_text(encoding="utf-8")
    assert "<" not in data
    assert data.isascii()


def test_the_files_of_a_site(folder, tmp_path):
    write(
        folder, card(), card("other", date="2024-01-01"), card(edition="Spark NLP 4.1.0", date="2022-09-19")
    )
    (folder / "README.md").write_text("# no card")
    built = build(folder, tmp_path / "site", title="Ours")
    assert (built.cards, list(built.problems)) == (3, ["README.md"])
    assert built.index == tmp_path / "site" / "index.html"
    pages = sorted(path.name for path in (tmp_path / "site" / "cards").iterdir())
    assert pages == ["other_nl_5.1.4.html", "sections_nl_4.1.0.html", "sections_nl_5.1.4.html"]
    index = built.index.read_text(encoding="utf-8")
    assert re.findall(r'href="(cards/[^"]*)"', index) == [
        "cards/other_nl_5.1.4.html", "cards/sections_nl_5.1.4.html", "cards/sections_nl_4.1.0.html",
    ]  # fmt: skip
    older = (tmp_path / "site" / "cards" / "sections_nl_4.1.0.html").read_text(encoding="utf-8")
    assert 'href="sections_nl_5.1.4.html"' in older
    data = (tmp_path / "site" / "assets" / "cards.js").read_text(encoding="utf-8")
    listed = json.loads(data.removeprefix("window.rubriekCards=").rstrip(";\n"))
    assert [row[2] for row in listed["rows"]] == ["other_nl_5.1.4", "sections_nl_5.1.4", "sections_nl_4.1.0"]
    assert listed["values"]["task"] == ["Text Classification"]


def test_the_list_starts_with_one_page_of_many(folder, tmp_path):
    built = build(write(folder, *[card(f"card-{n}") for n in range(60)]), tmp_path / "site")
    assert built.index.read_text(encoding="utf-8").count('href="cards/') == 40


def test_a_site_asks_nobody_else(folder, tmp_path):
    build(write(folder, card(links=Links())), tmp_path / "site")
    for file in (tmp_path / "site").rglob("*.*"):
        found = re.findall(r"(?:src|href)=\"?([^\" >]+)|url\(([^)]*)\)", file.read_text(encoding="utf-8"))
        assert not [one for pair in found for one in pair if re.match(r"(https?:)?//", one)]


def test_a_site_is_replaced_and_nothing_else(folder, tmp_path):
    write(folder, card())
    build(folder, tmp_path / "site")
    (folder / "0.md").unlink()
    write(folder, card("other"))
    assert build(folder, tmp_path / "site").cards == 1
    assert [path.name for path in (tmp_path / "site" / "cards").iterdir()] == ["other_nl_5.1.4.html"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelError, match="not overwritten"):
        build(folder, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    with pytest.raises(FileError, match="no folder"):
        build(tmp_path / "none", tmp_path / "site")
    assert (tmp_path / "site" / "index.html").is_file()


def test_an_empty_folder_makes_an_empty_list(folder, tmp_path):
    folder.mkdir()
    built = build(folder, tmp_path / "site")
    assert built.cards == 0
    assert "0 models" in built.index.read_text(encoding="utf-8")


@given(st.lists(st.text(max_size=8), max_size=12))
def test_every_card_has_a_page_of_its_own(names):
    cards = [Found("", name, "", "nl", "", "", "", "", (), (), "") for name in names]
    made = slugs(cards)
    assert len(set(made)) == len(cards)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9._-]*", slug) for slug in made)


@pytest.mark.parametrize("names", [["a", "a", "a_2"], ["a_2", "a", "a"], ["a", "A", "a_2", "a_2"]])
def test_pages_of_like_names(names):
    made = slugs([Found("", name, "", "", "", "", "", "", (), (), "") for name in names])
    assert len(set(made)) == len(names)


def test_without_the_extra_the_line_that_installs_it_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_line("site"))):
        build(write(folder, card()), tmp_path / "site")
