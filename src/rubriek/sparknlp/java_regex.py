r"""Java's regular expressions in terms of the ``regex`` library.

Patterns of Spark NLP users, and the defaults, are written for ``java.util.regex``. It differs from Python's
``re`` in what ``\s``, ``\w``, ``\d`` and ``\b`` mean, in ``$``, ``\z`` and ``.``, in ``\Q...\E``, in POSIX
classes, and in classes inside classes. The rules are those of the Java 17 documentation of
``java.util.regex.Pattern``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from rubriek.errors import OptionError, need

LINE_ENDS = r"\n\r\u0085\u2028\u2029"
# Up to Java 18, \b goes by Character.isLetterOrDigit although \w is ASCII.
WORD = r"[\p{L}\p{Nd}_]"
ESCAPES = {
    "z": r"\Z",
    "Z": rf"(?=(?:\r\n|[{LINE_ENDS}])?\Z)",
    "b": f"(?:(?<={WORD})(?!{WORD})|(?<!{WORD})(?={WORD}))",
    "B": f"(?:(?<={WORD})(?={WORD})|(?<!{WORD})(?!{WORD}))",
    "e": r"\x1b",
    "R": rf"(?:\r\n|[\x0b\x0c{LINE_ENDS}])",
}
INLINE_FLAGS = re.compile(r"\?([imsux]+)\)")
# In and outside of classes. Java's \w, \d, \s are ASCII; spelled out they stay so under any flag.
CLASSES = {
    "s": r"\t\n\x0b\x0c\r ",
    "d": "0-9",
    "w": "a-zA-Z_0-9",
    "h": r"\t \u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000",
    "v": rf"\x0b\x0c{LINE_ENDS}",
}
POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r"\t\n\x0b\x0c\r ",
}


@lru_cache(maxsize=256)
def compile_java(pattern: str) -> Any:
    r"""Compile a Java pattern.

    Parameters
    ----------
    pattern : str
        As it would be given to ``java.util.regex.Pattern.compile``.

    Returns
    -------
    regex.Pattern
        Works on code points; offsets in its matches are code points too.

    Raises
    ------
    OptionError
        If the pattern is malformed.
    MissingExtraError
        If the ``regex`` library is not installed.

    Examples
    --------
    >>> compile_java(r"[^(?:\S+)ↈ]").sub("_", "a b\u00a0c")
    'a_b\xa0c'
    >>> compile_java(r"\Q(.)\E+\z").search("x(.)))").group()
    '(.)))'
    """
    regex = need("regex", extra="sparknlp", purpose="Java's regular expressions")
    try:
        return regex.compile(_Translation(pattern).whole(), regex.VERSION1)
    except (regex.error, IndexError) as error:
        raise OptionError(
            "This regular expression cannot be read.",
            expected="a pattern in the syntax of java.util.regex",
            found=repr(pattern),
            hint=f"the trouble: {error}",
        ) from error


FLAGS = {2: "i", 4: "x", 8: "m", 32: "s", 64: "u"}
"""Numbers of ``java.util.regex.Pattern``'s flags, and how they are written inside a pattern."""


def with_flags(pattern: str, flags: int) -> str:
    """Write the flags of a compiled Java pattern into the pattern.

    Raises
    ------
    OptionError
        If one of them cannot be written there.

    Examples
    --------
    >>> with_flags("ij", 2)
    '(?i)ij'
    """
    letters = "".join(letter for number, letter in FLAGS.items() if flags & number)
    if flags & ~sum(FLAGS):
        raise OptionError(
            "This regular expression has flags that are not known here.",
            expected=f"a sum of {', '.join(map(str, FLAGS))}",
            found=f"{flags} with {pattern!r}",
        )
    return f"(?{letters}){pattern}" if letters else pattern


