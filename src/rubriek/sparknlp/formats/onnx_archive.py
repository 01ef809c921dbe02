"""The archive that holds a saved model's network: a zip with one entry, written in one go by Java.

It is read forwards in one pass, since it often lies inside another zip, where going back costs unpacking
again.
"""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rubriek.errors import SavedModelError
from rubriek.sparknlp.formats.files import MAX_RATIO, RATIO_FROM, SavedFiles

MOST_BYTES = 2**31 - 1
"""Spark NLP reads the network into one Java array."""
CHUNK = 2**20

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
LOCAL, DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
STORED, DEFLATED = 0, 8
ENCRYPTED, SIZES_FOLLOW = 1, 8


@dataclass(frozen=True, slots=True)
class OnnxArchive:
    """The network of a saved model, where it lies.

    Attributes
    ----------
    files : SavedFiles
        The saved model.
    name : str
        The archive among its files.
    """

    files: SavedFiles
    name: str

    def chunks(self) -> Iterator[bytes]:
        """Read the network, the raw ONNX protobuf, piece by piece.

        Raises
        ------
        SavedModelError
            If the archive is corrupt, too large, or holds more than the one entry.
        """
        with self.files.open(self.name) as stream:
            yield from _Entry(stream, self.files.where(self.name)).chunks()

    def read(self) -> bytes:
        """Read the whole network."""
        return b"".join(self.chunks())

    def copy(self, target: Path) -> None:
        """Write the network to a file, the raw ONNX protobuf; the whole of it or nothing."""
        partial = target.with_name(f".{target.name}.partial")
        try:
            with partial.open("wb") as stream:
                for chunk in self.chunks():
                    stream.write(chunk)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


class _Entry:
    """The only entry of a zip, read forwards."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self.stream = stream
        self.where = where
        self.rest = b""  # read already, not used yet
        self.total = 0
        self.sum = 0

    def wrong(self, expected: str, found: str, *, hint: str | None = None) -> SavedModelError:
        return SavedModelError(
            f"{self.where} is not the archive of an ONNX model.", expected=expected, found=found, hint=hint
        )

    def take(self, size: int) -> bytes:
        data = self.rest[:size]
        self.rest = self.rest[size:]
        data += self.stream.read(size - len(data))
        if len(data) != size:
            raise self.wrong(f"{size:,} more bytes", f"{len(data):,}, then the end")
        return data

    def chunks(self) -> Iterator[bytes]:
        head = self.take(LOCAL_HEADER.size)
        mark, _, flags, method, _, _, check, packed, size, name, extra = LOCAL_HEADER.unpack(head)
        if mark != LOCAL or flags & ENCRYPTED or method not in (STORED, DEFLATED):
            raise self.wrong("a zip, stored or deflated, not encrypted", f"{mark!r}, method {method}")
        if method == STORED and flags & SIZES_FOLLOW:
            raise self.wrong("a stored entry's size before it", "none")
        self.take(name + extra)
        yield from self.stored(size) if method == STORED else self.deflated(packed, flags)
        if flags & SIZES_FOLLOW:
            check, size = self.descriptor()
        if self.sum != check or self.total != size:
            raise self.wrong(
                "the checksum and size that it states", "others", hint="download or copy it again"
            )
        if self.take(4) == LOCAL:
            raise self.wrong(
                "one file, the ONNX model",
                "more than one",
                hint="a model with weights in files of their own has to be saved as one file first",
            )

    def counted(self, chunk: bytes) -> bytes:
        self.total += len(chunk)
        self.sum = zlib.crc32(chunk, self.sum)
        if self.total > MOST_BYTES:
            raise self.wrong(f"a model of at most {MOST_BYTES:,} bytes", "more")
        return chunk

    def stored(self, size: int) -> Iterator[bytes]:
        while self.total < size:
            yield self.counted(self.take(min(CHUNK, size - self.total)))

    def deflated(self, packed: int, flags: int) -> Iterator[bytes]:
        engine = zlib.decompressobj(wbits=-15)
        taken = 0
        while not engine.eof:
            data = engine.unconsumed_tail or self.rest or self.stream.read(CHUNK)
            if not engine.unconsumed_tail:
                self.rest = b""
                taken += len(data)
            if not data:
                raise self.wrong("the end of the compressed data", "the end of the file")
            if self.total > RATIO_FROM and self.total > MAX_RATIO * taken:
                raise self.wrong(f"a model compressed at most {MAX_RATIO}-fold", "more")
            try:
                yield self.counted(engine.decompress(data, CHUNK))
            except zlib.error as error:
                raise self.wrong("deflated data", str(error)) from error
        self.rest = engine.unused_data
        if not flags & SIZES_FOLLOW and taken - len(self.rest) != packed:
            raise self.wrong(f"{packed:,} compressed bytes", f"{taken - len(self.rest):,}")

    def descriptor(self) -> tuple[int, int]:
        mark, check, _, size = struct.unpack("<4s3I", self.take(16))
        if mark != DESCRIPTOR:
            raise self.wrong("a data descriptor after the entry", repr(mark))
        return check, size


Onnx = Path | bytes | OnnxArchive
"""A network: a file with the raw ONNX protobuf, its bytes, or the archive of a saved model."""


@contextlib.contextmanager
def open_onnx(onnx: Onnx) -> Iterator[Iterator[bytes]]:
    """Give the raw ONNX protobuf piece by piece, wherever it lies."""
    if isinstance(onnx, OnnxArchive):
        yield onnx.chunks()
        return
    with onnx.open("rb") if isinstance(onnx, Path) else io.BytesIO(onnx) as stream:
        yield iter(lambda: stream.read(CHUNK), b"")


def write_archive(onnx: Onnx, target: Path) -> None:
    """Write the archive of a saved model: level 0, one entry of the archive's own name.

    Raises
    ------
    SavedModelError
        If the network is larger than Spark NLP reads.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=0) as archive:
        size = 0
        with archive.open(target.name, "w") as stream, open_onnx(onnx) as chunks:
            for chunk in chunks:
                size += stream.write(chunk)
                if size > MOST_BYTES:
                    raise SavedModelError(
                        "The model is larger than Spark NLP reads.",
                        expected=f"at most {MOST_BYTES:,} bytes",
                        found="more",
                    )
