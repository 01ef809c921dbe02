"""Batches kept as the engine answers them, so that a stopped run loses seconds and not the part at hand.

A part is thousands of rows, sorted and packed together: with a large model it takes minutes. It must not end
earlier on a slower machine, because the last digits of a score depend on the rows that a text is packed with:
where a part ends follows from the input alone. Instead the logits of every batch are kept until its part is
finished. A run that goes on packs the same rows into the same batches, and takes the logits that it finds.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.engines import Engine

_HEADER = struct.Struct("<16sIId")
_SUM = struct.Struct("<I")


class KeptBatches:
    """An engine that keeps its answers, and does not compute those that an earlier run has kept.

    Parameters
    ----------
    engine : Engine
        What computes.
    folder : Path
        Where batches are kept: in ``batches-NUMBER``, one file for each part that was begun. While a part is
        begun the last batches of the one before may still run, so a file has batches of these two parts.
    part : int
        The first part that is not finished.

    Attributes
    ----------
    taken_rows : int
        Sequences that were answered by an earlier run.
    """

    def __init__(self, engine: Engine, folder: Path, part: int) -> None:
        self.name, self.precision = engine.name, engine.precision
        self.threads, self.token_budget = engine.threads, engine.token_budget
        self.taken_rows = 0
        self._engine = engine
        self._folder = folder
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._taken_seconds = 0.0
        self._kept: dict[bytes, tuple[NDArray[np.float32], float]] = {}
        if part:
            self.finished(part - 1)
        for path in kept_files(folder):
            self._kept.update(_read(path))

    @property
    def parallel(self) -> int:
        """As the engine's own."""
        return self._engine.parallel

    def run(
        self, ids: NDArray[np.int32], mask: NDArray[np.int32], *, alone: bool = False
    ) -> NDArray[np.float32]:
        """Compute logits, or take those of an earlier run."""
        key = _key(ids, mask)
        with self._lock:
            found = self._kept.pop(key, None)
            if found is not None and len(found[0]) == len(ids):
                self.taken_rows += len(ids)
                self._taken_seconds += found[1]
                return found[0]
        start = time.perf_counter()
        logits = np.ascontiguousarray(self._engine.run(ids, mask, alone=alone), dtype="<f4")
        seconds = (time.perf_counter() - start) / (1 if alone else self.parallel)
        header = _HEADER.pack(key, *logits.shape, seconds)
        content = header + logits.tobytes()
        with self._lock:
            if self._file is not None:
                # One write, and no fsync: a record that a power cut tears has a wrong sum and is left out.
                self._file.write(content + _SUM.pack(zlib.crc32(content)))
        return logits

    def begin(self, part: int) -> None:
        """Take that the batches of a part come next."""
        with self._lock:
            self._close()
            self._file = _path(self._folder, part).open("ab", buffering=0)

    def finished(self, part: int) -> None:
        """Forget the batches of a part that is on the disk, and of those before it."""
        for path in kept_files(self._folder):
            if path.name <= _path(self._folder, part).name:
                path.unlink(missing_ok=True)

    def taken_seconds(self) -> float:
        """Return the time that earlier runs needed for what was taken since the last call."""
        with self._lock:
            seconds, self._taken_seconds = self._taken_seconds, 0.0
        return seconds

    def close(self) -> None:
        """Close the file; what is in it stays."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


@contextlib.contextmanager
def keeping(engine: Engine, folder: Path, part: int) -> Iterator[KeptBatches]:
    """Keep the batches of a block."""
    batches = KeptBatches(engine, folder, part)
    try:
        yield batches
    finally:
        batches.close()


def kept_files(folder: Path) -> list[Path]:
    """Return the files of kept batches."""
    return sorted(folder.glob("batches-*"))


def _path(folder: Path, part: int) -> Path:
    return folder / f"batches-{part:06}"


def _key(ids: NDArray[np.int32], mask: NDArray[np.int32]) -> bytes:
    digest = hashlib.blake2b(repr(ids.shape).encode(), digest_size=16)
    for values in (ids, mask):
        digest.update(values.tobytes())
    return digest.digest()


def _read(path: Path) -> Iterator[tuple[bytes, tuple[NDArray[np.float32], float]]]:
    """Yield the whole records of a file, and cut off what a killed run has left behind the last of them."""
    size, whole = path.stat().st_size, 0
    with path.open("rb+") as file:
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            key, rows, labels, seconds = _HEADER.unpack(header)
            length = 4 * rows * labels
            if whole + _HEADER.size + length + _SUM.size > size:
                break
            content = header + file.read(length)
            if file.read(_SUM.size) != _SUM.pack(zlib.crc32(content)):
                break
            whole = file.tell()
            logits = np.frombuffer(content, "<f4", offset=_HEADER.size).reshape(rows, labels)
            yield key, (logits, seconds)
        file.truncate(whole)
