"""The tokenizer of a Hugging Face folder: tokenizer.json, or vocab.txt with what stands around it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubriek.errors import RubriekWarning, TokenizerError
from rubriek.models import checks
from rubriek.models.bundle import TOKENIZER
from rubriek.models.checks import listing
from rubriek.models.tokenizer_settings import (
    CONFIG,
    FILE_LIMIT,
    KINDS,
    SPECIAL,
    VOCABULARY,
    TokenizerSettings,
)
from rubriek.models.wordpiece import Casing, build_wordpiece, read_vocabulary

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
    settings = TokenizerSettings(folder)
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
