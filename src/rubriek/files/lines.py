"""Physical lines of a text file, numbered and bounded, and what is told about a row that cannot be read."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from rubriek.errors import FileError, MalformedRowError
from rubriek.files.compression import GrowthError
from rubriek.files.encodings import encoding_name

#: The longest line and the longest CSV field, in bytes: far above any article, far below what fills a memory.
MAX_LINE = 16 * 2**20
#: How much of a malformed row is written down, in characters; the whole of it is still in the input.
MAX_RAW = 2**16
#: What reading a file may raise: cut off or damaged, whether compressed or not, or of another encoding.
READING_ERRORS = (EOFError, OSError, UnicodeDecodeError, zlib.error)


@dataclass(frozen=True)
class Problem:
    r"""A row that cannot be read.

    Attributes
    ----------
    file : str
        The input as the user named it.
    line : int
        The line that the row begins on, from 1.
    cause : str
        What is wrong with it.
    raw : str
        The row as it stands in the file; bytes that are not UTF-8 are written as ``\xe9``.
    """

    file: str
    line: int
    cause: str
    raw: str

    def to_json(self) -> str:
        r"""Return one line of OUTPUT.errors.jsonl.

        Examples
        --------
        >>> Problem("news.csv", 7, "expected 2 fields, found 3", "a,b,c\n").to_json()
        '{"file": "news.csv", "line": 7, "cause": "expected 2 fields, found 3", "raw": "a,b,c"}'
        """
        raw = self.raw[:MAX_RAW].rstrip("\r\n")
        raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        record = {"file": self.file, "line": self.line, "cause": self.cause, "raw": raw}
        return json.dumps(record, ensure_ascii=False)

    def error(self) -> MalformedRowError:
        """Return the error that stops a run here."""
        hint = (
            "correct the row, or leave such rows out with --on-error skip, which lists them beside the output"
        )
        if self.cause.startswith("byte 0x"):
            hint = "name the file's encoding, e.g. --encoding cp1252, or leave such rows out: --on-error skip"
        return MalformedRowError(f"{self.file}, line {self.line}: {self.cause}", hint=hint)


def unreadable(error: Exception, name: str, line: int) -> FileError:
    """Return what one of `READING_ERRORS` means for the file."""
    if isinstance(error, GrowthError):
        return FileError(f"{name}: {error}.", hint="decompress it first, if it comes from someone you trust")
    if isinstance(error, UnicodeDecodeError):
        return FileError(
            f"{name} cannot be read as {encoding_name(error.encoding)} beyond line {line}.",
            found=error.reason,
            hint="name the encoding of the file, e.g. --encoding cp1252",
        )
    return FileError(
        f"{name} cannot be read beyond line {line}: {error}",
        hint="the file may be cut off or damaged; fetch it again",
    )


class LineTooLongError(Exception):
    """The line just read is longer than `MAX_LINE`; its start is in `Lines.text`."""


class Lines:
    r"""The lines of a text file, one after the other.

    Bytes that are not UTF-8 come through as lone surrogates, so that a row can be taken apart first and
    judged as a whole (`undecodable`). A byte order mark is dropped. Line ends stay.

    Parameters
    ----------
    stream : binary file
        Decompressed bytes.
    name : str
        The file's name for messages.

    Attributes
    ----------
    number : int
        The number of the line just read, from 1; 0 before the first.
    text : str
        The line just read.
    byte_order_mark : bool
        Whether the file began with one; known after the first line.

    Examples
    --------
    >>> import io
    >>> list(Lines(io.BytesIO(b"\xef\xbb\xbfid;tekst\r\n1;goed\n"), "news.csv"))
    ['id;tekst\r\n', '1;goed\n']
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self.name = name
        self.number = 0
        self.text = ""
        self.byte_order_mark = False

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        data = self._read()
        if not data:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            data = self._without_mark(data)
        self.text = data.decode("utf-8", "surrogateescape")
        if len(data) > MAX_LINE:
            while (rest := self._read()) and not rest.endswith(b"\n"):
                pass
            raise LineTooLongError
        return self.text

    def _read(self) -> bytes:
        try:
            return self._stream.readline(MAX_LINE + 1)
        except READING_ERRORS as error:
            raise unreadable(error, self.name, self.number) from error

    def _without_mark(self, data: bytes) -> bytes:
        if data.startswith(b"\xef\xbb\xbf"):
            self.byte_order_mark = True
            return data[3:]
        return data


def undecodable(text: str, encoding: str = "utf-8") -> str | None:
    r"""Say which byte of a text stands for no character, or None when all do.

    Parameters
    ----------
    text : str
        Decoded by `Lines`.
    encoding : str, default "utf-8"
        That of the file.

    Examples
    --------
    >>> undecodable(b"caf\xe9".decode("utf-8", "surrogateescape"))
    'byte 0xe9 is not UTF-8'
    >>> undecodable("café") is None
    True
    """
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        # Surrogates of surrogateescape stand for the bytes 0x80 to 0xff; any other came from a \u escape.
        if 0xDC80 <= code <= 0xDCFF:
            return f"byte 0x{code - 0xDC00:02x} is not {encoding_name(encoding)}"
        return f"\\u{code:04x} is half of a character (a lone surrogate)"
    return None
