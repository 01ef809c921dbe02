"""The page at ``/`` in headless Chromium: for whom it is, how it looks, and how it is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_driver import DESKTOP, PHONE, STANDARDS, TEXT, answered, explained, opened, submit

from rubriek.server.page import POLICY

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

FOLDER = Path(__file__).parents[2] / "src" / "rubriek" / "server" / "page"


@pytest.fixture
def tab(browser, two_models) -> Iterator[Tab]:
    with opened(browser, two_models.url) as tab:
        yield tab


def test_the_language_follows_the_browser_and_is_remembered(browser, two_models):
    with opened(browser, two_models.url, locale="en-GB") as tab:
        assert tab.get_attribute("html", "lang") == "en"
        assert tab.inner_text("#submit") == "Classify"
        submit(tab)
        assert "Without ‘koning’" in tab.inner_text("#why")
        tab.click("[data-language=nl]")
        assert "Zonder ‘koning’" in tab.inner_text("#why")
        assert tab.inner_text("#submit") == "Classificeer"
        tab.reload()
        tab.wait_for_selector("#engine:not(:empty)")
        assert tab.get_attribute("html", "lang") == "nl"
        assert tab.get_attribute("[data-language=nl]", "aria-pressed") == "true"


def test_both_languages_say_the_same_things(tab):
    told = tab.evaluate(
        """async () => {
          const language = await import("/static/page/language.js");
          const names = [...document.querySelectorAll("[data-text], [data-label], [data-placeholder]")]
            .flatMap(({ dataset }) => [dataset.text, dataset.label, dataset.placeholder]).filter(Boolean);
          const { nl, en } = language.TEXTS;
          const said = { names: { nl: Object.keys(nl), en: Object.keys(en) } };
          for (const wanted of ["nl", "en"]) {
            language.use(wanted);
            said[wanted] = names.map((name) => language.say(name));
          }
          return said;
        }"""
    )
    assert sorted(told["names"]["nl"]) == sorted(told["names"]["en"])
    assert all(told["nl"])
    assert all(told["en"])


def test_it_can_be_used_with_the_keyboard_alone(tab):
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    tab.keyboard.type(TEXT)
    assert tab.input_value("#input") == TEXT
    tab.keyboard.press("Control+Enter")
    explained(tab)
    reached: list[str] = []
    while reached.count("scores") < 2:  # the second bar
        assert len(reached) < 60
        tab.keyboard.press("Tab")
        place = "const here = document.activeElement; return here.closest('#scores')?.id ?? here.id"
        reached.append(tab.evaluate(f"() => {{ {place} }}"))
    wanted = ["lines", "submit", "upload", "model"]
    assert [name for name in reached if name in wanted] == wanted
    chosen = tab.evaluate("document.activeElement.querySelector('.name').textContent")
    with tab.expect_response("**/v1/explain"):
        tab.keyboard.press("Enter")
    explained(tab)
    assert tab.inner_text("#why-title") == f"Waarop {chosen} rust"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_and_is_accessible(browser, two_models, size, theme, tmp_path):
    with opened(browser, two_models.url, viewport=size, color_scheme=theme, reduced_motion="reduce") as tab:
        tab.screenshot(path=tmp_path / "empty.png", full_page=True)
        check(tab, ["h1", "#input", "#submit", "#examples", "#nothing"])
        tab.click("#examples li:nth-child(3) button")
        explained(tab)
        tab.click("summary")
        tab.screenshot(path=tmp_path / "one.png", full_page=True)
        check(tab, ["h1", "#input", "#submit", "#label", "#scores", "#marked", "#facts", "#python"])
        form, result = tab.locator("#form").bounding_box(), tab.locator(".result").bounding_box()
        beside, below = form["x"] + form["width"] <= result["x"], form["y"] + form["height"] <= result["y"]
        assert (beside, below) == (size is DESKTOP, size is PHONE)
        tab.fill("#input", "De koning opent een museum\nBeurs sluit hoger na rentebesluit\n" + "y" * 300)
        tab.check("#lines")
        tab.click("#submit")
        answered(tab)
        tab.click("#rows tr:nth-child(3) button")
        explained(tab)
        tab.screenshot(path=tmp_path / "many.png", full_page=True)
        check(tab, ["h1", "#input", "#submit", "#division", "#rows", "#label", "#scores", "#marked"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_for_are_green_and_words_against_red_as_in_the_terminal(browser, two_models, theme):
    with opened(browser, two_models.url, color_scheme=theme) as tab:
        submit(tab)
        for kind, strongest in (("for", "green"), ("against", "red")):
            colour = tab.locator(f"#legend mark.{kind}").evaluate(
                "one => getComputedStyle(one).backgroundColor"
            )
            red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
            assert {"red": red, "green": green}[strongest] == max(red, green, blue)


def check(tab: Tab, names: list[str]) -> None:
    """Look at the page as a whole: all there, nothing sticks out or lies over others, axe finds nothing."""
    width = tab.viewport_size["width"]
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.fonts.check('16px Newsreader')")
    boxes = {name: tab.locator(name).bounding_box() for name in names}
    assert all(box and box["width"] > 0 and box["height"] > 0 for box in boxes.values()), boxes
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
        assert apart or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"], (one, other)
    sticking_out = tab.evaluate(
        """(width) => [...document.querySelectorAll("h1, button, input, textarea, select, p, li, pre")]
          .filter((one) => one.checkVisibility() && !one.closest(".hidden, .skip"))
          .filter((one) => one.getBoundingClientRect().left < 0 || one.getBoundingClientRect().right > width)
          .map((one) => one.outerHTML.slice(0, 100))""",
        width,
    )
    assert sticking_out == []
    report = Axe().run(tab, options={"runOnly": STANDARDS}).response
    assert report["passes"]
    assert [(found["id"], [node["html"] for node in found["nodes"]]) for found in report["violations"]] == []


def test_light_and_dark_can_be_switched_and_are_remembered(tab):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(paper)
    tab.click("#theme")
    dark = tab.evaluate(paper)
    assert dark != light
    tab.reload()
    assert tab.evaluate(paper) == dark
    assert tab.get_attribute("#theme", "aria-pressed") == "true"


def test_its_files_come_with_a_strict_policy(client):
    for route in ["/", "/static/page/script.js", "/static/page/style.css", "/favicon.ico"]:
        answer = client.get(route)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "unsafe" not in POLICY
        again = client.get(route, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("name", ["__init__.py", "..%2fapp.py", "none.css", "%2e%2e/keys.py"])
def test_nothing_else_of_the_package_is_served(client, name):
    assert client.get(f"/static/page/{name}").status_code == 404


def test_it_asks_nothing_of_other_sites():
    for file in FOLDER.iterdir():
        if file.suffix in {".html", ".css", ".js"}:
            content = file.read_text("utf-8")
            assert not re.search(r"(src|href|url|import|from|fetch)\W{0,3}(https?:)?//", content), file.name
            assert not re.search(r"\bon\w+=\"|style=\"|innerHTML|javascript:", content), file.name
