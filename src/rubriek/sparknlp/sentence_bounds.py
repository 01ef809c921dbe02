r"""Where sentences end, by the rules of Spark NLP's SentenceDetector.

That detector follows the pragmatic segmenter, with English abbreviations. A sentence ends at a full stop or a
semicolon, after question and exclamation marks at the end of a word, and before the items of a list. Rules,
from special to general, first hide the signs that end nothing: a hidden sign is replaced by a stand-in from
Unicode's private use area, and a stretch that must stay whole is put between two marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from rubriek.sparknlp import utf16
from rubriek.sparknlp.clean_up import TRIMMED
from rubriek.sparknlp.java_regex import compile_java

# The stand-in for an end is Spark NLP's own, so that a text that holds one is cut there too. The others are
# not: what stood in the text for them would come back as another sign, and in the wrong place.
END, OPEN, CLOSE = "\uf050", "\U000f5001", "\U000f5002"
DOT, QUESTION, EXCLAMATION, ELLIPSIS, SEMICOLON = (chr(0xF5003 + place) for place in range(5))
SHOWN = str.maketrans(
    {END: "", OPEN: "", CLOSE: "", DOT: ".", QUESTION: "?", EXCLAMATION: "!", ELLIPSIS: "...", SEMICOLON: ";"}
)

TITLES = "dr|mr|ms|prof|mt|st"
NUMBERED = "no|p|px"
ABBREVIATIONS = (
    "adj|bros|btw|co|col|corp|cpl|dec|aug|del|dept|dist|dr|e.g|etc|exp|feb|fy|hr|i.e|id|inc|jan|jr|jul|jun|lt|ltd|"
    "mar|may|min|mr|mrs|ms|no|nov|oct|ok|p|px|plz|prof|rep|sec|sep|sept|sr|st|u.s|ver|vs"
)


class Rule(NamedTuple):
    r"""A Java pattern and what takes the place of its matches; ``\g<0>`` is the match itself."""

    pattern: str
    by: str


def _list_items() -> list[Rule]:
    # Two slips of the original are kept: an "s" for white space, and a dot that stands for any sign.
    numbered = [r"(?:\s|^)-?\d{1,2}\.\s", r"(?:\s|^)\d{1,2}\.\)", r"s-\d{1,2}\.\)", r"^-\d{1,2}.\)"]
    return [
        Rule(r"\([a-z]+\)|^[a-z]+\)", END + OPEN + r"\g<0>" + CLOSE),
        Rule("|".join(numbered), END + OPEN + r"\g<0>" + CLOSE),
    ]


def _abbreviated(names: str, after: str) -> str:
    return rf"(?<=(?:\s|^)(?i:{names}))\.(?={after})"


LISTS = _list_items()
NUMBERS = [
    Rule(r"(?<=\d)\.(?=\d)", DOT),
    Rule(r"\.(?=\d)", DOT),
    Rule(r"(?<=\d)\.(?=\S)", DOT),
    Rule(r"(?<=^\d)\.(?=\s\S|\))", DOT),
    Rule(r"(?<=^\d\d)\.(?=\s\S|\))", DOT),
]
INITIALS = [
    Rule(r"\b[a-zA-Z](?:\.[a-zA-Z])+(?:\.(?!\s[A-Z]))*", OPEN + r"\g<0>" + CLOSE),
    Rule(r"(?i)p\.m\.*", OPEN + r"\g<0>" + CLOSE),
    Rule(r"(?i)a\.m\.*", OPEN + r"\g<0>" + CLOSE),
    Rule(r"\.(?='s(?:\s|\$|\z))", DOT),
    Rule(r"(?<=Co)\.(?=\sKG)", DOT),
    Rule(r"(?<=^[A-Z])\.(?=\s)", DOT),
    Rule(r"(?<=\s[A-Z])\.(?=\s)", DOT),
]
DICTIONARY = [
    Rule(_abbreviated(TITLES, r"\s|:\d+"), DOT),
    Rule(_abbreviated(NUMBERED, r"\s\d|\s+\("), DOT),
    Rule(
        rf"(?<=\s(?i:{ABBREVIATIONS}))\.(?=[.:?-]|\s(?:[a-z]|I\s|I'm|I'll|\d))"
        rf"|(?<=^(?i:{ABBREVIATIONS}))\.(?=[.:?]|\s(?:[a-z]|I\s|I'm|I'll|\d))",
        DOT,
    ),
    Rule(_abbreviated(ABBREVIATIONS, ","), DOT),
]
GENERAL = [
    Rule(r"(?<=\S)[!?]+(?=\s|\z|\$)", r"\g<0>" + END),
    Rule(r"(?<=\w)\.(?=\w)", DOT),
    Rule(r"(?<=[a-zA-z]°)\.(?=\s*\d+)", DOT),
    Rule(r"\.\.\.(?=\s+[A-Z])", ELLIPSIS + END),
    Rule(r"(?<=\S)\.{3}(?=\.\s[A-Z])", ELLIPSIS + END),
    Rule(r"(?<=\s|^)'[\w\s?!.,|']+'\W", OPEN + r"\g<0>" + CLOSE),
    Rule(r'"[\w\s?!.,]+"', OPEN + r"\g<0>" + CLOSE),
    Rule(r"\[[\w\s?!.,]+\]", OPEN + r"\g<0>" + CLOSE),
    Rule(r"\([\w\s?!.,]+\)", OPEN + r"\g<0>" + CLOSE),
    Rule(r"\?(?=['\"])", QUESTION),
    Rule(r"!(?=['\"]|,\s[a-z]|\s[a-z])", EXCLAMATION),
    Rule(r"\.", DOT + END),
    Rule(";", SEMICOLON + END),
]

STRATEGIES = {"none": END, "prepend": END + r"\g<0>", "append": r"\g<0>" + END}
"""What becomes of a custom bound: it is left out, or starts a sentence, or ends one."""


class Sentence(NamedTuple):
    """A sentence, and where it stands in UTF-16 units, ``end`` inclusive."""

    result: str
    begin: int
    end: int


@dataclass(frozen=True)
class SentenceRules:
    """The algorithm of Spark NLP's SentenceDetector, with its parameters.

    Parameters
    ----------
    abbreviations : bool, default True
        Whether the dots of known (English) abbreviations end nothing.
    lists : bool, default True
        Whether items of lists start sentences.
    bounds : tuple of str
        Java patterns that end sentences too.
    bounds_only : bool, default False
        Whether nothing else ends one.
    strategy : {"none", "prepend", "append"}
        What becomes of a custom bound.

    Examples
    --------
    >>> [sentence.result for sentence in SentenceRules().sentences("Eén zin. Nog een! En om 10.30 uur?")]
    ['Eén zin.', 'Nog een!', 'En om 10.30 uur?']
    """

    abbreviations: bool = True
    lists: bool = True
    bounds: tuple[str, ...] = ()
    bounds_only: bool = False
    strategy: str = "none"

    def sentences(self, text: str) -> Iterator[Sentence]:
        """Find the sentences of a document.

        Parameters
        ----------
        text : str
            The document.

        Yields
        ------
        Sentence
            Trimmed; none is empty.
        """
        places = utf16.offsets(text)
        at = 0
        for part in self._parts(text):
            sentence = part.translate(SHOWN).strip(TRIMMED)
            if not sentence:
                continue
            start = max(text.find(sentence, at), at)
            at = min(start + len(sentence), len(text))
            yield Sentence(sentence, places[start], places[at] - 1)

    def _parts(self, text: str) -> Iterator[str]:
        """Mark up the text, and cut it at the ends that stand in no protected stretch."""
        for pattern, by in self._rules:
            text = pattern.sub(by, text)
        pieces = text.split(END)
        # Read from behind: an end is protected if the next mark after it closes a stretch.
        protected = [False] * len(pieces)
        inside = False
        for place in range(len(pieces) - 1, 0, -1):
            marks = [mark for mark in pieces[place] if mark in (OPEN, CLOSE)]
            inside = marks[0] == CLOSE if marks else inside
            protected[place] = inside
        whole = pieces[0]
        for place in range(1, len(pieces)):
            if protected[place]:
                whole += pieces[place]
            else:
                yield whole
                whole = pieces[place]
        yield whole

    @cached_property
    def _rules(self) -> list[tuple[Any, str]]:
        custom = [Rule(bound, STRATEGIES[self.strategy]) for bound in self.bounds]
        lists = LISTS if self.lists else []
        shortened = INITIALS + (DICTIONARY if self.abbreviations else [])
        if custom and self.bounds_only:
            rules = custom
        elif custom:  # the original takes abbreviations before numbers in this case
            rules = custom + lists + shortened + NUMBERS + GENERAL
        else:
            rules = lists + NUMBERS + shortened + GENERAL
        return [(compile_java(pattern), by) for pattern, by in rules]


def split_long(sentence: str, length: int) -> list[str]:
    """Cut a sentence at spaces into parts of at most some length, as Spark NLP's ``splitLength`` does.

    Examples
    --------
    >>> split_long("een twee drie vier", 8)
    ['een twee', 'drie', 'vier']
    """
    parts: list[str] = []
    words: list[str] = []
    used = 0
    for word in sentence.split(" "):
        if used + len(word) > length:
            parts.append(" ".join(words))
            words, used = [], 0
        words.append(word)
        used += len(word) + 1
    return [*parts, " ".join(words)]
