r"""From a text to tokens, as Spark NLP's TokenizerModel finds them.

In short: the text breaks at every character outside ``targetPattern`` (by default: at ASCII white space); of
each piece between two breaks, a rule takes the punctuation off both ends. Runs of punctuation stay together
and what stands inside a word is never split.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

from rubriek.errors import OptionError
from rubriek.sparknlp import utf16
from rubriek.sparknlp.java_regex import compile_java, split_java

CONTEXT_CHARS = (".", ",", ";", ":", "!", "?", "*", "-", "(", ")", '"', "'")
BREAK, PROTECT = "ↇ", "ↈ"
REMEMBERED = 100_000
LONGEST_REMEMBERED = 64


class Token(NamedTuple):
    """A token: its text and where it stands, in UTF-16 units, ``end`` inclusive."""

    result: str
    begin: int
    end: int


def rules(
    context_chars: Sequence[str] = CONTEXT_CHARS,
    prefix: str | None = None,
    infixes: Sequence[str] | None = None,
    suffix: str | None = None,
) -> tuple[str, ...]:
    r"""Build the patterns that take a candidate apart: one per infix, prefix and suffix around it.

    Raises
    ------
    OptionError
        If the prefix does not start with ``\A``, the suffix does not end with ``\z``, or an infix has no
        group.

    Examples
    --------
    >>> rules(prefix=r"\A([$]*)", infixes=["(.+?)"], suffix=r"([.]*)\z")
    ('\\A([$]*)(.+?)([.]*)\\z',)
    """
    quoted = rf"\Q{''.join(context_chars)}\E"
    before = rf"\A([{quoted}]*)" if prefix is None else prefix
    after = rf"([{quoted}]*)\z" if suffix is None else suffix
    inside = [f"([^{quoted}](?:.*[^{quoted}])*)"] if infixes is None else infixes
    if not before.startswith(r"\A"):
        raise OptionError(
            r"requirement failed: prefixPattern must begin with \A to ensure it is the beginning of the "
            "string",
            found=repr(before),
        )
    if not after.endswith(r"\z"):
        raise OptionError(
            r"requirement failed: suffixPattern must end with \z to ensure it is the end of the string",
            found=repr(after),
        )
    for infix in inside:
        if "(" not in infix or ")" not in infix:
            raise OptionError(
                "requirement failed: infix patterns must use regex group. Notice each group will result in "
                "separate token",
                found=repr(infix),
            )
    return tuple(before + infix + after for infix in inside)


@dataclass(frozen=True)
class WordTokenizer:
    r"""The algorithm of Spark NLP's TokenizerModel, with its parameters.

    Parameters
    ----------
    rules : tuple of str
        Java patterns, tried in order on each candidate; each group of the first that matches is a token.
    target_pattern : str, default ``\S+``
        What tokens are made of. Put inside a negated class, as Spark NLP does.
    exceptions : tuple of str
        Java patterns; what they match, and the white-space-delimited piece around it, stays one token.
    case_sensitive_exceptions : bool, default True
        Whether the case of exceptions counts.
    split_pattern : str, optional
        Java pattern at which tokens are split further.
    split_chars : tuple of str
        The same, joined with ``|``; only where there is no ``split_pattern`` that splits.
    min_length, max_length : int
        Shorter and longer tokens are left out; in UTF-16 units.

    Examples
    --------
    >>> [token.result for token in WordTokenizer().tokenize("De auto's (15.000,-).")]
    ['De', "auto's", '(', '15.000', ',-).']
    """

    rules: tuple[str, ...] = rules()
    target_pattern: str = r"\S+"
    exceptions: tuple[str, ...] = ()
    case_sensitive_exceptions: bool = True
    split_pattern: str | None = None
    split_chars: tuple[str, ...] = ()
    min_length: int = 0
    max_length: int | None = None

    def tokenize(self, text: str, start: int = 0) -> list[Token]:
        """Tokenise one text.

        Parameters
        ----------
        text : str
            A document or a sentence.
        start : int, default 0
            Where it begins in its document, in UTF-16 units.

        Returns
        -------
        list of Token
        """
        protected, whole = self._protect(text)
        places = utf16.offsets(text)
        known = self._known
        tokens: list[Token] = []
        for match in self._candidate.finditer(self._break.sub(BREAK, protected)):
            candidate = match.group()
            begin = match.start()
            if self.exceptions and (PROTECT in candidate or candidate in whole):
                parts = self._measured([(text[begin : match.end()], 0)])
            else:
                parts = known.get(candidate) or self._parts(candidate)
            at = start + places[begin]
            tokens += [Token(part, at + first, at + last) for part, first, last in parts]
        return tokens

    def compile(self) -> None:
        """Compile all patterns now, so that a malformed one is known before the data comes.

        Raises
        ------
        OptionError
            Naming the pattern.
        """
        for _ in (self._break, self._rules, self._exception, self._split_at, self._split_at_chars):
            pass

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out what is compiled and remembered."""
        return WordTokenizer, tuple(getattr(self, field.name) for field in fields(self))

    def _protect(self, text: str) -> tuple[str, set[str]]:
        """Hide the breaks inside of exceptions; return also the exceptions that hold none."""
        whole: set[str] = set()
        if self._exception is None:
            return text, whole

        def hide(match: Any) -> str:
            hidden: str = self._break.sub(PROTECT, match.group())
            if PROTECT not in hidden:
                whole.add(hidden)
            return hidden

        return self._exception.sub(hide, text), whole

    def _parts(self, candidate: str) -> Sequence[tuple[str, int, int]]:
        """Take a candidate apart: texts, and where each begins and ends in it, in UTF-16 units."""
        parts = self._measured(self._split(candidate))
        # Most words of a text have been seen before; odd long ones are not worth the memory.
        if len(candidate) <= LONGEST_REMEMBERED:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[candidate] = parts
        return parts

    def _measured(self, parts: Iterable[tuple[str, int]]) -> Sequence[tuple[str, int, int]]:
        """Leave out what is empty, too short or too long."""
        most = math.inf if self.max_length is None else self.max_length
        sized = [(part, offset, utf16.length(part)) for part, offset in parts]
        return [
            (part, offset, offset + size - 1)
            for part, offset, size in sized
            if max(1, self.min_length) <= size <= most
        ]

    def _split(self, candidate: str) -> Iterator[tuple[str, int]]:
        match = next((found for rule in self._rules if (found := rule.search(candidate))), None)
        if match is None:
            yield candidate, 0
            return
        at = utf16.length(candidate[: match.start()])
        for group in match.groups(""):
            yield from self._split_inside(group, at)
            at += utf16.length(group)

    def _split_inside(self, target: str, at: int) -> Iterator[tuple[str, int]]:
        pieces = self._pieces(target)
        if pieces is None:
            yield target, at
            return
        places, found = utf16.offsets(target), 0
        for piece in pieces:
            found = max(target.find(piece, found), found)
            yield piece, at + places[found]
            found += len(piece)

    def _pieces(self, target: str) -> list[str] | None:
        if self._split_at is not None:
            pieces = split_java(self._split_at, target)
            if len(pieces) > 1:
                return pieces
        if self._split_at_chars is not None and any(char[-1] in target for char in self.split_chars):
            return split_java(self._split_at_chars, target)
        return None

    @cached_property
    def _known(self) -> dict[str, Sequence[tuple[str, int, int]]]:
        return {}

    @cached_property
    def _break(self) -> Any:
        return compile_java(f"[^(?:{self.target_pattern}){PROTECT}]")

    @cached_property
    def _candidate(self) -> Any:
        return compile_java(f"[^{BREAK}]+")

    @cached_property
    def _rules(self) -> list[Any]:
        return [compile_java(rule) for rule in self.rules]

    @cached_property
    def _exception(self) -> Any:
        if not self.exceptions:
            return None
        flag = "" if self.case_sensitive_exceptions else "(?i)"
        return compile_java("|".join(flag + exception for exception in self.exceptions))

    @cached_property
    def _split_at(self) -> Any:
        return None if self.split_pattern is None else compile_java(self.split_pattern)

    @cached_property
    def _split_at_chars(self) -> Any:
        return compile_java("|".join(self.split_chars)) if self.split_chars else None
