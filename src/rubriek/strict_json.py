"""Parses JSON of others: in time linear in its length, to a bounded depth, no key twice in an object."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 64
"""Arrays and objects inside each other. Python's own parser stops near 1,000, and later steps that follow the
nesting (encoding, comparing) would stop sooner than it."""

_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
"""A string as a whole, or what opens, closes or separates values."""


class TooManyValuesError(ValueError):
    """The JSON has more values than the caller takes."""


def parse(
    data: bytes | str,
    *,
    max_values: int | None = None,
    parse_float: Callable[[str], Any] | None = None,
    parse_int: Callable[[str], Any] | None = None,
    parse_constant: Callable[[str], Any] | None = None,
) -> Any:
    """Parse JSON.

    Parameters
    ----------
    data : bytes or str
        The JSON; bytes are UTF-8. The caller has bounded its length.
    max_values : int, optional
        Most values, those inside arrays and objects included. ``[{},{},...]`` takes forty times the memory of
        its text, so they are counted before any is made.
    parse_float, parse_int, parse_constant : callable, optional
        As for `json.loads`. Default: ``NaN`` and ``Infinity`` are refused.

    Returns
    -------
    object

    Raises
    ------
    TooManyValuesError
        If it has more than ``max_values`` values.
    ValueError
        If it is not JSON, nested more than `MAX_DEPTH` deep, has a key twice in an object (readers differ on
        which counts) or a number of more digits than Python reads. The message says which.

    Examples
    --------
    >>> parse(b'{"labels": ["a", "b"]}')
    {'labels': ['a', 'b']}
    >>> parse('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: the key 'a' occurs twice in one object
    """
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    opened = text.count("[") + text.count("{")
    many = max_values is not None and opened + text.count(",") >= max_values
    if many or opened > MAX_DEPTH:
        _check_structure(text, max_values)
    return json.loads(
        text,
        object_pairs_hook=_unique,
        parse_float=parse_float,
        parse_int=parse_int,
        parse_constant=parse_constant or _refuse_constant,
    )


def _check_structure(text: str, max_values: int | None) -> None:
    """Count values by what stands before them; an empty array or object counts as one more."""
    depth = 0
    values = 1
    for found in _STRUCTURE.finditer(text):
        mark = text[found.start()]
        if mark in "]}":
            depth -= 1
        elif mark != '"':
            values += 1
            depth += mark != ","
            if depth > MAX_DEPTH:
                raise ValueError(f"nested more than {MAX_DEPTH} deep")
            if max_values is not None and values > max_values:
                raise TooManyValuesError(f"more than {max_values} values")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:80]!r} occurs twice in one object")
            seen.add(key)
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
