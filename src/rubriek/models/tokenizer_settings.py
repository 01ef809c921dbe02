"""What the JSON files beside a vocabulary say of a tokenizer."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

from rubriek.errors import RubriekWarning, TokenizerError
from rubriek.models import checks
from rubriek.models.checks import Fields
from rubriek.models.known_settings import (
    TOKENIZER_SETTINGS,
    VOCABULARY_SETTINGS,
    refuse_settings,
    warn_of_unknown,
)
from rubriek.models.record import TOKENIZER, TruncationSide, side_of
from rubriek.models.wordpiece import Casing, Token, casing_of_vocabulary

CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
ADDED = "added_tokens.json"
DECODER = "added_tokens_decoder"
EXTRA = ("additional_special_tokens", "extra_special_tokens")
VOCABULARY = "vocab.txt"
MODEL_CONFIG = "config.json"

FILE_LIMIT = 64 * 2**20
"""Bytes of a tokenizer file; XLM-RoBERTa's, with 250,000 pieces, takes 17 million."""

SANE_LENGTH = 10**6
"""transformers writes 10^30 as ``model_max_length`` for "not known"."""

KINDS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
"""The special tokens, and the names that they have in BERT unless a file says otherwise."""

NAMED = tuple(f"{kind}_token" for kind in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
"""In the order in which transformers adds those that the vocabulary lacks: ids follow from it."""

BERT_CLASSES = ("BertTokenizer", "BertTokenizerFast")


class TokenizerSettings:
    """What tokenizer_config.json, special_tokens_map.json and added_tokens.json say; each may be missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = tuple(folder / name for name in (CONFIG, SPECIAL, ADDED) if (folder / name).is_file())
        self.config = self._read(CONFIG)
        # As in transformers: where the configuration lists the added tokens, the older file does not count.
        blank = Fields({}, SPECIAL, TokenizerError)
        self.special = blank if DECODER in self.config else self._read(SPECIAL)
        refuse_settings(self.config, TOKENIZER_SETTINGS.refused, TokenizerError)
        self._warn_of_unknown()
        self.class_name = self._class_name()
        self.named = {**self._named(self.config), **self._named(self.special)}
        self.names = {
            kind: self.named[f"{kind}_token"].content if f"{kind}_token" in self.named else usual
            for kind, usual in KINDS.items()
        }

    def _read(self, name: str) -> Fields:
        file = self.folder / name
        if not file.is_file():
            return Fields({}, str(file), TokenizerError)
        return checks.read_object(file, error=TokenizerError, limit=FILE_LIMIT)

    def _warn_of_unknown(self) -> None:
        tokens = {name for name in self.config.values if name.endswith("_token")}
        rest = {name: value for name, value in self.config.values.items() if name not in tokens}
        warn_of_unknown(
            Fields(rest, self.config.where, TokenizerError), TOKENIZER_SETTINGS, VOCABULARY_SETTINGS
        )

    def _named(self, fields: Fields) -> dict[str, Token]:
        """Collect the special tokens that a file names, the model's own kinds of them included."""
        own = [
            name
            for name, value in fields.values.items()
            if name.endswith("_token") and not name.startswith("add_") and isinstance(value, str | dict)
        ]
        named = {
            name: _special_token(fields, name) for name in dict.fromkeys([*NAMED, *own]) if name in fields
        }
        for field in EXTRA:
            if field in fields:
                entries = fields.values[field]
                if isinstance(entries, list):
                    entries = {str(at): entry for at, entry in enumerate(entries)}
                if not isinstance(entries, dict):
                    raise fields.wrong(field, "a list of tokens")
                inner = Fields(entries, f"{fields.where}: {field}", TokenizerError)
                named |= {f"{field}/{name}": _special_token(inner, name) for name in entries}
        return named

    def check_class(self) -> None:
        """Refuse tokenizers that vocab.txt alone does not describe."""
        named = self.class_name
        if named not in BERT_CLASSES:
            raise TokenizerError(
                f"{self.folder} has a tokenizer that cannot be built from {VOCABULARY}.",
                expected=f"tokenizer_class {' or '.join(BERT_CLASSES)}",
                found=named,
                hint=f"save it with a fast tokenizer, which writes {TOKENIZER}",
            )
        refuse_settings(self.config, VOCABULARY_SETTINGS, TokenizerError)

    def _class_name(self) -> str:
        """Find the class: tokenizer_config.json's, else config.json's, else BERT's own."""
        model = self._read(MODEL_CONFIG)
        named = next((fields for fields in (self.config, model) if "tokenizer_class" in fields), None)
        return BERT_CLASSES[0] if named is None else named.text("tokenizer_class")

    def is_bert(self) -> bool:
        """Tell whether it is BERT's own tokenizer, whose settings the file overrules in transformers."""
        return self.class_name in BERT_CLASSES

    def casing(self, usual: Casing) -> Casing:
        """Read what tokenizer_config.json says; ``usual`` where it says nothing."""
        strip = usual.strip_accents
        if "strip_accents" in self.config.values:
            strip = self.config.boolean("strip_accents") if "strip_accents" in self.config else None
        return Casing(
            lowercase=self._boolean("do_lower_case", usual.lowercase),
            strip_accents=strip,
            chinese=self._boolean("tokenize_chinese_chars", usual.chinese),
        )

    def _boolean(self, name: str, usual: bool) -> bool:
        return self.config.boolean(name) if name in self.config else usual

    def casing_for(self, vocabulary: dict[str, int]) -> Casing:
        """Read the casing, or tell it by the vocabulary: an uncased one has no capital letters."""
        usual = casing_of_vocabulary(vocabulary, set(self.names.values()))
        if "do_lower_case" not in self.config:
            found = (
                "uncased, so texts are lowercased" if usual.lowercase else "cased, so texts keep their case"
            )
            warnings.warn(
                f"{self.folder} does not say do_lower_case; its vocabulary is {found}",
                RubriekWarning,
                stacklevel=2,
            )
        return self.casing(usual)

    def added(self) -> list[tuple[int | None, Token]]:
        """Collect the tokens to add, with their ids where files say them, in transformers' order.

        What is not said of one is what ``AddedToken`` has by default.
        """
        numbered: dict[int, Token] = {}
        if DECODER in self.config:
            decoder = self.config.fields(DECODER)
            for key in decoder.values:
                if not re.fullmatch(r"[0-9]{1,9}", key):
                    raise TokenizerError(f"{decoder.where} has a key that is no id.", found=checks.shown(key))
                numbered[int(key)] = _added_token(decoder.fields(key))
        elif (self.folder / ADDED).is_file():
            special = {token.content for token in self.named.values()}
            old = self._read(ADDED)
            for content in old.values:
                is_special = content in special
                numbered[old.integer(content, least=0)] = Token(
                    content, special=is_special, normalized=not is_special
                )
        known = {token.content for token in numbered.values()}
        named = {token.content: token for token in self.named.values() if token.content not in known}
        return [*sorted(numbered.items()), *((None, token) for token in named.values())]

    def model_max_length(self) -> int | None:
        """Read the maximum length, special tokens included; None where it is not known."""
        name = next((name for name in ("model_max_length", "max_len") if name in self.config), None)
        if name is None:
            return None
        value = self.config.number(name, least=3, most=1e300)
        return int(value) if value <= SANE_LENGTH else None

    def truncation_side(self, usual: TruncationSide) -> TruncationSide:
        """Read at which end texts are cut that are too long."""
        if "truncation_side" not in self.config:
            return usual
        return side_of(self.config)


def _added_token(fields: Fields, *, special: bool = False) -> Token:
    special = fields.boolean("special", default=special)
    return Token(
        fields.text("content"),
        special=special,
        single_word=fields.boolean("single_word", default=False),
        lstrip=fields.boolean("lstrip", default=False),
        rstrip=fields.boolean("rstrip", default=False),
        normalized=fields.boolean("normalized", default=not special),
    )


def _special_token(fields: Fields, name: str) -> Token:
    """Read a token that is written as a string or as an object with ``content``."""
    if isinstance(fields.values[name], dict):
        return replace(_added_token(fields.fields(name), special=True), special=True)
    return Token(fields.text(name))
