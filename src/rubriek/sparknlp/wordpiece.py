"""From tokens to word pieces, as Spark NLP's BertForSequenceClassification does it.

Its BasicTokenizer splits a token at punctuation, and of the parts only the first goes on: ``Noord-Holland``
becomes ``Noord``. Accents are stripped even where case counts. Both differ from how BERT models are trained
and both are kept, because this is the tokenisation named ``sparknlp``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from rubriek.errors import TokenizerError
from rubriek.sparknlp import utf16
from rubriek.sparknlp.clean_up import TRIMMED
from rubriek.sparknlp.word_tokens import LONGEST_REMEMBERED, REMEMBERED

LONGEST_WORD = 200
"""UTF-16 units of a word; a longer one is unknown as a whole. Hugging Face's limit is 100."""

UNKNOWN = "[UNK]"

# Java's Character.isWhitespace: no-break spaces are not white space.
WHITESPACE = "\t-\r\x1c- \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"
# NUL, the replacement character, and ISO controls but tab, line feed and carriage return.
FILTERED = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd"
# ASCII punctuation, and every character whose Unicode name holds the word PUNCTUATION (as of Unicode 13, that
# of Java 17). Curly quotes, dashes and full-width signs are not among them.
PUNCTUATION = (
    "!-/:-@\\[-`{-~"
    "\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u061e\u0830-\u0835\u0837-\u083e\u085e\u0df4\u16eb-\u16ed\u1735\u1736"
    "\u1c3b-\u1c3f\u1c7e\u1c7f\u1cc0-\u1cc7\u2008\u2055\u2056\u2058-\u205a\u2e2a-\u2e2c\ua4fe\ua4ff"
    "\uaa5c-\uaa5f"
)
# The ranges of BERT's own tokeniser up to U+FFFF: Spark NLP looks at UTF-16 units, so higher ones never
# match.
CHINESE = "\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff"

_ALONE = f"[{PUNCTUATION}{CHINESE}]"
_PARTS = re.compile(f"{_ALONE}|[^{PUNCTUATION}{CHINESE}{WHITESPACE}{FILTERED}]+")
_FILTERED = re.compile(f"[{FILTERED}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")


def basic_tokens(text: str, *, case_sensitive: bool) -> Iterator[tuple[str, int, int]]:
    """Split at white space and around punctuation and Chinese characters, and normalise each part.

    Parameters
    ----------
    text : str
        A token or a whole text.
    case_sensitive : bool
        If false, parts are lower-cased.

    Yields
    ------
    part : str
        Normalised: decomposed, without the accents of U+0300-U+036F and without control characters.
    start, stop : int
        Where it stands in the text, in code points.

    Examples
    --------
    >>> [part for part, _, _ in basic_tokens("één auto's", case_sensitive=True)]
    ['een', 'auto', "'", 's']
    """
    for match in _PARTS.finditer(text):
        part = _normalized(match.group(), case_sensitive=case_sensitive)
        if part:
            yield part, match.start(), match.end()


def _normalized(part: str, *, case_sensitive: bool) -> str:
    if not part.isascii():
        part = _ACCENTS.sub("", unicodedata.normalize("NFD", part.strip(TRIMMED)))
        part = _FILTERED.sub("", part)
    return part if case_sensitive else part.lower()


class WordpieceEncoder:
    """The greedy search for the longest known pieces of a word.

    Parameters
    ----------
    vocabulary : mapping of str to int
        Pieces and their ids; a piece inside a word starts with ``##``.
    case_sensitive : bool, default True
        If false, tokens are lower-cased.

    Raises
    ------
    TokenizerError
        If ``[UNK]`` is not in the vocabulary.

    Examples
    --------
    >>> encoder = WordpieceEncoder({"[UNK]": 0, "nieuws": 1, "##brief": 2})
    >>> encoder.word("nieuwsbrief")
    [('nieuws', 1, 0, 6), ('##brief', 2, 6, 11)]
    >>> encoder.ids(["nieuwsbrief", "nieuws-brief", "Qwerty"])
    [1, 2, 1, 0]
    """

    def __init__(self, vocabulary: Mapping[str, int], *, case_sensitive: bool = True) -> None:
        if UNKNOWN not in vocabulary:
            raise TokenizerError(f"requirement failed: token {UNKNOWN} not found in vocabulary")
        self._vocabulary = vocabulary
        self._case_sensitive = case_sensitive
        self._known: dict[str, list[int]] = {}

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """Return the ids of the pieces of many tokens, of each only its first basic token.

        Parameters
        ----------
        tokens : iterable of str
            What the Tokenizer found in one text.

        Returns
        -------
        list of int
        """
        known = self._known
        flat: list[int] = []
        for token in tokens:
            pieces = known.get(token)
            if pieces is None:
                pieces = [piece for _, piece, _, _ in self.pieces(token)]
                if len(token) <= LONGEST_REMEMBERED:
                    if len(known) >= REMEMBERED:
                        known.clear()
                    known[token] = pieces
            flat += pieces
        return flat

    def pieces(self, token: str) -> list[tuple[str, int, int, int]]:
        """Return the pieces of a token's first basic token, as `word` does."""
        if token in ("", " "):
            return []
        cased = token if self._case_sensitive else token.lower()
        first = next(basic_tokens(cased, case_sensitive=self._case_sensitive), None)
        return [] if first is None else self.word(first[0], first[2] - first[1])

    def word(self, word: str, width: int | None = None) -> list[tuple[str, int, int, int]]:
        """Find the pieces of one word.

        Parameters
        ----------
        word : str
            A normalised word.
        width : int, optional
            Length of what it was in the text; how far an unknown word reaches.

        Returns
        -------
        list of tuple
            Piece, id, and where it starts and stops in the word.
        """
        unknown = [(UNKNOWN, self._vocabulary[UNKNOWN], 0, len(word) if width is None else width)]
        if utf16.length(word) > LONGEST_WORD:
            return unknown
        found: list[tuple[str, int, int, int]] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for stop in range(len(word), start, -1):
                piece = prefix + word[start:stop]
                if (known := self._vocabulary.get(piece)) is not None:
                    found.append((piece, known, start, stop))
                    start = stop
                    break
            else:
                return unknown
        return found
