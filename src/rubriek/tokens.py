"""From texts to token ids, in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from rubriek import settings
from rubriek.errors import TokenizerError
from rubriek.models.checks import read_bytes
from rubriek.models.tokenizer_settings import FILE_LIMIT
from rubriek.models.tokenizer_trial import load, panics_refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.models.record import TruncationSide

CHARACTERS_AT_ONCE = 1_000_000
"""The library's own result holds every piece as a string, so long lists are handed to it in parts."""
QUICK = 2000
"""Characters up to which a text is tokenised by the library's method for one text. It is the quicker one, but
all of Python's threads stand still meanwhile."""
LONG = 50_000
"""Characters from which a text is cut into sections that are tokenised side by side."""


class SpecialIds(NamedTuple):
    """Ids of the special tokens that stand in every batch, as the model's vocabulary has them."""

    pad: int
    cls: int
    sep: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """The pieces of many texts, special tokens left out.

    Attributes
    ----------
    ids : ndarray of int32, shape (pieces of all texts,)
        Token ids, text after text.
    offsets : ndarray of int64, shape (texts + 1,)
        Text ``i`` has ``ids[offsets[i]:offsets[i + 1]]``.
    special : SpecialIds
        Ids of ``[PAD]``, ``[CLS]`` and ``[SEP]``.
    masked_id : int, optional
        An id that the attention mask hides wherever it stands, as Spark NLP does with id 0.
    truncation_side : {"right", "left"}, optional
        The end of a long text that is cut off, where the tokenisation has a side of its own: Spark NLP always
        keeps the first pieces. Default: the model's.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    special: SpecialIds
    masked_id: int | None = None
    truncation_side: TruncationSide | None = None

    def distinct(self) -> tuple[Tokens, NDArray[np.int64]]:
        """Leave out texts with the pieces of an earlier text.

        Returns
        -------
        tokens : Tokens
            Each sequence of pieces once, in order of first appearance.
        which : ndarray of int64, shape (texts,)
            Where each text of this object is in ``tokens``.

        Examples
        --------
        >>> ids, offsets = np.array([7, 8, 7, 8], dtype=np.int32), np.array([0, 2, 2, 4])
        >>> tokens, which = Tokens(ids, offsets, SpecialIds(0, 1, 2)).distinct()
        >>> tokens.offsets.tolist(), which.tolist()
        ([0, 2, 2], [0, 1, 0])
        """
        places: dict[bytes, int] = {}
        bounds = self.offsets.tolist()
        which = np.fromiter(
            (
                places.setdefault(self.ids[start:stop].tobytes(), len(places))
                for start, stop in pairwise(bounds)
            ),
            dtype=np.int64,
            count=len(bounds) - 1,
        )
        counts = [len(pieces) // self.ids.itemsize for pieces in places]
        ids = np.frombuffer(b"".join(places), dtype=self.ids.dtype)
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        return replace(self, ids=ids, offsets=offsets), which


class Tokenizer(Protocol):
    """What the path needs of a tokenisation.

    Attributes
    ----------
    name : str
        What it is called in options and reports: ``"huggingface"`` or ``"sparknlp"``.
    """

    name: str

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Tokenise texts, whole: nothing is cut here."""
        ...


class HuggingFaceTokenizer:
    """The tokenisation named ``huggingface``: what the ``tokenizers`` library makes of tokenizer.json.

    Parameters
    ----------
    file : Path
        A tokenizer.json.
    special : SpecialIds
        Ids of the special tokens.
    threads : int
        How many cores it may use. The library knows one core or all of them; with fewer than all, one.

    Raises
    ------
    TokenizerError
        If the file cannot be read, or the tokenizer fails on a text.
    """

    name = "huggingface"

    def __init__(self, file: Path, special: SpecialIds, *, threads: int) -> None:
        from tokenizers import normalizers, pre_tokenizers  # `import rubriek` need not wait for it

        data = read_bytes(file, limit=FILE_LIMIT, error=TokenizerError)
        self._file = file
        self._tokenizer: Any = load(data, str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._special = special
        self._parallel = threads >= settings.usable_cores()
        # BERT's own steps look at one word at a time; added tokens are found before them.
        self._by_words = (
            isinstance(self._tokenizer.normalizer, normalizers.BertNormalizer)
            and isinstance(self._tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
            and not any(" " in token.content for token in self._tokenizer.get_added_tokens_decoder().values())
        )

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Tokenise texts, whole: nothing is cut here.

        Parameters
        ----------
        texts : sequence of str
            The texts.

        Returns
        -------
        Tokens

        Raises
        ------
        TokenizerError
            If the tokenizer fails on a text.
        """
        with panics_refused(f"The tokenizer {self._file} fails on a text.", hint="import the model again"):
            return self._tokenize(texts)

    def _tokenize(self, texts: Sequence[str]) -> Tokens:
        flat: list[NDArray[np.int32]] = []
        counts = np.zeros(len(texts) + 1, dtype=np.int64)
        at = 1
        for part in _parts(texts):
            sections = [_sections(text) if self._by_words else [text] for text in part]
            encoded = self._encode([section for of_text in sections for section in of_text])
            for of_text in sections:
                for pieces in islice(encoded, len(of_text)):
                    flat.append(np.asarray(pieces, dtype=np.int32))
                    counts[at] += len(pieces)
                at += 1
        ids = np.concatenate(flat) if flat else np.zeros(0, dtype=np.int32)
        return Tokens(ids, np.cumsum(counts), self._special)

    def _encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        if self._parallel and len(texts) > 1:
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            return (encoding.ids for encoding in encodings)
        return map(self._encode_one, texts)

    def _encode_one(self, text: str) -> list[int]:
        if len(text) > QUICK:
            (encoding,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        else:
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids: list[int] = encoding.ids
        return ids


def _sections(text: str) -> list[str]:
    """Cut a very long text in front of spaces, for all cores; the library slows down with length besides."""
    sections, start = [], 0
    while len(text) - start > LONG:
        end = text.rfind(" ", start + 1, start + LONG)
        if end < 0:
            end = text.find(" ", start + LONG)
        if end < 0:
            break
        sections.append(text[start:end])
        start = end
    return [*sections, text[start:]]


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = characters = 0
    for index, text in enumerate(texts):
        characters += len(text)
        if characters >= CHARACTERS_AT_ONCE:
            yield texts[start : index + 1]
            start, characters = index + 1, 0
    if start < len(texts):
        yield texts[start:]
