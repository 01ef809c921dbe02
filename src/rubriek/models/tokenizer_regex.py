"""Tells which regular expressions a tokenizer may have: those that take time linear in the text's length.

The tokenizers library matches with backtracking. ``(a+)+$`` tries every way to share out a run of letters,
and ``a+b`` reads the same run once from each of its letters. Both hang on a text that is made for it.
"""

from __future__ import annotations

import math
import re

MAX_PATTERN = 1000
"""Characters; the longest pattern of a public tokenizer has some 300."""
MAX_REPEATS = 1000
"""Most repeats that must be there; more makes the compiled pattern large."""
MAX_WAYS = 64
"""Ways to match what stands before an item that may fail: as often the item is tried at one place."""

_PROPERTY = r"\\[pP]\{\^?\w{1,40}\}"
_ESCAPE = r"\\[^pPxukgGKXRBbAZz0-9]"
_CLASS = rf"\[(?:[^\[\]\\&]|{_PROPERTY}|{_ESCAPE})+\]"
_ATOM = rf"(?:{_PROPERTY}|{_ESCAPE}|{_CLASS}|[^\\\[\](){{}}*+?|^$])"
_QUANTIFIER = re.compile(r"[*+?]\??|\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_ITEM = re.compile(_ATOM)
_CHOICE = re.compile(rf"\((?:\?:|\?i:)?{_ATOM}+(?:\|{_ATOM}+)*\)")

_LAST_SPACE_STAYS = r"\s+(?!\S)"
"""Fails on a single white space alone, so it never goes over a run twice."""
_LINE_ENDS = (r"\s*[\r\n]+", r"\s*[\r\n]")
"""Goes over white space in vain where no line ends; linear where ``\\s+`` then takes the same run."""


def is_linear(pattern: str) -> bool:
    r"""Tell whether a pattern takes linear time by its form; false where that is not plain to see.

    A pattern is a choice between sequences of single characters, classes, and choices between such, each with
    a quantifier or none. Only a single character or class may be repeated, and nothing that may fail follows
    an unbounded repeat, or more than a few bounded ones: what was read once is then never given back.

    Parameters
    ----------
    pattern : str
        In the syntax of Oniguruma.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_linear(r" {2,}"), is_linear(r"'s| ?\p{L}+| ?[^\s\p{L}]+|\s+(?!\S)|\s+")
    (True, True)
    >>> is_linear(r"(a+)+$"), is_linear(r"a+b"), is_linear(r"(a|a)*")
    (False, False, False)
    """
    if len(pattern) > MAX_PATTERN:
        return False
    branches = _branches(pattern)
    return all(
        branch == _LAST_SPACE_STAYS
        or (branch in _LINE_ENDS and r"\s+" in branches[at + 1 :])
        or _never_gives_back(branch)
        for at, branch in enumerate(branches)
    )


def _branches(pattern: str) -> list[str]:
    """Split a pattern at the bars outside of groups and classes."""
    branches, depth, in_class, start, at = [], 0, False, 0, 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            at += 1
        elif in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "|" and depth == 0:
            branches.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*branches, pattern[start:]]


def _never_gives_back(branch: str) -> bool:
    at, ways = 0, 1.0
    while at < len(branch):
        item = _ITEM.match(branch, at)
        found = item or _CHOICE.match(branch, at)
        if found is None:
            return False
        at = found.end()
        least, most = 1, 1.0
        if quantifier := _QUANTIFIER.match(branch, at):
            at = quantifier.end()
            least, most = _bounds(quantifier)
        repeated_choice = most > 1 and item is None
        may_fail = least > 0
        if repeated_choice or least > MAX_REPEATS or (may_fail and ways > MAX_WAYS):
            return False
        ways *= (most - least + 1) * (1 if item else found.group().count("|") + 1)
    return True


def _bounds(quantifier: re.Match[str]) -> tuple[int, float]:
    least, comma, most = quantifier.groups()
    if least is None:
        sign = quantifier.group()[0]
        return int(sign == "+"), 1 if sign == "?" else math.inf
    if comma is None:
        return int(least), int(least)
    return int(least), int(most) if most else math.inf
