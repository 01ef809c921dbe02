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

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def parse(
    data: bytes | str,
    *,
    parse_float: Callable[[str], Any] | None = None,
    parse_int: Callable[[str], Any] | None = None,
    parse_constant: Callable[[str], Any] | None = None,
) -> Any:
    """Parse JSON.

    Parameters
    ----------
    data : bytes or str
        The JSON; bytes are UTF-8. The caller has bounded its length.
    parse_float, parse_int, parse_constant : callable, optional
        As for `json.loads`. Default: ``NaN`` and ``Infinity`` are refused.

    Returns
    -------
    object

    Raises
    ------
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
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text)
    return json.loads(
        text,
        object_pairs_hook=_unique,
        parse_float=parse_float,
        parse_int=parse_int,
        parse_constant=parse_constant or _refuse_constant,
    )


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")


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