def split_java(pattern: Any, text: str) -> list[str]:
    """Split a text as Java's ``String.split`` does: no empty strings at the end, none before a match at 0.

    Examples
    --------
    >>> split_java(compile_java("-"), "-a--b--")
    ['', 'a', '', 'b']
    >>> split_java(compile_java("(?=.)"), "abc")
    ['a', 'b', 'c']
    """
    parts: list[str] = []
    start = 0
    for match in pattern.finditer(text):
        if match.end() == 0:
            continue
        parts.append(text[start : match.start()])
        start = match.end()
    if not parts:
        return [text]
    parts.append(text[start:])
    while parts and not parts[-1]:
        parts.pop()
    return parts


class _Translation:
    """One left-to-right reading of a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.flags = ""

    def whole(self) -> str:
        out: list[str] = []
        while self.at < len(self.pattern):
            char = self._next()
            if char == "\\":
                out.append(self._escape(in_class=False))
            elif char == "[":
                out.append(self._class())
            elif char == ".":
                out.append(r"[\s\S]" if "s" in self.flags else f"[^{LINE_ENDS}]")
            elif char == "$":
                out.append(rf"(?=[{LINE_ENDS}]|\Z)" if "m" in self.flags else ESCAPES["Z"])
            elif char == "(" and (flags := INLINE_FLAGS.match(self.pattern, self.at)):
                self.flags += flags[1]
                self.at = flags.end()
                # Case is compared in ASCII only, unless the flag u asks for more.
                letters = flags[1].replace("u", "")
                out.append(f"(?{letters})" if letters else "")
            else:
                out.append(char)
        return "".join(out)

    def _next(self) -> str:
        char = self.pattern[self.at]
        self.at += 1
        return char

    def _escape(self, *, in_class: bool) -> str:
        char = self._next()
        if char == "Q":
            return self._quoted()
        if char in ESCAPES and not in_class:
            return ESCAPES[char]
        if char in "pP":
            return self._property(negated=char == "P", in_class=in_class)
        if char.lower() in CLASSES:
            listed = CLASSES[char.lower()]
            if char.isupper():
                return f"[^{listed}]"
            return listed if in_class else f"[{listed}]"
        if char == "x" and self.pattern[self.at : self.at + 1] == "{":
            end = self.pattern.index("}", self.at)
            code = int(self.pattern[self.at + 1 : end], 16)
            self.at = end + 1
            return f"\\U{code:08x}"
        return "\\" + char

    def _quoted(self) -> str:
        end = self.pattern.find("\\E", self.at)
        stop = len(self.pattern) if end < 0 else end
        literal = self.pattern[self.at : stop]
        self.at = stop if end < 0 else end + 2
        return "".join(f"\\U{ord(char):08x}" for char in literal)

    def _property(self, *, negated: bool, in_class: bool) -> str:
        name = self._next()
        if name == "{":
            end = self.pattern.index("}", self.at)
            name = self.pattern[self.at : end]
            self.at = end + 1
        if name in POSIX:
            listed = POSIX[name]
            if negated:
                return f"[^{listed}]"
            return listed if in_class else f"[{listed}]"
        if name.startswith("Is") and len(name) > 2:
            name = name[2:]
        return f"\\{'P' if negated else 'p'}{{{name}}}"

    def _class(self) -> str:
        """Translate a class; the opening bracket has been read.

        An unescaped ``]`` right after the opening is a literal in Python but not in Java, ``[`` opens a class
        inside the class in both, and ``--``, ``||``, ``~~`` mean nothing in Java.
        """
        out = ["["]
        if self.pattern[self.at : self.at + 1] == "^":
            self.at += 1
            out.append("^")
        while (char := self._next()) != "]":
            if char == "\\":
                out.append(self._escape(in_class=True))
            elif char == "[":
                out.append(self._class())
            elif self.pattern.startswith("&&", self.at - 1):
                self.at += 1
                out.append("&&")
            elif char == "-" and self._ranges():
                out.append("-")
            elif char.isalnum() or char.isspace() or ord(char) > 127:
                out.append(char)
            else:
                out.append("\\" + char)
        return "".join([*out, "]"])

    def _ranges(self) -> bool:
        """Whether the hyphen just read stands between two ends of a range."""
        before = self.pattern[self.at - 2 : self.at - 1]
        after = self.pattern[self.at : self.at + 1]
        return before not in ("[", "^", "") and after not in ("]", "[", "") and after != "-"
