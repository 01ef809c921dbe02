"""The tokenizer of a Hugging Face folder: tokenizer.json, or vocab.txt with what stands around it."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubriek.errors import RubriekWarning, TokenizerError
from rubriek.models import checks
from rubriek.models.bundle import TOKENIZER, listing
from rubriek.models.checks import Fields
from rubriek.models.wordpiece import Casing, Token, build_wordpiece, casing_of_vocabulary, read_vocabulary

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


@dataclass(frozen=True)
class ImportedTokenizer:
    """A tokenizer, checked, and ready to be written as tokenizer.json.

    Attributes
    ----------
    text : str
        Content of tokenizer.json, without truncation and padding.
    pad_id, unk_id, cls_id, sep_id : int
        Ids of the special tokens.
    model_max_length : int, optional
        Most pieces that the tokenizer's configuration allows, special tokens included.
    files : tuple of Path
        Where it came from.
    """

    text: str
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    model_max_length: int | None
    files: tuple[Path, ...]


def read_tokenizer(folder: Path, vocab_size: int | None) -> ImportedTokenizer:
    """Read a folder's tokenizer and check it.

    tokenizer.json is used where it is there; what it says of truncation and padding is left out, since the
    text's true length has to be known. Otherwise one is built from vocab.txt, tokenizer_config.json,
    special_tokens_map.json and added_tokens.json, as transformers does for ``BertTokenizerFast``. Where
    tokenizer_config.json names another casing than tokenizer.json, it wins, as in transformers.

    Parameters
    ----------
    folder : Path
        The folder.
    vocab_size : int, optional
        How many ids the model has; None where that is not known.

    Returns
    -------
    ImportedTokenizer

    Raises
    ------
    TokenizerError
        If files are missing or damaged, a special token is missing, the tokenizer does not put [CLS] and
        [SEP] around a text, or it gives ids that the model does not have.
    """
    settings = _Settings(folder)
    if (folder / TOKENIZER).is_file():
        tokenizer = _load(folder / TOKENIZER)
        _apply_casing(tokenizer, settings)
        files = (folder / TOKENIZER, *settings.files)
    elif (folder / VOCABULARY).is_file():
        vocabulary = read_vocabulary(folder / VOCABULARY, limit=FILE_LIMIT)
        settings.check_class()
        tokenizer = build_wordpiece(
            vocabulary, settings.casing_for(vocabulary), settings.names, settings.added(vocabulary)
        )
        files = (folder / VOCABULARY, *settings.files)
    else:
        raise TokenizerError(
            f"{folder} has no tokenizer.",
            expected=f"{TOKENIZER} or {VOCABULARY}",
            found=listing(folder),
            hint="save it with tokenizer.save_pretrained(folder)",
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = _special_ids(tokenizer, settings.names)
    _check_frame(tokenizer, ids)
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if vocab_size is not None and largest >= vocab_size:
        raise TokenizerError(
            f"The tokenizer in {folder} has pieces that the model does not know.",
            expected=f"ids below vocab_size, {vocab_size}",
            found=f"{largest} ({tokenizer.id_to_token(largest)!r})",
            hint="the tokenizer and config.json are of different models; take both from one place",
        )
    return ImportedTokenizer(
        text=tokenizer.to_str(),
        pad_id=ids["pad"],
        unk_id=ids["unk"],
        cls_id=ids["cls"],
        sep_id=ids["sep"],
        model_max_length=settings.model_max_length(),
        files=files,
    )


class _Settings:
    """What the JSON files beside the vocabulary say."""

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


def _load(file: Path) -> Any:  # a Tokenizer
    from tokenizers import Tokenizer

    data = checks.read_bytes(file, limit=FILE_LIMIT, error=TokenizerError)
    try:
        return Tokenizer.from_str(data.decode("utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise _unreadable(file, error) from error
    except BaseException as error:
        # What panics in the library is no Exception, so that nobody catches it by mistake.
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: BaseException) -> TokenizerError:
    return TokenizerError(
        f"{file} is damaged, or no tokenizer.",
        found=checks.shown(str(error)),
        hint="save it again with tokenizer.save_pretrained(folder)",
    )


def _apply_casing(tokenizer: Any, settings: _Settings) -> None:  # a Tokenizer
    from tokenizers.normalizers import BertNormalizer

    normalizer = tokenizer.normalizer
    if not isinstance(normalizer, BertNormalizer) or not settings.is_bert():
        return
    found = Casing(normalizer.lowercase, normalizer.strip_accents, normalizer.handle_chinese_chars)
    asked = settings.casing(found)
    if found.effect != asked.effect:
        warnings.warn(
            f"{settings.config.where} and {TOKENIZER} differ: {asked} against {found}; the first is used, as "
            "transformers does",
            RubriekWarning,
            stacklevel=3,
        )
        normalizer.lowercase, normalizer.handle_chinese_chars = asked.lowercase, asked.chinese
        normalizer.strip_accents = asked.strip_accents
        tokenizer.normalizer = normalizer


def _special_ids(tokenizer: Any, names: dict[str, str]) -> dict[str, int]:  # a Tokenizer
    ids: dict[str, int] = {}
    for kind in ("pad", "unk", "cls", "sep"):
        token = tokenizer.token_to_id(names[kind])
        if token is None:
            raise TokenizerError(
                f"The vocabulary has no {names[kind]}.",
                expected=", ".join(names[kind] for kind in ("pad", "unk", "cls", "sep")),
                hint=f"name the model's own special tokens in {SPECIAL} or {CONFIG}",
            )
        ids[kind] = token
    return ids


def _check_frame(tokenizer: Any, ids: dict[str, int]) -> None:  # a Tokenizer
    """Check that a text gets [CLS] before it and [SEP] behind it, and nothing else."""
    from tokenizers.processors import TemplateProcessing

    if tokenizer.post_processor is None:  # transformers sets BERT's own then, too
        first, last = (tokenizer.id_to_token(ids[kind]) for kind in ("cls", "sep"))
        tokenizer.post_processor = TemplateProcessing(
            single=f"{first} $A {last}", special_tokens=[(first, ids["cls"]), (last, ids["sep"])]
        )
    for text in ("", "a"):
        inner = tokenizer.encode(text, add_special_tokens=False).ids
        found = tokenizer.encode(text).ids
        expected = [ids["cls"], *inner, ids["sep"]]
        if found != expected:
            raise TokenizerError(
                "The tokenizer does not put one [CLS] before a text and one [SEP] behind it.",
                expected=f"ids {expected} for {text!r}",
                found=str(found),
                hint=f"compare cls_token and sep_token in {CONFIG} with the post_processor in {TOKENIZER}",
            )
