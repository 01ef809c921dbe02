"""The folder of a job: what was asked for, and the parts that are finished."""

from __future__ import annotations

import glob
import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from rubriek import strict_json
from rubriek.jobs.batches import kept_files
from rubriek.jobs.disk import move, replacing
from rubriek.jobs.manifest import check_same, damaged, read_record
from rubriek.statistics import Statistics

_KEY = b"rubriek.part"
_ARROW_END = b"ARROW1"
"""What an Arrow file ends with; behind it stands the checksum of the part."""
_SUM_BYTES = 32


@dataclass(frozen=True)
class Part:
    """A finished part.

    Attributes
    ----------
    path : Path
        An Arrow IPC file with the input's columns and the result columns.
    rows : int
        How many rows it holds.
    statistics : Statistics
        What its rows took.
    """

    path: Path
    rows: int
    statistics: Statistics


class JobFolder:
    """``OUTPUT.job``: ``manifest.json`` with what was asked for, and an Arrow file for each finished part.

    A part takes its name only when it is on the disk, and carries its own count, statistics and checksum. So
    the names in the folder are the record of what is done, and there is no second record that could
    contradict them. Of parts that are begun and not finished the batches are kept (`rubriek.jobs.batches`).

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, manifest: Mapping[str, Any], *, restart: bool) -> list[Part]:
        """Start a job, or go on with the one that is there.

        Parameters
        ----------
        manifest : mapping
            All that the output depends on, as JSON values.
        restart : bool
            Throw away what is there.

        Returns
        -------
        list of Part
            The parts that are finished, in order.

        Raises
        ------
        JobError
            If what is there was asked for differently, or is damaged.
        """
        file = self._manifest
        clear_removed(self.path)
        if restart:
            # First, so that parts never lie under a manifest that is not theirs.
            file.unlink(missing_ok=True)
        if file.exists() and self._holds_work():
            check_same(self.path, read_record(file), manifest)
            return list(self._parts())
        for path in (*self.path.glob("part-*"), *kept_files(self.path)):
            path.unlink()
        with replacing(file) as stream:
            stream.write(json.dumps(manifest, ensure_ascii=False, indent=2).encode())
        return []

    def add(self, number: int, table: pa.Table, statistics: Statistics) -> Part:
        """Write a finished part to the disk."""
        record = json.dumps({"rows": table.num_rows, "statistics": statistics.to_dict()})
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: record.encode()})
        # Into memory first: an error of the disk then comes from a plain write, and says what it is.
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_file(buffer, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        content = buffer.getvalue()
        path = self._part_path(number)
        with replacing(path) as stream:
            stream.write(content)
            stream.write(_checksum(content))
        return Part(path, table.num_rows, statistics)

    def read(self, part: Part) -> pa.Table:
        """Return the rows of a part.

        Raises
        ------
        JobError
            If it is not what was written.
        """
        table = self._table(part.path)
        metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key != _KEY}
        return table.replace_schema_metadata(metadata or None)

    def remove_if_empty(self) -> None:
        """Remove the folder unless it holds work."""
        if self.path.exists() and not self._holds_work():
            remove(self.path)

    @property
    def _manifest(self) -> Path:
        return self.path / "manifest.json"

    def _holds_work(self) -> bool:
        return self._part_path(0).exists() or any(path.stat().st_size for path in kept_files(self.path))

    def _parts(self) -> Iterator[Part]:
        number = 0
        while (path := self._part_path(number)).exists():
            table = self._table(path)
            try:
                record = strict_json.parse(table.schema.metadata[_KEY])
                rows, statistics = int(record["rows"]), Statistics.from_dict(record["statistics"])
            except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
                raise damaged(path, error) from error
            if rows != table.num_rows:
                raise damaged(path, f"{table.num_rows} rows where {rows} were written")
            yield Part(path, rows, statistics)
            number += 1

    def _table(self, path: Path) -> pa.Table:
        """Read a part as it was written. One of rubriek 0.1.0 may have no checksum: it ends as Arrow does."""
        content = path.read_bytes()
        if not content.endswith(_ARROW_END):
            content, found = content[:-_SUM_BYTES], content[-_SUM_BYTES:]
            if found != _checksum(content):
                raise damaged(path, "its checksum does not match")
        try:
            with pa.ipc.open_file(content) as reader:
                table = reader.read_all()
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise damaged(path, error) from error
        return table

    def _part_path(self, number: int) -> Path:
        return self.path / f"part-{number:06}.arrow"


def remove(folder: Path) -> None:
    """Remove the folder of a job; another process sees it whole or not at all."""
    gone = folder.with_name(f"{folder.name}.done-{secrets.token_hex(4)}")
    move(folder, gone)
    shutil.rmtree(gone, ignore_errors=True)  # another process may be clearing it away already


def clear_removed(folder: Path) -> None:
    """Remove what processes have left that were killed while they removed the folder of a job."""
    for gone in folder.parent.glob(f"{glob.escape(folder.name)}.done-*"):
        shutil.rmtree(gone, ignore_errors=True)


def _checksum(content: bytes | pa.Buffer) -> bytes:
    return hashlib.blake2b(content, digest_size=_SUM_BYTES).digest()
