"""A static site of model cards: plain files that any browser shows, from a web server or from the disk."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubriek.errors import CardError, need
from rubriek.hub.cards import read_card
from rubriek.hub.index import Index
from rubriek.hub.queries import Found
from rubriek.hub.site.pages import page_of, slugs
from rubriek.models.staging import staged

__all__ = ["Built", "build"]

HERE = Path(__file__).parent
MARK = "assets/cards.js"
"""A file that every site has; a folder without it is never replaced."""
ON_A_PAGE = 40
"""Entries of the list that are shown at once, as in list.js."""
LABELS_SEARCHED = 200
"""Characters of the labels that the list can be searched for."""
BATCH = 200


@dataclass(frozen=True)
class Built:
    """A site.

    Attributes
    ----------
    index : Path
        Its first page.
    cards : int
        How many cards it shows.
    problems : dict of str to str
        By path: why a Markdown file of the folder is no card.
    """

    index: Path
    cards: int
    problems: dict[str, str]


def build(
    folder: Path | str,
    output: Path | str,
    *,
    title: str = "Models",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Built:
    """Make a site of a folder of cards.

    Parameters
    ----------
    folder : path
        Every ``.md`` file below it is looked at.
    output : path
        The folder to make. A site that is there is replaced; anything else never is.
    title : str, default "Models"
        What the site is called.
    progress : callable, optional
        Is told how many cards have been read, then how many have been written, and how many there are.

    Returns
    -------
    Built

    Raises
    ------
    FileError
        If there is no folder of cards.
    ModelError
        If something else is at the output, or nothing can be written there.
    MissingExtraError
        If the packages for sites are not installed.
    """
    output = Path(output)
    templates = _templates()
    with Index(folder) as index:
        problems = dict(index.refresh(progress).problems)
        cards = index.search(limit=-1)
    names = slugs(cards)
    versions = _versions(cards, names)
    with staged(output, overwrite=True, mark=MARK, durable=False) as place:
        shutil.copytree(HERE / "assets", place / "assets")
        (place / "cards").mkdir()
        shown = []
        for number, (found, name) in enumerate(zip(cards, names, strict=True)):
            if number % BATCH == 0:
                progress(number, len(cards))
            try:
                page = page_of(read_card(Path(folder, found.path)), found)
            except CardError as error:  # gone or changed meanwhile
                problems[found.path] = error.message
                continue
            others = [other for other in versions[found.name, found.language] if other[0] != name]
            html = templates.get_template("card.html").render(page=page, title=title, others=others)
            (place / "cards" / f"{name}.html").write_text(html, encoding="utf-8")
            shown.append((found, name))
        write_list(shown, place, title=title)
    progress(len(cards), len(cards))
    return Built(output.absolute() / "index.html", len(shown), problems)


def write_list(cards: Sequence[tuple[Found, str]], place: Path, *, title: str) -> None:
    """Write the first page, which holds the start of the list, and the data that it is searched in.

    Parameters
    ----------
    cards : sequence of (Found, str)
        The cards in order, and the names of their pages.
    place : Path
        The folder of the site, with the folder ``assets`` in it.
    title : str
        What the site is called.
    """
    html = (
        _templates().get_template("index.html").render(cards=cards[:ON_A_PAGE], total=len(cards), title=title)
    )
    (place / "index.html").write_text(html, encoding="utf-8")
    data = json.dumps(_data(cards), separators=(",", ":")).replace("<", "\\u003c")
    (place / MARK).write_text(f"window.rubriekCards={data};\n", encoding="utf-8")


def _data(cards: Sequence[tuple[Found, str]]) -> dict[str, Any]:
    """Put the list into few bytes: values that many cards share are numbers."""
    shared: dict[str, dict[str, int]] = {"task": {}, "language": {}, "annotator": {}, "engine": {}}

    def number(kind: str, value: str) -> int:
        return shared[kind].setdefault(value, len(shared[kind]))

    rows = [
        [
            card.name,
            card.title if card.title != card.name else "",
            name,
            card.date,
            [number("task", task) for task in card.tasks],
            number("language", card.language),
            number("annotator", card.annotator),
            number("engine", card.engine),
            " ".join(card.labels)[:LABELS_SEARCHED],
        ]
        for card, name in cards
    ]
    return {"values": {kind: list(values) for kind, values in shared.items()}, "rows": rows}


def _versions(cards: Sequence[Found], names: Sequence[str]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Group the pages of cards that share name and language."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for card, name in zip(cards, names, strict=True):
        shown = ", ".join(filter(None, [card.edition, card.engine, card.date])) or card.path
        found[card.name, card.language].append((name, shown))
    return found


def _templates() -> Any:
    jinja2 = need("jinja2", extra="site", purpose="Making a site of cards")
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
