"""Hadoop SequenceFiles of NullWritable and BytesWritable, as ``RDD.saveAsObjectFile`` writes them.

The format is that of ``org.apache.hadoop.io.SequenceFile``, version 6. Spark leaves the values uncompressed
unless the cluster's configuration compresses all output; then each value (record compression) or many
together (block compression) went through a codec. Those codecs are read that Python's standard library knows.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from rubriek.errors import SavedModelError
from rubriek.sparknlp.formats.compression import CODECS, DECOMPRESSION_ERRORS

MAGIC = b"SEQ\x06"
KEY_CLASS = "org.apache.hadoop.io.NullWritable"
VALUE_CLASS = "org.apache.hadoop.io.BytesWritable"
SYNC_SIZE = 16
SYNC_ESCAPE = -1
SYNC_INTERVAL = 2000
"""Bytes between two sync marks when writing, about what Hadoop keeps."""

MOST_BYTES = 4 * 2**20
"""Bytes of one value, or of one compressed block; ten entries of a vocabulary take 400."""
MOST_NAME = 1000
MOST_METADATA = 100


def read_values(stream: BinaryIO, where: str) -> Iterator[bytes]:
    """Read the values of a SequenceFile, one after the other.

    Parameters
    ----------
    stream : binary file
        The file, at its start; it is read once, forwards.
    where : str
        Its name, for error messages.

    Yields
    ------
    bytes
        A value, without BytesWritable's own length.

    Raises
    ------
    SavedModelError
        If the file is none, is truncated or corrupt, holds other classes, is compressed with a codec that is
        not read here, or has a value of more than 4 MiB.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> write_values(file, [b"een", b"twee"])
    >>> _ = file.seek(0)
    >>> list(read_values(file, "an example"))
    [b'een', b'twee']
    """
    return _Reader(stream, where).values()


class _Reader:
    def __init__(self, stream: BinaryIO, where: str) -> None:
        self.stream = stream
        self.where = where

    def wrong(self, expected: str, found: str, *, hint: str | None = None) -> SavedModelError:
        return SavedModelError(
            f"{self.where} is not a SequenceFile as Spark writes it.",
            expected=expected,
            found=found,
            hint=hint,
        )

    def take(self, size: int) -> bytes:
        data = self.stream.read(size)
        if len(data) != size:
            raise self.wrong(f"{size:,} more bytes", f"{len(data):,}, then the end")
        return data

    def integer(self) -> int:
        return int.from_bytes(self.take(4), signed=True)

    def size(self, most: int = MOST_BYTES) -> int:
        size = self.integer()
        if not 0 <= size <= most:
            raise self.wrong(f"a length of at most {most:,}", f"{size:,}")
        return size

    def vint(self) -> int:
        """Hadoop's integer of variable length: a first byte from -112 up is the value itself."""
        first = int.from_bytes(self.take(1), signed=True)
        if first >= -112:
            return first
        negative = first < -120
        number = int.from_bytes(self.take(-(first + (120 if negative else 112))))
        return ~number if negative else number

    def text(self) -> str:
        size = self.vint()
        if not 0 <= size <= MOST_NAME:
            raise self.wrong(f"a text of at most {MOST_NAME} bytes", f"{size:,} bytes")
        return self.take(size).decode("utf-8", "replace")

    def values(self) -> Iterator[bytes]:
        if (magic := self.take(4)) != MAGIC:
            raise self.wrong("'SEQ' and version 6", repr(magic))
        classes = self.text(), self.text()
        if classes != (KEY_CLASS, VALUE_CLASS):
            raise self.wrong(f"{KEY_CLASS} and {VALUE_CLASS}", " and ".join(classes))
        compressed, blocks = (self.take(1) != b"\0" for _ in range(2))
        unpack = self.codec() if compressed else None
        for _ in range(2 * self.size(MOST_METADATA)):
            self.text()
        sync = self.take(SYNC_SIZE)
        return self.blocks(sync, unpack) if blocks and unpack else self.records(sync, unpack)

    def codec(self) -> Callable[[bytes], bytes]:
        name = self.text()
        codec = CODECS.get(name)
        if codec is None:
            raise self.wrong(
                f"no compression, or one of {', '.join(sorted(CODECS))}",
                name,
                hint="save it again with spark.hadoop.mapreduce.output.fileoutputformat.compress=false",
            )

        def unpack(data: bytes) -> bytes:
            try:
                return codec(data, MOST_BYTES)
            except DECOMPRESSION_ERRORS as error:
                raise self.wrong(f"data compressed by {name}", str(error)) from error

        return unpack

    def next(self) -> int | None:
        """Read the next length or escape; None at the end of the file."""
        data = self.stream.read(4)
        if not data:
            return None
        if len(data) != 4:
            raise self.wrong("a length of four bytes", f"{len(data)}, then the end")
        return int.from_bytes(data, signed=True)

    def check(self, sync: bytes) -> None:
        if self.take(SYNC_SIZE) != sync:
            raise self.wrong("the sync mark of the file's head", "another")

    def records(self, sync: bytes, unpack: Callable[[bytes], bytes] | None) -> Iterator[bytes]:
        while (size := self.next()) is not None:
            if size == SYNC_ESCAPE:
                self.check(sync)
                continue
            if not 4 <= size <= MOST_BYTES or self.integer() != 0:
                raise self.wrong(
                    f"a record of 4 to {MOST_BYTES:,} bytes with an empty key", f"{size:,} bytes"
                )
            value = self.take(size)
            yield self.bytes_writable(unpack(value) if unpack else value)

    def bytes_writable(self, data: bytes) -> bytes:
        size = int.from_bytes(data[:4], signed=True)
        if len(data) < 4 or size != len(data) - 4:
            raise self.wrong(f"a value of {max(len(data) - 4, 0):,} bytes", f"a length of {size:,}")
        return data[4:]

    def blocks(self, sync: bytes, unpack: Callable[[bytes], bytes]) -> Iterator[bytes]:
        while (escape := self.next()) is not None:
            if escape != SYNC_ESCAPE:
                raise self.wrong("a sync mark before a block", f"{escape:,}")
            self.check(sync)
            count = self.vint()
            # Lengths of the keys, keys, lengths of the values, values; the keys are empty.
            parts = [self.buffer() for _ in range(4)]
            inner = _Reader(io.BytesIO(unpack(parts[3])), self.where)
            lengths = _Reader(io.BytesIO(unpack(parts[2])), self.where)
            if not 0 <= count <= MOST_BYTES:
                raise self.wrong(f"a block of at most {MOST_BYTES:,} records", f"{count:,}")
            for _ in range(count):
                length = lengths.vint()
                if not 4 <= length <= MOST_BYTES:
                    raise self.wrong(f"a value of 4 to {MOST_BYTES:,} bytes", f"{length:,}")
                yield self.bytes_writable(inner.take(length))

    def buffer(self) -> bytes:
        size = self.vint()
        if not 0 <= size <= MOST_BYTES:
            raise self.wrong(f"a block of at most {MOST_BYTES:,} bytes", f"{size:,}")
        return self.take(size)


def write_values(stream: BinaryIO, values: Iterable[bytes], *, sync: bytes | None = None) -> None:
    """Write an uncompressed SequenceFile.

    Parameters
    ----------
    stream : binary file
        Where to.
    values : iterable of bytes
        The values, each at most 4 MiB.
    sync : bytes, optional
        The sync mark, 16 bytes; random by default, as Hadoop's is.
    """
    sync = sync or os.urandom(SYNC_SIZE)
    head = [MAGIC]
    for name in (KEY_CLASS, VALUE_CLASS):
        head += [bytes([len(name)]), name.encode("ascii")]
    stream.write(b"".join(head) + b"\0\0" + struct.pack(">i", 0) + sync)
    since = 0
    for value in values:
        if since >= SYNC_INTERVAL:
            stream.write(struct.pack(">i", SYNC_ESCAPE) + sync)
            since = 0
        since += stream.write(struct.pack(">iii", len(value) + 4, 0, len(value)) + value)
