"""Builds a BERT tokenizer from a vocabulary file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubriek.errors import TokenizerError
from rubriek.models import checks
from rubriek.models.tokenizer_rules import MAX_ID

MOST_CHARACTERS = 100
"""Longest word that is cut into pieces; a longer one is [UNK]. BERT's own value, never written to a file."""


@dataclass(frozen=True)
class Casing:
    """What happens to the characters of a text before it is cut."""

    lowercase: bool
    strip_accents: bool | None
    chinese: bool

    @property
    def effect(self) -> tuple[bool, bool, bool]:
        """The same with ``strip_accents`` spelled out: where it is not set it follows ``lowercase``."""
        strip = self.lowercase if self.strip_accents is None else self.strip_accents
        return self.lowercase, strip, self.chinese


@dataclass(frozen=True)
class Token:
    """A token that is found in a text before anything else happens to it."""

    content: str
    special: bool = True
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False


def read_vocabulary(file: Path, *, limit: int) -> dict[str, int]:
    """Read a vocab.txt: a piece a line, its id the number of the line, from 0.

    A piece that stands there twice has the later id, as in transformers.

    Raises
    ------
    TokenizerError
        If the file is no UTF-8, or empty.
    """
    data = checks.read_bytes(file, limit=limit, error=TokenizerError)
    try:
        lines = re.split(r"\r\n|\r|\n", data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{file} is not text.", expected="UTF-8", found=str(error)) from error
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise TokenizerError(f"{file} is empty.", expected="a piece a line")
    return {piece: index for index, piece in enumerate(lines)}


def casing_of_vocabulary(vocabulary: dict[str, int], special: set[str]) -> Casing:
    """Tell by its pieces whether a vocabulary was made from lowercased text.

    Examples
    --------
    >>> casing_of_vocabulary({"[UNK]": 0, "[unused1]": 1, "amsterdam": 2}, {"[UNK]"}).lowercase
    True
    """
    brackets = re.compile(r"\[.*\]|<.*>")
    pieces = (piece for piece in vocabulary if piece not in special and not brackets.fullmatch(piece))
    return Casing(lowercase=all(piece == piece.lower() for piece in pieces), strip_accents=None, chinese=True)


def build_wordpiece(
    vocabulary: dict[str, int],
    casing: Casing,
    names: dict[str, str],
    added: Sequence[tuple[int | None, Token]] = (),
) -> Any:  # a Tokenizer
    """Build what transformers builds for ``BertTokenizerFast``.

    Parameters
    ----------
    vocabulary : dict of str to int
        Pieces and their ids.
    casing : Casing
        What to do with capitals, accents and Chinese characters.
    names : dict of str to str
        What the special tokens ``pad``, ``unk``, ``cls``, ``sep`` and ``mask`` are called.
    added : sequence of (int or None, Token)
        Other tokens; see `add_tokens`.

    Returns
    -------
    tokenizers.Tokenizer

    Raises
    ------
    TokenizerError
        If a special token is missing, or an added one would get another id than it should have.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    largest = max(vocabulary, key=vocabulary.__getitem__)
    if vocabulary[largest] > MAX_ID:
        raise TokenizerError(
            "The vocabulary asks for more than a tokenizer may cost.",
            expected=f"ids from 0 to {MAX_ID:,}",
            found=f"{vocabulary[largest]:,} ({checks.shown(largest)})",
        )
    tokenizer = Tokenizer(
        models.WordPiece(
            vocabulary,
            unk_token=names["unk"],
            continuing_subword_prefix="##",
            max_input_chars_per_word=MOST_CHARACTERS,
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=casing.chinese,
        strip_accents=casing.strip_accents,
        lowercase=casing.lowercase,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    special = [(vocabulary[name], Token(name)) for name in names.values() if name in vocabulary]
    add_tokens(tokenizer, [*special, *added])
    for kind in ("pad", "unk", "cls", "sep"):
        if tokenizer.token_to_id(names[kind]) is None:
            raise TokenizerError(
                f"The vocabulary has no {names[kind]}.",
                expected=", ".join(names[kind] for kind in ("pad", "unk", "cls", "sep")),
                found=f"{len(vocabulary):,} pieces",
                hint="name the model's own special tokens in tokenizer_config.json",
            )
    ends = [(names[kind], tokenizer.token_to_id(names[kind])) for kind in ("cls", "sep")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names['cls']}:0 $A:0 {names['sep']}:0",
        pair=f"{names['cls']}:0 $A:0 {names['sep']}:0 $B:1 {names['sep']}:1",
        special_tokens=ends,
    )
    return tokenizer


def add_tokens(tokenizer: Any, tokens: Sequence[tuple[int | None, Token]]) -> None:  # a Tokenizer
    """Add tokens, in their order: one that the vocabulary knows keeps its id, another gets the next one.

    Raises
    ------
    TokenizerError
        If one would get another id than it should have.
    """
    from tokenizers import AddedToken

    tokenizer.add_tokens(
        [
            AddedToken(
                token.content,
                single_word=token.single_word,
                lstrip=token.lstrip,
                rstrip=token.rstrip,
                normalized=token.normalized,
                special=token.special,
            )
            for _, token in tokens
        ]
    )
    for number, token in tokens:
        found = tokenizer.token_to_id(token.content)
        if number not in (None, found):
            raise TokenizerError(
                f"The added token {token.content!r} does not fit the vocabulary.",
                expected=f"id {number}",
                found=f"id {found}",
                hint="take the vocabulary and the added tokens from one place",
            )
