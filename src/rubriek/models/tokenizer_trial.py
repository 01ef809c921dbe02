"""Tries a tokenizer in a process of its own, and remembers the ones that passed.

The tokenizers library panics on some files; on others it aborts the process, fills the memory or never
returns. Whatever `tokenizer_rules` does not read off the file shows there, where nothing else is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rubriek
from rubriek import settings
from rubriek.child_process import ChildFailure, run_limited
from rubriek.errors import TokenizerError
from rubriek.models import checks
from rubriek.models.checks import Fields
from rubriek.models.tokenizer_rules import check_rules

MARKS = "tokenizers"
"""The folder of the cache with an empty file for each tokenizer that passed.

Not rubriek.json: whoever makes a bundle for others writes that, and could claim anything."""

MAX_SECONDS = 20
MAX_MEGABYTES = 500
MAX_MEGABYTES_A_MEGABYTE = 25
"""Memory for each megabyte of the file; a Unigram of 250,000 pieces takes 15."""

LONG = 10_000
"""Characters of the long texts that are tried; a step whose time grows with their square is found out."""
SAMPLES = (
    "",
    "a",
    "De Tweede Kamer stemde dinsdag over artikel 12b (nieuw); 'té laat', vond men.",
    "Ünïcödé ﬁ ﷺ ½ ① ｱ ℡ İ ß Σς e\u0301 中文字 日本語 한국어 ไทย हिन्दी العربية עברית 👩‍👩‍👧 \U0001d573",
    "\x00\x01\x7f\xad\u200b\u2028\ufeff\ufffd\ue000\U000e0001\U0010ffff \t\r\n\xa0\u3000",
    "[PAD] [UNK] [CLS] [SEP] [MASK] <s> </s> <unk> <pad> <mask>",
    *(sign * LONG for sign in ("a", "A", " ", "1", ".", "\n", "é", "中", "ab ", "a. ", "\u0301")),
)

AGAIN = "save it again with tokenizer.save_pretrained(folder)"


def load(data: bytes, where: str) -> Any:  # a Tokenizer
    """Make a tokenizer of the content of a tokenizer.json, after a trial if it is a new one.

    Parameters
    ----------
    data : bytes
        The content.
    where : str
        The file, for messages.

    Returns
    -------
    tokenizers.Tokenizer

    Raises
    ------
    TokenizerError
        If it is damaged, asks for too much, or does not pass its trial.
    """
    from tokenizers import Tokenizer

    if not _is_ours(where) and not is_marked(data):
        _try(data, where)
    with panics_refused(f"{where} is damaged, or no tokenizer.", hint=AGAIN):
        return Tokenizer.from_str(data.decode("utf-8"))


def _is_ours(where: str) -> bool:
    return Path(where).is_relative_to(Path(rubriek.__file__).parent)


def _try(data: bytes, where: str) -> None:
    check_rules(Fields(checks.parse_object(data, where, TokenizerError), where, TokenizerError))
    try:
        run_limited(
            f"{__name__}.try_out",
            data.decode("utf-8"),
            seconds=MAX_SECONDS,
            megabytes=MAX_MEGABYTES + MAX_MEGABYTES_A_MEGABYTE * len(data) // 10**6,
        )
    except ChildFailure as error:
        raise TokenizerError(
            f"{where} is damaged, or no tokenizer.", found=error.found, hint=AGAIN
        ) from error
    mark(data)


def try_out(text: str) -> None:
    """Do with a tokenizer what is done with it later; runs in a process of its own."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for sample in SAMPLES:
        tokenizer.encode(sample, add_special_tokens=False)
        tokenizer.encode(sample[:100])
    tokenizer.get_vocab(with_added_tokens=True)
    tokenizer.to_str()


def mark(data: bytes) -> None:
    """Remember a tokenizer that needs no trial: it passed one, or all of its parts are rubriek's own."""
    file = _mark_of(data)
    with contextlib.suppress(OSError):  # in a cache that cannot be written each process tries anew
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def is_marked(data: bytes) -> bool:
    """Tell whether a tokenizer needs no trial."""
    return any(_mark_of(data, home).is_file() for home in settings.cache_folders())


def _mark_of(data: bytes, home: Path | None = None) -> Path:
    import tokenizers

    # Another version of the library may fail where this one does not.
    version = json.dumps([tokenizers.__version__, rubriek.__version__]).encode()
    return (home or settings.cache_folder()) / MARKS / hashlib.sha256(version + data).hexdigest()


@contextlib.contextmanager
def panics_refused(message: str, *, hint: str | None = None) -> Iterator[None]:
    """Raise `TokenizerError` for whatever the tokenizers library raises or panics with in the block."""
    try:
        yield
    except TokenizerError:
        raise
    except Exception as error:  # the library raises bare Exception
        raise TokenizerError(message, found=checks.shown(str(error)), hint=hint) from error
    except BaseException as error:
        # A panic is no Exception, so that nobody catches it by mistake.
        if type(error).__name__ != "PanicException":
            raise
        raise TokenizerError(message, found=checks.shown(str(error)), hint=hint) from error
