"""Compressed files: read by what they begin with, written by what their name says."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from rubriek.files.formats import Compression

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2"}

MAX_RATIO = 250
"""Bytes that a byte may grow to, beyond `RATIO_FROM`; text shrinks to a third or a tenth of its size."""
RATIO_FROM = 8 * 2**20


class GrowthError(OSError):
    """A compressed file grows beyond `MAX_RATIO`."""


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading, decompressed.

    The first bytes decide, not the name: browsers and servers decompress on the way and keep the name.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    binary file
        Buffered; not seekable when compressed.
    """
    with path.open("rb") as raw:
        start = raw.peek(4)
        compression = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
        if compression is None:
            yield raw
            return
        with _decompressed(raw, compression) as stream:
            yield io.BufferedReader(_Bounded(stream, raw), 2**17)


def _decompressed(raw: BinaryIO, compression: str) -> Any:
    if compression == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if compression == "bzip2":
        return bz2.BZ2File(raw)
    import pyarrow as pa

    return pa.CompressedInputStream(raw, "zstd")


class _Bounded(io.RawIOBase):
    """What is decompressed, as long as it stays in proportion to what it was."""

    def __init__(self, stream: BinaryIO, raw: BinaryIO) -> None:
        self._stream = stream
        self._raw = raw
        self._grown = 0

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, target: Any) -> int:
        """Read some bytes."""
        data = self._stream.read(len(target))
        self._grown += len(data)
        if self._grown > max(RATIO_FROM, MAX_RATIO * self._raw.tell()):
            raise GrowthError(f"it decompresses to more than {MAX_RATIO} times its size")
        target[: len(data)] = data
        return len(data)


@contextlib.contextmanager
def open_output(stream: BinaryIO, compression: Compression | None) -> Iterator[BinaryIO]:
    """Write through a compression onto an open file, which stays open.

    Parameters
    ----------
    stream : binary file
        Where the compressed bytes go.
    compression : {"gzip", "zstd"} or None
        None writes the bytes as they are.

    Yields
    ------
    binary file
        Takes the bytes to compress. The same bytes always give the same file: no time, no name in it.
    """
    if compression == "gzip":
        with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0) as packed:
            yield cast(BinaryIO, packed)
    elif compression == "zstd":
        import pyarrow as pa

        with pa.CompressedOutputStream(pa.PythonFile(FileView(stream), mode="w"), "zstd") as packed:
            yield cast(BinaryIO, packed)
    else:
        yield stream


class FileView(io.RawIOBase):
    """A view of a file for a writer that closes what it writes to: the file itself stays open.

    Attributes
    ----------
    abandoned : bool
        Set after an error: a writer that still wants to finish its file then writes to nowhere.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.abandoned = False

    def writable(self) -> bool:
        """Tell that this can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Write bytes to the file."""
        return len(data) if self.abandoned else self._stream.write(data)
