"""Drives the page in headless Chromium, as a visitor would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE = 60_000
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
TEXT = "De koning opent vrijdag een museum in Assen"
FAILED = "Failed to load resource:"
"""What Chromium itself logs of any answer but 2xx, and of none; the page shows those in its own way."""


@contextmanager
def opened(browser: Browser, url: str, **settings: object) -> Iterator[Tab]:
    """Open the page and wait until it knows its models, or that it needs a key."""
    with visited(browser, url, **settings) as tab:
        tab.wait_for_selector("#engine:not(:empty), #key-field:not([hidden])")
        yield tab


@contextmanager
def visited(browser: Browser, url: str, **settings: object) -> Iterator[Tab]:
    """Open an address in a profile of its own; what its code or its policy complains about is a failure."""
    context = browser.new_context(**{"viewport": DESKTOP, "locale": "nl-NL", **settings})
    try:
        context.set_default_timeout(PATIENCE)
        tab = context.new_page()
        complaints: list[str] = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        tab.goto(url)
        yield tab
    finally:
        context.close()
    assert [line for line in complaints if not line.startswith(FAILED)] == []


def explained(tab: Tab) -> None:
    """Wait until the words are marked."""
    tab.wait_for_selector("#legend:not([hidden])")


def submit(tab: Tab, text: str = TEXT) -> None:
    """Ask for one text, and wait for all of the answer."""
    tab.fill("#input", text)
    tab.click("#submit")
    explained(tab)


def submit_file(tab: Tab, file: Path | dict[str, object]) -> None:
    """Ask for the texts of a file, and wait for all answers."""
    tab.set_input_files("#upload", file)
    tab.wait_for_selector("#file:not([hidden])")
    tab.click("#submit")
    answered(tab)


def answered(tab: Tab) -> None:
    """Wait for the answers to all texts."""
    tab.wait_for_selector("#after:not([hidden])")


def file_of(name: str, text: str) -> dict[str, object]:
    """Make a file as the browser is handed it."""
    return {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
