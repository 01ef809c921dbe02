"""Model cards: the Models Hub's Markdown, read and written.

A card is front matter (YAML between two lines ``---``) and sections under ``##`` headings. What stands in the
sections that every card of the hub has (labels, links, code, facts) is read by `rubriek.hub.card_parts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rubriek.errors import CardError
from rubriek.models import checks

Front: TypeAlias = Mapping[str, Any]
"""Front matter: strings, and lists and mappings of them."""
Fence: TypeAlias = Literal["", "opens", "inside", "closes"]

MOST_BYTES = 2**20
"""Of a card; the longest of the Models Hub takes about a tenth."""
MOST_FRONT_BYTES = 2**16
MOST_VALUES = 2_000
"""In the front matter, so that YAML's references cannot multiply without end."""
MOST_DEPTH = 8

HEADING = re.compile(r"##[ \t]+(?=\S)(.*)")
ATTRIBUTES = re.compile(r"\{:[^{}]*\}[ \t]*")
FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
BOOLEANS = frozenset({"yes", "no", "on", "off", "y", "n", "null", "~"})
"""Texts that other readers of YAML 1.1 take for something else; ``no`` is Norwegian here."""


@dataclass(frozen=True)
class Section:
    """What stands under a heading of the second level.

    Attributes
    ----------
    title : str
        The heading, on one line.
    text : str
        Markdown, without blank lines around it.
    attributes : str
        The line of attributes before the heading, such as ``{:.model-param}``.
    """

    title: str
    text: str = ""
    attributes: str = ""


@dataclass(frozen=True)
class Card:
    r"""A model card.

    Attributes
    ----------
    front : mapping
        The front matter; every value is a string, or a list or mapping of them.
    sections : tuple of Section
        In order.
    opening : str
        What stands before the first heading.

    Examples
    --------
    >>> card = parse_card("---\nname: news\nlanguage: no\n---\n## Description\n\nSections for news.")
    >>> card.name, card.language, card.section("Description")
    ('news', 'no', 'Sections for news.')
    """

    front: Front
    sections: tuple[Section, ...] = field(default=())
    opening: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.text("name")

    @property
    def title(self) -> str:
        """The card's title; the name where it has none."""
        return self.text("title") or self.name

    @property
    def language(self) -> str:
        """The language of the texts, such as ``nl``; ``xx`` for several."""
        return self.text("language")

    def text(self, key: str) -> str:
        """Return a value of the front matter that is a string; empty where there is none."""
        value = self.front.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a value of the front matter that may be a string or a list of them."""
        value = self.front.get(key)
        values = value if isinstance(value, list) else [value]
        return tuple(item for item in values if isinstance(item, str) and item)

    def section(self, title: str) -> str:
        """Return the text of the first section with a title, in any case; empty where there is none."""
        return next((part.text for part in self.sections if part.title.lower() == title.lower()), "")


def read_card(file: Path | str) -> Card:
    """Read a card.

    Parameters
    ----------
    file : path
        A Markdown file in UTF-8.

    Returns
    -------
    Card

    Raises
    ------
    CardError
        If it cannot be read, is too large, or has no front matter with a name.
    """
    data = checks.read_bytes(Path(file), limit=MOST_BYTES, error=CardError)
    try:
        return parse_card(data.decode("utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise CardError(f"{file} is not a text.", expected="Markdown in UTF-8", found=str(error)) from error


def parse_card(text: str, where: str = "The card") -> Card:
    """Read a card from a text. ``where`` names it in errors; see `read_card`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CardError(
            f"{where} is not a text.", expected="Unicode, no half of a surrogate pair", found=str(error)
        ) from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() in ("---", "...")]
    if len(ends) < 2 or ends[0] != 0 or lines[0].rstrip() != "---":
        raise CardError(
            f"{where} is not a model card.",
            expected="front matter: YAML between two lines ---",
            found=checks.shown(lines[0]),
        )
    front = _front("\n".join(lines[1 : ends[1]]), where)
    opening, *sections = _sections(lines[ends[1] + 1 :])
    card = Card(front, tuple(sections), opening.text)
    if not card.name:
        raise CardError(
            f"{where} is not a model card.", expected="a name in the front matter", found=_named(front)
        )
    return card


