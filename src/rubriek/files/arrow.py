"""Parquet and Arrow IPC (Feather) files, columns and types as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from rubriek.errors import FileError
from rubriek.files import table_reader
from rubriek.files.first_bytes import check_kind
from rubriek.files.formats import Format
from rubriek.files.lines import MAX_LINE
from rubriek.files.sources import Layout, OnProblem, Survey, check_names, chunk_rows
from rubriek.frames import gathered
from rubriek.text_columns import ColumnType

#: A table is closed early when its columns hold this many bytes; as `CHUNK_CHARACTERS` for text files.
CHUNK_BYTES = 4 * 2**20
#: Of a list and a string in a Parquet footer: their lengths are claimed there before any byte of them.
MAX_FOOTER_ENTRIES, MAX_FOOTER_STRING = 100_000, 16 * 2**20


class BinarySource:
    """An input whose format carries its own types, so no single row of it can be malformed.

    Only its schema is read in this process, with bounds; its rows come through `table_reader`.

    Raises
    ------
    FileError
        If the file is damaged or of another format.
    """

    format: Format
    layout = Layout()
    encoding = None
    notes: tuple[str, ...] = ()
    columns: Mapping[str, ColumnType]

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        with path.open("rb") as file:
            check_kind(file.read(64), self.format, name)
        try:
            self._schema: pa.Schema = self._read_schema()
            names = self._schema.names
        except UnicodeDecodeError as error:
            raise self._damaged("the name of a column is not UTF-8") from error
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(str(error)) from error
        check_names(names, name)
        self.columns = {field.name: field.type for field in self._schema}

    @abstractmethod
    def _read_schema(self) -> pa.Schema: ...

    def survey(self, text_columns: Sequence[str], on_problem: OnProblem) -> Survey:
        """Read every row once; return their number and the columns."""
        rows = 0
        for batch in self._batches_from(0):
            for name in text_columns:
                texts = batch.column(name).cast(pa.large_string())
                longest = pc.max(pc.binary_length(texts)).as_py() or 0
                if longest > MAX_LINE:
                    raise FileError(
                        f"{self.name} has a text of {longest / 2**20:,.0f} MiB in the column {name!r}, after "
                        f"row {rows}.",
                        expected=f"texts of at most {MAX_LINE // 2**20} MiB",
                    )
            rows += batch.num_rows
        return Survey(rows, self._schema)

    def tables(self, survey: Survey, text_columns: Sequence[str], *, start: int = 0) -> Iterator[pa.Table]:
        """Yield the rows from row ``start`` on, in order, as tables of bounded size."""
        rows = chunk_rows(len(self._schema))
        for table in gathered(self._batches_from(start), rows=rows, size=CHUNK_BYTES):
            yield table.replace_schema_metadata(self._schema.metadata)

    def _batches_from(self, start: int) -> Iterator[pa.RecordBatch]:
        try:
            for batch in table_reader.batches(self.path, self.format):
                if batch.schema != self._schema:  # an Arrow file says it twice
                    raise self._damaged("its parts name different columns")
                yield batch.slice(start)
                start = max(0, start - batch.num_rows)
        except table_reader.TableReaderError as error:
            if error.over_limit:
                raise FileError(f"{self.name} is too large to be read: {error}.") from error
            raise self._damaged(str(error)) from error

    def _damaged(self, cause: str) -> FileError:
        return FileError(
            f"{self.name} cannot be read as {self.format}.",
            expected=f"a whole {self.format} file",
            found=cause.splitlines()[0] if cause else None,
            hint="the file may be cut off or of another format (--input-format)",
        )


class ParquetSource(BinarySource):
    """A Parquet file."""

    format: Format = "parquet"

    def _read_schema(self) -> pa.Schema:
        import pyarrow.parquet as pq

        with pq.ParquetFile(
            self.path,
            thrift_container_size_limit=MAX_FOOTER_ENTRIES,
            thrift_string_size_limit=MAX_FOOTER_STRING,
        ) as file:
            return file.schema_arrow


class ArrowSource(BinarySource):
    """An Arrow IPC file (Feather version 2) or an Arrow IPC stream."""

    format: Format = "arrow"

    def _read_schema(self) -> pa.Schema:
        # Not mapped: a map of a file that is cut off meanwhile ends the process.
        with pa.OSFile(str(self.path)) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            with (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source) as reader:
                return reader.schema
