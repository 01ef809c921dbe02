"""Which columns of an input hold the text."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Protocol

from rubriek.errors import ColumnError


class Columns(Protocol):
    """What columns are chosen of: an input, or a file of one."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def columns(self) -> Mapping[str, bool]:
        """The columns in order, and whether each can hold text."""
        ...


def choose_text_columns(source: Columns, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns that hold the text.

    Parameters
    ----------
    source : Columns
        The input.
    asked : sequence of str
        Names that the user gave; one name may hold several, divided by commas. Default: the column ``text``
        where there is one, else the only column that can hold text.

    Returns
    -------
    tuple of str
        In the order asked for.

    Raises
    ------
    ColumnError
        If a column is missing or holds no text, or the default rule finds none or several.
    """
    columns = source.columns
    texts = [name for name, holds_text in columns.items() if holds_text]
    if not asked:
        if "text" in texts:
            return ("text",)
        if len(texts) == 1:
            return (texts[0],)
        raise ColumnError(
            f"{source.name} does not tell which column holds the text.",
            expected="a column named 'text', or a single column of strings",
            found=", ".join(map(repr, columns)),
            hint="name it with --text-column NAME (several are joined: --text-column title,text)",
        )
    names = [part for name in asked for part in ([name] if name in columns else name.split(","))]
    for name in names:
        if name not in texts:
            close = difflib.get_close_matches(name, texts, n=1)
            raise ColumnError(
                f"{source.name} has no column {name!r}."
                if name not in columns
                else f"The column {name!r} of {source.name} holds no text.",
                expected=repr(name) if name not in columns else "strings",
                found=", ".join(map(repr, columns)),
                hint=f"did you mean {close[0]!r}?" if close else None,
            )
    return tuple(dict.fromkeys(names))
