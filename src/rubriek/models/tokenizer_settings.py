"""What the JSON files beside a vocabulary say of a tokenizer."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from rubriek.errors import RubriekWarning, TokenizerError
from rubriek.models import checks
from rubriek.models.checks import Fields
from rubriek.models.record import TOKENIZER
from rubriek.models.wordpiece import Casing, Token, casing_of_vocabulary

CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
ADDED = "added_tokens.json"
VOCABULARY = "vocab.txt"

FILE_LIMIT = 64 * 2**20
"""Bytes of a tokenizer file; XLM-RoBERTa's, with 250,000 pieces, takes 17 million."""

SANE_LENGTH = 10**6
"""transformers writes 10^30 as ``model_max_length`` for "not known"."""

KINDS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
"""The special tokens, and the names that they have in BERT unless a file says otherwise."""

BERT_CLASSES = ("BertTokenizer", "BertTokenizerFast")


class TokenizerSettings:
    """What tokenizer_config.json, special_tokens_map.json and added_tokens.json say; each may be missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = tuple(folder / name for name in (CONFIG, SPECIAL, ADDED) if (folder / name).is_file())
        self.config = self._read(CONFIG)
        self.special = self._read(SPECIAL)
        self.names = {kind: self._name(kind, usual) for kind, usual in KINDS.items()}

    def _read(self, name: str) -> Fields:
        file = self.folder / name
        if not file.is_file():
            return Fields({}, str(file), TokenizerError)
        return checks.read_object(file, error=TokenizerError, limit=FILE_LIMIT)

    def _name(self, kind: str, usual: str) -> str:
        """Find what a special token is called; tokenizer_config.json before special_tokens_map.json."""
        field = f"{kind}_token"
        for fields in (self.config, self.special):
            if field in fields:
                return _content(fields, field)
        return usual

    def check_class(self) -> None:
        """Refuse tokenizers that vocab.txt alone does not describe."""
        named = self.config.text("tokenizer_class") if "tokenizer_class" in self.config else BERT_CLASSES[0]
        if named not in BERT_CLASSES:
            raise TokenizerError(
                f"{self.folder} has a tokenizer that cannot be built from {VOCABULARY}.",
                expected=f"tokenizer_class {' or '.join(BERT_CLASSES)}",
                found=named,
                hint=f"save it with a fast tokenizer, which writes {TOKENIZER}",
            )
        if not self.config.boolean("do_basic_tokenize", default=True):
            raise TokenizerError(
                f"{self.config.where} asks for a tokenizer that rubriek does not build.",
                expected="do_basic_tokenize = true",
                found="false",
                hint=f"save it with a fast tokenizer, which writes {TOKENIZER}",
            )

    def is_bert(self) -> bool:
        """Tell whether it is BERT's own tokenizer, whose settings the file overrules in transformers."""
        return self.config.values.get("tokenizer_class", BERT_CLASSES[0]) in BERT_CLASSES

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

    def added(self, vocabulary: dict[str, int]) -> dict[int, Token]:
        """Collect the added tokens by id; what is not said of one is what ``AddedToken`` has by default."""
        special = self._additional()
        added = {vocabulary[content]: Token(content) for content in special if content in vocabulary}
        if ADDED in {file.name for file in self.files}:
            old = self._read(ADDED)
            for content in old.values:
                is_special = content in special
                added[old.integer(content, least=0)] = Token(
                    content, special=is_special, normalized=not is_special
                )
        if "added_tokens_decoder" in self.config:
            decoder = self.config.fields("added_tokens_decoder")
            for key in decoder.values:
                if not re.fullmatch(r"[0-9]{1,9}", key):
                    raise TokenizerError(f"{decoder.where} has a key that is no id.", found=checks.shown(key))
                added[int(key)] = _added_token(decoder.fields(key))
        if lost := special - {token.content for token in added.values()}:
            raise TokenizerError(
                f"{self.folder} has a special token that the vocabulary does not know.",
                expected=f"{checks.shown(min(lost))} in {VOCABULARY} or {ADDED}",
            )
        return added

    def _additional(self) -> set[str]:
        field = "additional_special_tokens"
        for fields in (self.config, self.special):
            if field in fields:
                values = fields.values[field]
                if not isinstance(values, list):
                    raise fields.wrong(field, "a list of tokens")
                where = f"{fields.where}: {field}"
                return {
                    _content(Fields({"token": value}, where, TokenizerError), "token") for value in values
                }
        return set()

    def model_max_length(self) -> int | None:
        """Read the maximum length, special tokens included; None where it is not known."""
        if "model_max_length" not in self.config:
            return None
        value = self.config.number("model_max_length", least=3, most=1e300)
        return int(value) if value <= SANE_LENGTH else None


def _added_token(fields: Fields) -> Token:
    special = fields.boolean("special", default=False)
    return Token(
        fields.text("content"),
        special=special,
        single_word=fields.boolean("single_word", default=False),
        lstrip=fields.boolean("lstrip", default=False),
        rstrip=fields.boolean("rstrip", default=False),
        normalized=fields.boolean("normalized", default=not special),
    )


def _content(fields: Fields, name: str) -> str:
    """Read a token that is written as a string or as an object with ``content``."""
    if isinstance(fields.values[name], dict):
        return fields.fields(name).text("content")
    return fields.text(name)
