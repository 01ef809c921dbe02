"""What a text file is encoded in: found by its bytes or named by the user; from there on it is UTF-8."""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO, cast

from rubriek.errors import OptionError

BLOCK = 2**20
"""The first block with anything but ASCII decides, in bytes."""

_MARKS = {
    # That of UTF-32 begins with that of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_NAMES = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}


def known_encoding(name: str) -> str:
    """Return the name by which Python knows an encoding.

    Raises
    ------
    OptionError
        If there is no such encoding of text.

    Examples
    --------
    >>> known_encoding("Windows-1252"), known_encoding("UTF8"), known_encoding("latin-1")
    ('cp1252', 'utf-8', 'iso8859-1')
    """
    try:
        found = codecs.lookup(name)
        if not found._is_text_encoding:
            raise LookupError(name)
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError) as error:
        raise OptionError(
            f"There is no encoding {name[:80]!r}.", expected="a name like utf-8, cp1252, latin-1 or utf-16"
        ) from error
    return "utf-8" if found.name == "utf-8-sig" else found.name


def encoding_name(encoding: str) -> str:
    """Return what messages call an encoding.

    Examples
    --------
    >>> encoding_name("cp1252"), encoding_name("utf-16-le")
    ('Windows-1252', 'UTF-16-LE')
    """
    return _NAMES.get(encoding, encoding.upper())


def found_encoding(stream: BinaryIO) -> str:
    r"""Find the encoding of a text: UTF-8 wherever its bytes allow that.

    Parameters
    ----------
    stream : binary file
        Read from its beginning up to the first block that is not ASCII.

    Examples
    --------
    >>> [found_encoding(io.BytesIO("café\n".encode(e))) for e in ("utf-8", "cp1252", "utf-16", "utf-16-be")]
    ['utf-8', 'cp1252', 'utf-16-le', 'utf-16-be']
    """
    block = stream.read(BLOCK)
    for mark, encoding in _MARKS.items():
        if block.startswith(mark):
            return encoding
    if unmarked := _unmarked_utf16(block[:4096]):
        return unmarked
    while block.isascii() and block:
        block = stream.read(BLOCK)
    return "cp1252" if _is_windows(block) else "utf-8"


def _unmarked_utf16(start: bytes) -> str | None:
    """Find UTF-16 without a mark: every other byte of most western text is zero."""
    pairs = len(start) // 2
    if pairs < 2:
        return None
    even, odd = start[: 2 * pairs : 2].count(0), start[1 : 2 * pairs : 2].count(0)
    if start[0] and not start[1] and odd > 0.7 * pairs and even < 0.1 * pairs:
        return "utf-16-le"
    if start[1] and not start[0] and even > 0.7 * pairs and odd < 0.1 * pairs:
        return "utf-16-be"
    return None


def _is_windows(block: bytes) -> bool:
    """Tell Windows-1252 from UTF-8 with a damaged byte here and there."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(block)  # a character may go on in the next block
    except UnicodeDecodeError:
        others, characters = _UTF8_CHARACTER.subn(b"", block)
        strays = len(others.translate(None, bytes(range(128))))
        return strays > 10 * characters and not _CONTROL.search(block) and _decodes(block, "cp1252")
    return False


def _decodes(block: bytes, encoding: str) -> bool:
    try:
        block.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def as_utf8(stream: BinaryIO, encoding: str) -> BinaryIO:
    """Read a text of another encoding as UTF-8; a byte that stands for nothing stays, and is found later."""
    return stream if encoding == "utf-8" else cast(BinaryIO, io.BufferedReader(_Recoded(stream, encoding)))


class _Recoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        self._recoded = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        while not self._recoded and not self._ended:
            data = self._stream.read(2**16)
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            self._recoded = text.encode("utf-8", "surrogateescape")
        count = min(len(target), len(self._recoded))
        target[:count], self._recoded = self._recoded[:count], self._recoded[count:]
        return count
