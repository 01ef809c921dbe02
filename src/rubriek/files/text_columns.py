"""Which columns of an input hold the text, as the command line names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rubriek.text_columns import ColumnType, find_text_columns


class Columns(Protocol):
    """What columns are chosen of: an input, or a file of one."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def columns(self) -> Mapping[str, ColumnType]:
        """The columns in order, and their types."""
        ...


def choose_text_columns(source: Columns, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns that hold the text: those of `rubriek.text_columns.find_text_columns`.

    Parameters
    ----------
    source : Columns
        The input.
    asked : sequence of str
        Names that the user gave; one name may hold several, divided by commas.

    Returns
    -------
    tuple of str
        In the order given, each once.

    Raises
    ------
    ColumnError
        If a column is missing or holds no text, or the columns leave it open.
    """
    columns = source.columns
    found = find_text_columns(
        columns.items(),
        [part for name in asked for part in ([name] if name in columns else name.split(","))],
        where=source.name,
        hint="name it with --text-column NAME (several are joined: --text-column title,text)",
    )
    return tuple(map(str, found))
