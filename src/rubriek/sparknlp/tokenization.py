"""The tokenisation named ``sparknlp``, as the path takes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rubriek.errors import TokenizerError
from rubriek.models import checks
from rubriek.models.tokenizer_files import FILE_LIMIT
from rubriek.sparknlp.word_tokens import WordTokenizer
from rubriek.sparknlp.wordpiece import WordpieceEncoder
from rubriek.tokens import SpecialIds, Tokens

if TYPE_CHECKING:
    from rubriek.models.bundle import Bundle


class SparkNlpTokenizer:
    """What Spark NLP's DocumentAssembler, Tokenizer and BertForSequenceClassification make of a text.

    Give it to `rubriek.Classifier` to classify as Spark NLP does.

    Parameters
    ----------
    bundle : Bundle
        The model.
    case_sensitive : bool, default True
        If false, tokens are lower-cased. Spark NLP's default, whatever the model.
    id_zero_mask : bool, default False
        Pad with id 0 and hide every piece of id 0 from the model, as Spark NLP does. It matters only to
        models whose id 0 is not ``[PAD]``.

    Raises
    ------
    TokenizerError
        If the bundle's vocabulary is not one of word pieces.
    """

    name = "sparknlp"

    def __init__(self, bundle: Bundle, *, case_sensitive: bool = True, id_zero_mask: bool = False) -> None:
        self._encoder = WordpieceEncoder(vocabulary(bundle.tokenizer_file), case_sensitive=case_sensitive)
        self._words = WordTokenizer()
        pad = 0 if id_zero_mask else bundle.pad_id
        self._special = SpecialIds(pad=pad, cls=bundle.cls_id, sep=bundle.sep_id)
        self._masked_id = 0 if id_zero_mask else None

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Tokenise texts, whole: nothing is cut here."""
        return self.encode((token.result for token in self._words.tokenize(text)) for text in texts)

    def encode(self, texts: Iterable[Iterable[str]]) -> Tokens:
        """Find the pieces of texts that are tokens already.

        Parameters
        ----------
        texts : iterable of iterable of str
            The tokens of each.

        Returns
        -------
        Tokens
        """
        ids: list[int] = []
        offsets = [0]
        for tokens in texts:
            ids += self._encoder.ids(tokens)
            offsets.append(len(ids))
        return Tokens(
            np.array(ids, np.int32),
            np.array(offsets, np.int64),
            self._special,
            masked_id=self._masked_id,
            truncation_side="right",
        )


@lru_cache(maxsize=8)
def vocabulary(tokenizer_file: Path) -> dict[str, int]:
    """Read the word pieces of a tokenizer.json and their ids.

    Raises
    ------
    TokenizerError
        If it has none.
    """
    content = checks.read_object(tokenizer_file, error=TokenizerError, limit=FILE_LIMIT)
    model = content.fields("model").values
    pieces = model.get("vocab")
    if model.get("type", "WordPiece") != "WordPiece" or not isinstance(pieces, dict):
        raise TokenizerError(
            f"The tokenizer of this model cannot be used as Spark NLP would: {tokenizer_file}.",
            expected="a vocabulary of word pieces",
            found=f"a model of type {model.get('type')!r}",
            hint="setTokenization('huggingface') uses the model's own tokenisation",
        )
    return pieces
