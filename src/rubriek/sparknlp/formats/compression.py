"""Hadoop's compression codecs, as far as Python's library knows them, with a limit on what comes out."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable

DECOMPRESSION_ERRORS = (zlib.error, OSError, EOFError, ValueError)
"""What the functions below raise over data that is corrupt, ends early, or grows beyond the limit."""


def inflate(data: bytes, limit: int) -> bytes:
    """Decompress zlib or gzip, whichever it is.

    Examples
    --------
    >>> inflate(zlib.compress(b"nieuws"), 10)
    b'nieuws'
    """
    engine = zlib.decompressobj(wbits=32 + 15)
    return _whole(engine.decompress(data, limit + 1), limit, ended=engine.eof)


def unpack_bzip2(data: bytes, limit: int) -> bytes:
    """Decompress bzip2."""
    engine = bz2.BZ2Decompressor()
    return _whole(engine.decompress(data, limit + 1), limit, ended=engine.eof)


def _whole(found: bytes, limit: int, *, ended: bool) -> bytes:
    if len(found) > limit:
        raise ValueError(f"more than {limit:,} bytes after decompression")
    if not ended:
        raise EOFError("the compressed data ends early")
    return found


Decompress = Callable[[bytes, int], bytes]

CODECS: dict[str, Decompress] = {
    "org.apache.hadoop.io.compress.DefaultCodec": inflate,
    "org.apache.hadoop.io.compress.DeflateCodec": inflate,
    "org.apache.hadoop.io.compress.GzipCodec": inflate,
    "org.apache.hadoop.io.compress.BZip2Codec": unpack_bzip2,
}
"""By the class that a SequenceFile names."""

SUFFIXES: dict[str, Decompress] = {".deflate": inflate, ".gz": inflate, ".bz2": unpack_bzip2}
"""By the suffix that text files get."""
