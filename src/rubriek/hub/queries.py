"""What is asked of an index of cards, as SQL, and what it answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from rubriek.errors import OptionError

MOST_WORDS = 20
WEIGHTS = "10.0, 6.0, 4.0, 3.0, 1.0"
"""Of name, title, labels, tags and description, for the order of what is found."""
COLUMNS = "path, name, title, language, annotator, engine, edition, date, tasks, labels, size"


@dataclass(frozen=True)
class Query:
    """What to look for; an empty field does not matter.

    Attributes
    ----------
    text : str
        Words that must all stand in name, title, labels, tags or description, or begin a word there; case and
        accents do not count. The best come first; without a text, the newest.
    task, language, annotator, engine : str
        What the card must say, in any case.
    """

    text: str = ""
    task: str = ""
    language: str = ""
    annotator: str = ""
    engine: str = ""

    def statement(self) -> tuple[str, list[Any]]:
        """Return the statement and its values.

        Raises
        ------
        OptionError
            If the text holds no word, or too many.
        """
        tables, conditions, values, order = ["cards"], [], [], "cards.date DESC, cards.path"
        if self.text.strip():
            tables.append("words")
            conditions += ["words MATCH ?", "cards.id = words.rowid"]
            values.append(_match(self.text))
            order = f"bm25(words, {WEIGHTS}), {order}"
        if self.task:
            tables.append("tasks")
            conditions += ["tasks.task = ?", "tasks.card = cards.id"]
            values.append(self.task)
        for name in ("language", "annotator", "engine"):
            if value := getattr(self, name):
                conditions.append(f"cards.{name} = ? COLLATE NOCASE")
                values.append(value)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        named = ", ".join(f"cards.{column}" for column in COLUMNS.split(", "))
        return f"SELECT {named} FROM {', '.join(tables)}{where} ORDER BY {order}", values


@dataclass(frozen=True)
class Found:
    """A card in an index.

    Attributes
    ----------
    path : str
        Of the card, relative to the folder, with forward slashes.
    name, title, language, annotator, engine, edition, date, size : str
        As the card says; empty where it does not.
    tasks, labels : tuple of str
        As the card says.
    """

    path: str
    name: str
    title: str
    language: str
    annotator: str
    engine: str
    edition: str
    date: str
    tasks: tuple[str, ...]
    labels: tuple[str, ...]
    size: str

    @classmethod
    def of(cls, row: tuple[str, ...]) -> Found:
        """Make it of a row of a statement."""
        values: dict[str, Any] = dict(zip(COLUMNS.split(", "), row, strict=True))
        values |= {name: tuple(json.loads(values[name])) for name in ("tasks", "labels")}
        return cls(**values)


def _match(text: str) -> str:
    """Write a text as a query of FTS5, in which nothing of it has a meaning of its own.

    Examples
    --------
    >>> _match('dutch_news "NEAR')
    '"dutch" * "news" * "NEAR" *'
    """
    words = re.findall(r"[^\W_]+", text)
    if not words or len(words) > MOST_WORDS:
        raise OptionError(
            "The option 'text' cannot be searched for.",
            expected=f"1 to {MOST_WORDS} words",
            found=repr(text[:80]),
        )
    return " ".join(f'"{word}" *' for word in words)
