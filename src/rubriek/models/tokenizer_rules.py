"""Bounds on the time and memory that a tokenizer.json can cost, read off its parts before it is loaded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from rubriek.errors import TokenizerError
from rubriek.models.checks import Fields, shown
from rubriek.models.tokenizer_regex import is_linear

MAX_STEPS = 64
"""Normalizers, pre-tokenizers, decoders and post-processors together, those inside others included."""
MAX_ID = 2**24 - 1
"""As in config.json. The library counts to the largest id when it writes a tokenizer."""
MAX_PIECE = 1000
"""Characters; the library compares a text with the longest piece at each of its characters."""
MAX_WORD = 1000
"""Characters of a word that is cut into pieces, where the time grows with the square of its length."""
MAX_PREFIX = 16
"""Characters in front of a piece, or of every text."""
MAX_GROWTH = 16
"""How many times as long replacements may make a text, all of them together."""
MAX_EXPANSION = 100
"""Bytes that a table of characters may put in the place of one; of Unicode's own the longest has 33."""

_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def check_rules(fields: Fields) -> None:
    """Refuse a tokenizer that could cost too much on some text.

    Parameters
    ----------
    fields : Fields
        The content of a tokenizer.json.

    Raises
    ------
    TokenizerError
        Which names the part and its limit.
    """
    steps = [step for part in _PARTS for step in steps_of(fields.values.get(part))]
    if len(steps) > MAX_STEPS:
        raise _refused(fields, f"at most {MAX_STEPS} steps", str(len(steps)))
    growth = 1.0
    for step in steps:
        _check_pattern(fields, step)
        _check_text(fields, step, "prepend")
        growth *= _growth(step)
    if growth > MAX_GROWTH:
        found = f"{growth:.3g} times as long"
        raise _refused(fields, f"replacements that make a text at most {MAX_GROWTH} times as long", found)
    tables = [step["precompiled_charsmap"] for step in steps if "precompiled_charsmap" in step]
    if len(tables) > 1:
        raise _refused(fields, "at most one precompiled_charsmap", str(len(tables)))
    for table in tables:
        _check_table(fields, table)
    if isinstance(fields.values.get("model"), dict):
        _check_model(fields, fields.values["model"])
    _check_added(fields)


def steps_of(part: object) -> Iterator[dict[str, Any]]:
    """Go through a part and all that is inside it; templates and vocabularies have no ``type``."""
    if isinstance(part, dict):
        if "type" in part:
            yield part
        for value in part.values():
            yield from steps_of(value)
    elif isinstance(part, list):
        for value in part:
            yield from steps_of(value)


def _refused(fields: Fields, expected: str, found: str) -> TokenizerError:
    return TokenizerError(
        f"{fields.where} asks for more than a tokenizer may cost.", expected=expected, found=found
    )


def _check_pattern(fields: Fields, step: dict[str, Any]) -> None:
    pattern = step["pattern"].get("Regex") if isinstance(step.get("pattern"), dict) else None
    if isinstance(pattern, str) and not is_linear(pattern):
        raise TokenizerError(
            f"{fields.where} has a regular expression that may search for ever.",
            expected="single characters or classes repeated, and nothing after them that could fail",
            found=shown(pattern),
            hint="say it in another way, e.g. as the library's own Strip, WhitespaceSplit or Digits",
        )


def _check_text(fields: Fields, values: dict[str, Any], name: str, most: int = MAX_PREFIX) -> None:
    value = values.get(name)
    if isinstance(value, str) and len(value) > most:
        raise _refused(fields, f"{name} of at most {most:,} characters", f"{len(value):,}")


def _growth(step: dict[str, Any]) -> float:
    """Bound how many times as long a replacement makes a text."""
    match step:
        case {"type": "Replace", "pattern": {"String": str(pattern)}, "content": str(content)} if pattern:
            return max(1.0, len(content.encode("utf-8", "replace")) / len(pattern.encode("utf-8", "replace")))
        case {"type": "Replace", "content": str(content)} if len(content) > 1:
            return 1.0 + len(content.encode("utf-8", "replace"))  # what is empty matches at each character
    return 1.0


def _check_table(fields: Fields, table: object) -> None:
    """Check a table of characters: a search tree, and after it the replacements, each ended by a zero."""
    try:
        data = base64.b64decode(table, validate=True) if isinstance(table, str) else b""
    except (binascii.Error, ValueError) as error:
        raise _refused(fields, "precompiled_charsmap in base64", shown(str(error))) from error
    longest = max(map(len, data[4 + int.from_bytes(data[:4], "little") :].split(b"\0")))
    if longest > MAX_EXPANSION:
        raise _refused(fields, f"at most {MAX_EXPANSION} bytes in the place of a character", f"{longest:,}")


def _check_model(fields: Fields, model: dict[str, Any]) -> None:
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        _check_text(fields, model, name)
    longest = model.get("max_input_chars_per_word")
    if isinstance(longest, int) and longest > MAX_WORD:
        raise _refused(fields, f"max_input_chars_per_word of at most {MAX_WORD:,}", f"{longest:,}")
    if model.get("dropout"):
        raise TokenizerError(
            f"{fields.where} cuts words at random, so a text would get other scores each time.",
            expected="dropout = null",
            found=f"dropout = {shown(model['dropout'])}",
            hint="set dropout to null: it serves training only",
        )
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, dict):
        for piece, number in vocabulary.items():
            _check_piece(fields, piece, number)
    elif isinstance(vocabulary, list):
        for entry in vocabulary:
            _check_piece(fields, entry[0] if isinstance(entry, list) and entry else entry, 0)


def _check_added(fields: Fields) -> None:
    added = fields.values.get("added_tokens")
    for token in added if isinstance(added, list) else []:
        if isinstance(token, dict):
            _check_piece(fields, token.get("content"), token.get("id"))


def _check_piece(fields: Fields, piece: object, number: object) -> None:
    if isinstance(number, int) and not 0 <= number <= MAX_ID:
        raise _refused(fields, f"ids from 0 to {MAX_ID:,}", f"{number:,} ({shown(piece)})")
    if isinstance(piece, str) and len(piece) > MAX_PIECE:
        raise _refused(fields, f"pieces of at most {MAX_PIECE:,} characters", f"one of {len(piece):,}")
