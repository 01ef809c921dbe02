"""The tokenizer of a Hugging Face folder: tokenizer.json, or vocab.txt with what stands around it."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubriek.errors import RubriekWarning, TokenizerError
from rubriek.models import checks
from rubriek.models.bundle import TOKENIZER
from rubriek.models.checks import listing
from rubriek.models.record import TruncationSide
from rubriek.models.tokenizer_rules import steps_of
from rubriek.models.tokenizer_settings import (
    CONFIG,
    FILE_LIMIT,
    KINDS,
    SPECIAL,
    VOCABULARY,
    TokenizerSettings,
)
from rubriek.models.tokenizer_trial import load, mark, panics_refused
from rubriek.models.wordpiece import Casing, Token, add_tokens, build_wordpiece, read_vocabulary

__all__ = ["FILE_LIMIT", "KINDS", "VOCABULARY", "ImportedTokenizer", "read_tokenizer"]


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
    truncation_side : {"right", "left"}
        The end of a text that is cut off where it is too long.
    files : tuple of Path
        Where it came from.
    """

    text: str
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    model_max_length: int | None
    truncation_side: TruncationSide
    files: tuple[Path, ...]

    def write(self, folder: Path) -> None:
        """Write tokenizer.json, and remember that it needs no trial when it is loaded."""
        data = self.text.encode()
        (folder / TOKENIZER).write_bytes(data)
        mark(data)


def read_tokenizer(folder: Path, vocab_size: int | None) -> ImportedTokenizer:
    """Read a folder's tokenizer and check it.

    tokenizer.json is used where it is there; what it says of padding and of the length of a text is left out,
    since the text's true length has to be known. Otherwise one is built from vocab.txt, as transformers does
    for ``BertTokenizer``. Tokens that tokenizer_config.json, special_tokens_map.json and added_tokens.json
    name are added where they are missing. Where tokenizer_config.json names another casing than
    tokenizer.json, it wins, as in transformers.

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
    settings = TokenizerSettings(folder)
    if (folder / TOKENIZER).is_file():
        data = checks.read_bytes(folder / TOKENIZER, limit=FILE_LIMIT, error=TokenizerError)
        tokenizer = load(data, str(folder / TOKENIZER))
        _apply_casing(tokenizer, settings)
        _check_prefix_space(tokenizer, settings)
        _add_missing(tokenizer, settings)
        files = (folder / TOKENIZER, *settings.files)
    elif (folder / VOCABULARY).is_file():
        vocabulary = read_vocabulary(folder / VOCABULARY, limit=FILE_LIMIT)
        settings.check_class()
        tokenizer = build_wordpiece(
            vocabulary, settings.casing_for(vocabulary), settings.names, settings.added()
        )
        files = (folder / VOCABULARY, *settings.files)
    else:
        raise TokenizerError(
            f"{folder} has no tokenizer.",
            expected=f"{TOKENIZER} or {VOCABULARY}",
            found=listing(folder),
            hint="save it with tokenizer.save_pretrained(folder)",
        )
    cut = tokenizer.truncation
    side = settings.truncation_side("left" if cut and cut["direction"] == "left" else "right")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = _special_ids(tokenizer, settings.names)
    with panics_refused(f"The tokenizer in {folder} does not work."):
        _check_frame(tokenizer, ids, is_bert=settings.is_bert())
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
        truncation_side=side,
        files=files,
    )


def _apply_casing(tokenizer: Any, settings: TokenizerSettings) -> None:  # a Tokenizer
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


def _check_prefix_space(tokenizer: Any, settings: TokenizerSettings) -> None:  # a Tokenizer
    """Refuse a tokenizer.json that does not put a space before a text as tokenizer_config.json says."""
    if "add_prefix_space" not in settings.config:
        return
    asked = settings.config.boolean("add_prefix_space")
    parts = json.loads(tokenizer.to_str())["pre_tokenizer"]
    found = [step["add_prefix_space"] for step in steps_of(parts) if step["type"] == "ByteLevel"]
    if any(found) != asked and found:
        raise TokenizerError(
            f"{settings.config.where} and {TOKENIZER} contradict each other.",
            expected=f"add_prefix_space = {str(asked).lower()} in both",
            found=f"{str(not asked).lower()} in {TOKENIZER}",
            hint="load it with transformers and save it again with tokenizer.save_pretrained(folder)",
        )


def _add_missing(tokenizer: Any, settings: TokenizerSettings) -> None:  # a Tokenizer
    """Add the tokens that the files beside tokenizer.json name and it does not have, as transformers does."""
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    added = settings.added()
    if settings.is_bert():  # whose special tokens have names where no file gives them one
        named = {token.content for _, token in added}
        usual = [name for name in settings.names.values() if tokenizer.token_to_id(name) is not None]
        added += [(None, Token(name)) for name in usual if name not in named]
    add_tokens(tokenizer, [(number, token) for number, token in added if token.content not in known])


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


def _check_frame(tokenizer: Any, ids: dict[str, int], *, is_bert: bool) -> None:  # a Tokenizer
    """Check that a text gets [CLS] before it and [SEP] behind it, and nothing else."""
    from tokenizers.processors import TemplateProcessing

    if tokenizer.post_processor is None and is_bert:  # transformers sets BERT's own then, too
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
