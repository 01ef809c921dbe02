"""Hadoop's checksum files: beside ``part-00000`` a ``.part-00000.crc`` with a CRC-32 for every 512 bytes."""

from __future__ import annotations

import struct
import zlib
from pathlib import PurePosixPath

from rubriek.errors import SavedModelError
from rubriek.sparknlp.formats.files import SavedFiles

MAGIC = b"crc\0"


def check_checksum(files: SavedFiles, name: str) -> None:
    """Compare a file with its checksums, where it has any, as Spark does before it reads it.

    Raises
    ------
    SavedModelError
        If they differ.
    """
    path = PurePosixPath(name)
    beside = (path.parent / f".{path.name}.crc").as_posix()
    if beside not in files.names:
        return
    size = files.size(name)
    # Four bytes for each block of at least one byte.
    stated = files.read(beside, limit=8 + 4 * max(size, 1))
    step = int.from_bytes(stated[4:8])
    if stated[:4] != MAGIC or not step or len(stated) != 8 + 4 * -(-size // step):
        raise _differs(files, name, "a checksum file of another form or length")
    with files.open(name) as stream:
        for (expected,) in struct.iter_unpack(">I", stated[8:]):
            if zlib.crc32(stream.read(step)) != expected:
                raise _differs(files, name, "others")


def _differs(files: SavedFiles, name: str, found: str) -> SavedModelError:
    path = PurePosixPath(name)
    return SavedModelError(
        f"{files.where(name)} is not the file that was saved.",
        expected=f"the checksums in .{path.name}.crc",
        found=found,
        hint="copy it again; if the change was meant, remove the .crc file",
    )
