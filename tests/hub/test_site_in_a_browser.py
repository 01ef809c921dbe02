"""The site in Chromium: searching, filters, pages, copying, keys, widths and colours."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from rubriek.hub import site as module
from rubriek.hub.card_parts import Links, write_examples, write_facts, write_labels, write_links
from rubriek.hub.cards import Card, Section, card_text
from rubriek.hub.queries import Found
from rubriek.hub.site import build, write_list

EVIL = "</script><img src=x onerror=window.pwned=1><svg onload=window.pwned=1>"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
FIRST = "bert_classifier_dutch_news_clf_finetuned"
CLASSIFIES = "Text Classification"


def card(name, *, language="nl", task=CLASSIFIES, date="2020-01-01", engine="onnx", text="") -> Card:
    annotator = "BertForSequenceClassification" if task == CLASSIFIES else "BertForTokenClassification"
    front = {
        "layout": "model",
        "name": name,
        "title": f"Model {name} {text}",
        "language": language,
        "task": task,
    }
    front |= {"annotator": annotator, "engine": engine, "date": date, "edition": "Spark NLP 5.1.4"}
    labels = ["Economie", "Cultuur & Media"] if name == FIRST else ["LABEL_0"]
    links = Links(download="https://hub.example/model.zip", s3="s3://hub/public/models/model.zip")
    code = {
        "python": f"# a line that is longer than a narrow screen is wide, so that it has to scroll\n{text}"
    }
    return Card(front, (
        Section("Description", f"A model. {text}"),
        Section("Predicted Entities", f"{write_labels(labels)}\n\n{write_links(links)}"),
        Section("How to use", write_examples({**code, "scala": "val its = code"})),
        Section("Model Information", write_facts({"Model Name": name, "Size": "409.0 MB"})),
        Section("Benchmarking", f"| {' | '.join(f'measured {n}' for n in range(9))} |\n|{'---|' * 9}"),
        Section("References", f"- https://hub.example/{'a-long-address-' * 12}\n- {text}"),
    ))  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory, cache) -> Path:
    home = tmp_path_factory.mktemp("browsing")
    folder = home / "cards"
    folder.mkdir()
    cards = [card(FIRST, date="2023-10-31")]
    cards += [card(f"ner_{n}", language="en", task="Named Entity Recognition") for n in range(50)]
    cards += [card(f"reviews_{n}", language="fr", engine="tensorflow", date="2019-01-01") for n in range(40)]
    cards += [
        card("evil", text=EVIL, date="2018-01-01"),
        card("café_crème", language="xx", date="2017-01-01"),
    ]
    for number, made in enumerate(cards):
        (folder / f"{number}.md").write_text(card_text(made), encoding="utf-8")
    return build(folder, home / "site", title="Our models").index.parent


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(site) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def opened(browser, site):
    """Opens a page of the site from the disk; whatever the browser complains of fails the test."""
    contexts, complaints = [], []

    def open_(path: str = "index.html", *, base: str | None = None, **options):
        context = browser.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: complaints.append(request.url) if "hub.example" in request.url else None,
        )
        page.goto(f"{base or site.as_uri()}/{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def names(page) -> list[str]:
    return page.locator("#list a").all_text_contents()


def count(page) -> str:
    return page.locator("#count").text_content()


def follow(page, selector: str) -> None:
    """Click a link and wait for the page it leads to, scripts included."""
    with page.expect_navigation(wait_until="load"):
        page.click(selector)


def test_searching(opened):
    page = opened()
    assert count(page) == "93 models"
    assert len(names(page)) == 40
    assert names(page)[0] == FIRST
    page.fill("#text", "dutch NEWS")
    assert (names(page), count(page)) == ([FIRST], "1 of 93 models")
    page.fill("#text", "cultuur & media")
    assert names(page) == [FIRST]
    page.fill("#text", "cafe creme")
    assert names(page) == ["café_crème"]
    page.fill("#text", "nothing like this")
    assert (names(page), count(page)) == ([], "0 of 93 models")
    page.click("#clear")
    assert count(page) == "93 models"


def test_filters_count_and_combine(opened):
    page = opened()
    assert "English (en) · 50" in page.locator("#language").text_content()
    page.select_option("#task", "Text Classification")
    assert count(page) == "43 of 93 models"
    assert "French (fr) · 40" in page.locator("#language").text_content()
    assert "English" not in page.locator("#language").text_content()
    page.select_option("#language", "nl")
    assert names(page) == [FIRST, "evil"]
    page.fill("#text", "reviews")
    assert names(page) == []
    page.click("#clear")
    assert page.input_value("#task") == ""


def test_pages_and_the_way_back(opened):
    page = opened()
    first = names(page)
    page.click("#next")
    assert page.locator("#page").text_content() == "Page 2 of 3"
    assert names(page) != first
    assert page.evaluate("document.activeElement.id") == "count"
    page.click("#next")
    assert len(names(page)) == 13
    assert page.locator("#next").is_disabled()
    page.go_back()
    page.go_back()
    page.wait_for_function("document.getElementById('page').textContent.startsWith('Page 1')")
    assert names(page) == first


def test_the_address_keeps_what_was_searched_for(opened):
    page = opened()
    page.select_option("#language", "fr")
    page.fill("#text", "reviews_1")
    found = names(page)
    page.reload()
    assert names(page) == found
    follow(page, "#list a >> nth=0")
    follow(page, "#back")
    assert names(page) == found
    assert (page.input_value("#text"), page.input_value("#language")) == ("reviews_1", "fr")


def test_keys_are_enough(opened):
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("ner")
    assert page.input_value("#text") == "ner"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == names(page)[1]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    assert count(page) == "93 models"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("main h1")
    assert page.locator("h1").text_content() == FIRST
    page.locator("[role=tab][aria-selected=true]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "CLI"
    assert page.locator(".code:visible").first.text_content().startswith("rubriek classify texts.csv")


@pytest.mark.parametrize("tab", ["Python", "CLI", "HTTP", "Scala"])
def test_copying(opened, served, tab):
    page = opened(
        f"cards/{FIRST}_nl_5.1.4.html", base=served, permissions=["clipboard-read", "clipboard-write"]
    )
    page.get_by_role("tab", name=tab, exact=True).first.click()
    panel = page.locator(f".tab[data-name={tab}]:visible").first
    panel.locator(".copy").click()
    page.wait_for_function("document.getElementById('said').textContent.endsWith('copied')")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == panel.locator("code").text_content()
    assert FIRST in copied or tab == "Scala"


def test_copying_an_s3_uri_and_without_the_right_to(opened, served):
    page = opened(f"cards/{FIRST}_nl_5.1.4.html", base=served)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.evaluate(
        "document.addEventListener('copy', () => { window.copied = document.activeElement.value; })"
    )
    page.click("text=Copy S3 URI")
    page.wait_for_function("document.getElementById('said').textContent === 'S3 URI copied'")
    assert page.evaluate("window.copied") == "s3://hub/public/models/model.zip"


@pytest.mark.parametrize("path", ["index.html", f"cards/{FIRST}_nl_5.1.4.html", "cards/evil_nl_5.1.4.html"])
def test_a_narrow_screen_does_not_scroll_sideways(opened, path):
    page = opened(path, viewport=NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_on_a_narrow_screen_the_filters_wait_to_be_asked_for(opened):
    page = opened(viewport=NARROW)
    assert not page.locator("#task").is_visible()
    page.click("summary")
    page.select_option("#task", "Named Entity Recognition")
    assert count(page) == "50 of 93 models"
    assert page.locator("#chosen").text_content() == "(1)"


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("path", ["index.html", f"cards/{FIRST}_nl_5.1.4.html"])
def test_assistive_technology_finds_its_way(opened, served, path, viewport):
    found = Axe().run(opened(path, base=served, viewport=viewport, bypass_csp=True))
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["index.html", f"cards/{FIRST}_nl_5.1.4.html"])
def test_colours_follow_the_system_and_can_be_read(opened, scheme, path):
    page = opened(path, color_scheme=scheme)
    assert (luminance(page, "body", "backgroundColor") < 0.2) == (scheme == "dark")
    for selector in ("h1", ".title", ".meta", "main a", "button:visible"):
        behind = luminance(page, "body", "backgroundColor")
        ink = luminance(page, f"{selector} >> nth=0", "color")
        high, low = max(behind, ink), min(behind, ink)
        assert (high + 0.05) / (low + 0.05) >= 4.5, selector  # WCAG 2.2, 1.4.3


def luminance(page, selector: str, property: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{property}")
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_what_a_card_says_runs_nowhere(opened):
    page = opened()
    page.fill("#text", "evil")
    assert EVIL in page.locator("#list").text_content()
    follow(page, "#list a")
    assert EVIL in page.locator("main").text_content()
    assert page.evaluate("window.pwned") is None
    assert page.locator("main img, main svg, main script").count() == 0


def test_without_javascript_the_newest_cards_are_there(opened):
    page = opened(java_script_enabled=False)
    assert names(page)[0] == FIRST
    assert page.locator("noscript p").is_visible()
    follow(page, "#list a >> nth=0")
    assert page.locator(".tab").count() == page.locator(".tab:visible").count() == 5


def test_a_long_list_is_shown_in_pages(opened, tmp_path):
    kind = ["Translation", CLASSIFIES]
    cards = [
        (
            Found("", f"model_{n}", "A title", "nl", "", "onnx", "", "2023-01-01", (kind[n % 2],), (), ""),
            f"m-{n}",
        )
        for n in range(20_000)
    ]
    shutil.copytree(Path(module.__file__).parent / "assets", tmp_path / "assets")
    write_list(cards, tmp_path, title="Many")
    page = opened(base=tmp_path.as_uri())
    assert count(page) == "20,000 models"
    assert page.locator("#list li").count() == 40
    page.fill("#text", "model_19999")
    assert (names(page), count(page)) == (["model_19999"], "1 of 20,000 models")
    page.fill("#text", "")
    page.select_option("#task", "Translation")
    assert page.locator("#page").text_content() == "Page 1 of 250"
    assert page.evaluate("document.querySelectorAll('*').length") < 1000
