r"""The clean-up modes of Spark NLP's DocumentAssembler.

``\s`` is Java's: tab, line feed, vertical tab, form feed, carriage return and space. "Stringified" means a
backslash followed by a letter, two characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SPACE = r"[\t\n\x0b\x0c\r ]"
STRING_LF = r"(?:\\r)?\\n"
TRIMMED = "".join(map(chr, range(0x21)))
"""What Java's ``String.trim`` takes off both ends: every character up to U+0020."""


def _replace(pattern: str, by: str = " ", *, trim: bool = False) -> Callable[[str], str]:
    compiled = re.compile(pattern)
    return lambda text: compiled.sub(by, text.strip(TRIMMED) if trim else text)


MODES: dict[str, Callable[[str], str]] = {
    "disabled": lambda text: text,
    "inplace": _replace(SPACE),
    "inplace_full": _replace(rf"{SPACE}|{STRING_LF}|\\t"),
    "shrink": _replace(rf"{SPACE}+", trim=True),
    "shrink_full": _replace(rf"{SPACE}+|(?:\\r)*(?:\\n)+|(?:\\t)+", trim=True),
    "each": _replace(rf"{SPACE}[\n\t]"),
    "each_full": _replace(rf"{SPACE}(?:[\n\t]|{STRING_LF}|\\t)"),
    "delete_full": _replace(rf"{STRING_LF}|\\t", "", trim=True),
}


def clean(text: str, mode: str) -> str:
    r"""Clean one text.

    Parameters
    ----------
    text : str
        The text.
    mode : str
        One of `MODES`.

    Examples
    --------
    >>> clean("  een\n\ttwee ", "shrink")
    'een twee'
    """
    return MODES[mode](text)