def _front(text: str, where: str) -> dict[str, Any]:
    import yaml

    if len(text) > MOST_FRONT_BYTES:
        raise CardError(
            f"{where} has too long a front matter.", expected=f"at most {MOST_FRONT_BYTES:,} characters"
        )
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # every value stays the text that it is
    try:
        front = yaml.load(text, Loader=loader)  # builds strings, lists and dicts, and no other objects
    except (yaml.YAMLError, RecursionError) as error:
        found = " ".join(str(error).split())
        raise CardError(
            f"{where} has front matter that is not YAML.", expected="lines like name: value", found=found
        ) from error
    if not isinstance(front, dict) or not _small(front):
        raise CardError(
            f"{where} has front matter of another form.",
            expected=f"names with texts or lists, at most {MOST_VALUES:,} values",
            found="more, deeper ones, or halves of signs" if isinstance(front, dict) else checks.shown(front),
        )
    return front


def _small(front: dict[str, Any]) -> bool:
    waiting: list[tuple[Any, int]] = [(front, 0)]
    for _ in range(MOST_VALUES):
        if not waiting:
            return True
        value, depth = waiting.pop()
        if depth > MOST_DEPTH or (isinstance(value, str) and not checks.is_text(value)):
            return False
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value[:MOST_VALUES]]
    return not waiting


def _named(front: dict[str, Any]) -> str:
    return checks.shown(", ".join(map(str, front))) if front else "nothing"


def _sections(lines: list[str]) -> Iterator[Section]:
    """Yield the sections; the first one has no title and holds what stands before all headings."""
    title, attributes = "", ""
    held: list[str] = []
    for line, part_of_code in fenced(lines):
        heading = None if part_of_code else HEADING.fullmatch(line)
        if heading is None:
            held.append(line)
            continue
        following = held.pop().rstrip() if held and ATTRIBUTES.fullmatch(held[-1]) else ""
        yield Section(title, "\n".join(held).strip("\n"), attributes)
        title, attributes, held = heading[1].rstrip(), following, []
    yield Section(title, "\n".join(held).strip("\n"), attributes)


def fenced(lines: list[str]) -> Iterator[tuple[str, Fence]]:
    """Yield each line, and its part in a block of code between fences: none, or which.

    Examples
    --------
    >>> [part for _, part in fenced(["a", "```python", "# b", "```", "c"])]
    ['', 'opens', 'inside', 'closes', '']
    """
    fence = ""
    for line in lines:
        found = FENCE.match(line)
        if not fence:
            fence = found[1] if found else ""
            yield line, "opens" if found else ""
        elif found and found[1].startswith(fence) and not line[found.end() :].strip():
            fence = ""
            yield line, "closes"
        else:
            yield line, "inside"


def card_text(card: Card) -> str:
    """Write a card as a text; `parse_card` makes the same card of it.

    Examples
    --------
    >>> print(card_text(Card({"name": "news", "tags": ["bert", "nl"]}, (Section("Description", "News."),))))
    ---
    name: news
    tags: [bert, nl]
    ---
    <BLANKLINE>
    ## Description
    <BLANKLINE>
    News.
    <BLANKLINE>
    """
    parts = [f"---\n{_front_text(card.front)}---\n", card.opening and f"{card.opening}\n"]
    for part in card.sections:
        before = part.attributes and f"{part.attributes}\n"
        parts.append(f"{before}## {part.title}\n" + (part.text and f"\n{part.text}\n"))
    return "\n".join(part for part in parts if part)


def _front_text(front: Front) -> str:
    import yaml

    class Dumper(yaml.BaseDumper):
        """Writes every text as it is, lists on one line, mappings on lines of their own."""

        def ignore_aliases(self, data: Any) -> bool:
            """Write a value again where it stands again."""
            return True

    def text(dumper: Any, value: str) -> Any:
        style = '"' if value.lower() in BOOLEANS else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    Dumper.add_representer(list, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, True))
    Dumper.add_representer(dict, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v, False))
    written: str = yaml.dump(dict(front), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100_000)
    return written
