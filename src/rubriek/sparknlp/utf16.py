"""Java counts in UTF-16 code units: an emoji has length 2. Python counts code points."""

from __future__ import annotations

from itertools import accumulate


def length(text: str) -> int:
    """Return the length of a text as Java's ``String.length`` gives it.

    Examples
    --------
    >>> length("nieuws"), length("😀")
    (6, 2)
    """
    return len(text) if _plain(text) else len(text) + sum(char > "\uffff" for char in text)


def offsets(text: str) -> range | list[int]:
    """Map places in a Python string to places in the Java string.

    Returns
    -------
    sequence of int, length len(text) + 1
        Index with a code point offset; the last one is the length.

    Examples
    --------
    >>> list(offsets("a😀b"))
    [0, 1, 3, 4]
    """
    if _plain(text):
        return range(len(text) + 1)
    return list(accumulate((1 + (char > "\uffff") for char in text), initial=0))


def _plain(text: str) -> bool:
    return text.isascii() or max(text) <= "\uffff"
