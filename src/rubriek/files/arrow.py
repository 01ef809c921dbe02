"""Parquet and Arrow IPC (Feather) files, columns and types as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from rubriek.errors import FileError
from rubriek.files.formats import Format
from rubriek.files.sources import CHUNK_ROWS, Layout, OnProblem, Survey, unique_names
from rubriek.frames import gathered
from rubriek.text_columns import ColumnType

#: A table is closed early when its columns hold this many bytes; as `CHUNK_CHARACTERS` for text files.
CHUNK_BYTES = 4 * 2**20


class BinarySource:
    """An input whose format carries its own types, so no single row of it can be malformed.

    Raises
    ------
    FileError
        If the file is damaged or of another format.
    """

    format: Format
    layout = Layout()
    columns: Mapping[str, ColumnType]

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        try:
            self._schema: pa.Schema = self._read_schema()
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        unique_names(self._schema.names, name)
        self.columns = {field.name: field.type for field in self._schema}

    @abstractmethod
    def _read_schema(self) -> pa.Schema: ...

    @abstractmethod
    def _count(self) -> int: ...

    @abstractmethod
    def _batches(self) -> Iterator[pa.RecordBatch]: ...

    def survey(self, text_columns: Sequence[str], on_problem: OnProblem) -> Survey:
        """Return the number of rows and the columns."""
        try:
            return Survey(self._count(), self._schema)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def tables(self, survey: Survey, text_columns: Sequence[str], *, start: int = 0) -> Iterator[pa.Table]:
        """Yield the rows from row ``start`` on, in order, as tables of at most `CHUNK_ROWS` rows."""
        for table in gathered(self._batches_from(start), rows=CHUNK_ROWS, size=CHUNK_BYTES):
            yield table.replace_schema_metadata(self._schema.metadata)

    def _batches_from(self, start: int) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches():
                yield batch.slice(start)
                start = max(0, start - batch.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> FileError:
        return FileError(
            f"{self.name} cannot be read as {self.format}.",
            expected=f"a whole {self.format} file",
            found=str(error).splitlines()[0],
            hint="the file may be cut off or of another format (--input-format)",
        )


class ParquetSource(BinarySource):
    """A Parquet file."""

    format: Format = "parquet"

    def _read_schema(self) -> pa.Schema:
        import pyarrow.parquet as pq

        return pq.read_schema(self.path)

    def _count(self) -> int:
        import pyarrow.parquet as pq

        return int(pq.read_metadata(self.path).num_rows)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(batch_size=CHUNK_ROWS)


class ArrowSource(BinarySource):
    """An Arrow IPC file (Feather version 2) or an Arrow IPC stream."""

    format: Format = "arrow"

    def _read_schema(self) -> pa.Schema:
        with self._open() as reader:
            return reader.schema

    def _count(self) -> int:
        return sum(batch.num_rows for batch in self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self._open() as reader:
            if isinstance(reader, pa.RecordBatchFileReader):
                yield from map(reader.get_batch, range(reader.num_record_batches))
            else:
                yield from reader

    def _open(self) -> Any:
        with self.path.open("rb") as file:
            is_file = file.read(6) == b"ARROW1"
        source = pa.memory_map(str(self.path))
        return pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
