"""Which columns hold the texts: one rule for frames, files and Spark."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Sequence
from itertools import islice
from typing import TypeAlias

import pyarrow as pa

from rubriek.errors import ColumnError

ColumnType: TypeAlias = pa.DataType | str
"""An Arrow type; or, for a column that has none and holds no text, what a message calls its values."""

DEFAULT_NAME = "text"

MAX_NAMES_SHOWN = 20
"""A message lists no more columns than this."""


def find_text_columns(
    columns: Iterable[tuple[Hashable, ColumnType]],
    named: Sequence[object] = (),
    *,
    where: str = "The frame",
    hint: str = "name it with text_column='...'; several are joined",
) -> tuple[Hashable, ...]:
    """Return the columns that hold the texts.

    They are the columns that the caller names; else the column ``text``; else the only column of strings. A
    column ``text`` that holds something else stops the run: another column never takes its place.

    Parameters
    ----------
    columns : iterable of (name, type)
        All columns in order.
    named : sequence
        The names that the caller gives. Default: none.
    where : str
        What messages call the frame or the file.
    hint : str
        What to do where the columns leave it open.

    Returns
    -------
    tuple
        The names in the order given, each once.

    Raises
    ------
    ColumnError
        If a column is missing, occurs twice or holds no text, or if no name was given and the columns leave
        it open.

    Examples
    --------
    >>> columns = [("id", pa.int64()), ("title", pa.string()), ("text", pa.string())]
    >>> find_text_columns(columns), find_text_columns(columns, ["title", "text"])
    (('text',), ('title', 'text'))
    >>> find_text_columns(columns[:2])
    ('title',)
    >>> find_text_columns([("text", pa.binary()), ("source", pa.string())])
    Traceback (most recent call last):
    ...
    rubriek.errors.ColumnError: The frame has a column 'text' that holds no text.
      expected: strings
      found:    type binary
      hint:     name it with text_column='...'; several are joined
    """
    known = list(columns)
    types: dict[Hashable, list[ColumnType]] = {}
    for name, kind in known:
        types.setdefault(name, []).append(kind)
    if not named:
        return (_default(types, where, hint),)
    chosen: dict[Hashable, None] = {}
    for name in named:
        if not _is_among(name, types):
            near = difflib.get_close_matches(str(name)[:100], map(str, types), n=1)
            raise ColumnError(
                f"{where} has no column {_short(name)}.",
                expected=f"one of {_listed(types)}" if types else None,
                found=None if types else "no columns at all",
                hint=f"did you mean {near[0]!r}?" if near else None,
            )
        _check(name, types[name], where, hint=None)
        chosen[name] = None
    return tuple(chosen)


def holds_text(kind: ColumnType) -> bool:
    """Say whether a column of this type can be read as texts: it holds strings, or nothing but nulls.

    Examples
    --------
    >>> holds_text(pa.string_view()), holds_text(pa.null()), holds_text(pa.binary()), holds_text("a number")
    (True, True, False, False)
    """
    return not isinstance(kind, str) and (_holds_strings(kind) or bool(pa.types.is_null(_plain(kind))))


def _default(types: dict[Hashable, list[ColumnType]], where: str, hint: str) -> Hashable:
    if DEFAULT_NAME in types:
        _check(DEFAULT_NAME, types[DEFAULT_NAME], where, hint)
        return DEFAULT_NAME
    strings = [name for name, kinds in types.items() if any(map(_holds_strings, kinds))]
    if len(strings) != 1:
        raise ColumnError(
            f"{where} leaves open which column holds the texts.",
            expected=f"a column named {DEFAULT_NAME!r}, or a single column of strings",
            found=_listed(types) or "no columns at all",
            hint=hint,
        )
    _check(strings[0], types[strings[0]], where, hint)
    return strings[0]


def _check(name: Hashable, kinds: Sequence[ColumnType], where: str, hint: str | None) -> None:
    if len(kinds) > 1:
        raise ColumnError(
            f"{where} has {len(kinds)} columns named {_short(name)}.", hint="rename all but one"
        )
    if not holds_text(kinds[0]):
        raise ColumnError(
            f"{where} has a column {_short(name)} that holds no text.",
            expected="strings",
            found=kinds[0] if isinstance(kinds[0], str) else f"type {kinds[0]!s:.200}",
            hint=hint,
        )


def _holds_strings(kind: ColumnType) -> bool:
    if isinstance(kind, str):
        return False
    plain = _plain(kind)
    return bool(
        pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    """Look through dictionaries, run ends and extension types at the values themselves."""
    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def _is_among(name: object, types: dict[Hashable, list[ColumnType]]) -> bool:
    try:
        return name in types
    except TypeError:  # a list, a column: nothing that names one
        return False


def _short(name: object) -> str:
    return f"{name!r:.100}"


def _listed(names: Iterable[Hashable]) -> str:
    shown = [_short(name) for name in islice(names, MAX_NAMES_SHOWN + 1)]
    if len(shown) > MAX_NAMES_SHOWN:
        shown[-1] = "..."
    return ", ".join(shown)
