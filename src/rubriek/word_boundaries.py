"""Where words begin and end, by Unicode's rules."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

SECTION = 2000
"""Characters that are cut at once. Cutting holds Python's lock, for which every other thread waits."""
_READ = frozenset("LMNS")  # general categories: letters, marks, numbers, symbols


def segments(text: str) -> list[tuple[int, int]]:
    """Cut a text at Unicode's word boundaries.

    Follows Unicode Standard Annex 29 (default word boundaries), as Oniguruma has it, which `tokenizers`
    brings.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of (int, int)
        Start and end of each segment in characters (code points): words, and what stands between them, in
        order and without gaps.

    Examples
    --------
    >>> [text[start:end] for text in ["3,5 %, hè"] for start, end in segments(text)]
    ['3,5', ' ', '%', ',', ' ', 'hè']
    """
    found: list[tuple[int, int]] = []
    start, size = 0, SECTION
    while start < len(text):
        section = text[start : start + size]
        places = [(start + first, start + last) for _, (first, last) in _splitter().pre_tokenize_str(section)]
        if start + size < len(text):
            # A boundary may depend on the segment after the next: "can" + "'" + "t" is one word.
            del places[-2:]
            if not places:
                size *= 2
                continue
        found += places
        start, size = found[-1][1], SECTION
    return found


def words(text: str) -> list[tuple[int, int]]:
    """Find the words of a text: segments that are more than white space and punctuation.

    Symbols and emoji count as words: models read them.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of (int, int)
        Start and end of each word in characters.

    Examples
    --------
    >>> text = "De oud-minister: 3,5 % erbij!"
    >>> [text[start:end] for start, end in words(text)]
    ['De', 'oud', 'minister', '3,5', 'erbij']
    """
    read = {character for character in set(text) if unicodedata.category(character)[0] in _READ}
    if not read:
        return []
    return [(start, end) for start, end in segments(text) if not read.isdisjoint(text[start:end])]


@cache
def _splitter() -> Any:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    return Split(Regex(r"(?y{w})\X"), "isolated")  # \X is a segment, and (?y{w}) has it be one of words
