"""Outputs: tables of rows, written one after the other onto an open file."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from rubriek.errors import FileError
from rubriek.files.compression import FileView, open_output
from rubriek.files.formats import Compression, Format
from rubriek.files.json_text import cells, json_texts
from rubriek.files.jsonl import NUMBER_COLUMN
from rubriek.files.sources import Layout

_ROW_GROUP = 65_536


class Sink(Protocol):
    """Takes tables of one schema."""

    def write(self, table: pa.Table) -> None:
        """Write some rows."""
        ...


@contextlib.contextmanager
def open_sink(
    stream: BinaryIO,
    schema: pa.Schema,
    format: Format,
    *,
    compression: Compression | None = None,
    layout: Layout | None = None,
) -> Iterator[Sink]:
    r"""Write tables onto an open file, which stays open.

    Parameters
    ----------
    stream : binary file
        Where the bytes go; need not be seekable.
    schema : pa.Schema
        The columns of every table.
    format : {"csv", "tsv", "jsonl", "parquet", "arrow"}
        In CSV and TSV lists and structs are written as JSON; JSONL nests them; Parquet and Arrow keep types.
    compression : {"gzip", "zstd"}, optional
        Over the whole file; text formats only.
    layout : Layout, optional
        Delimiter and byte order mark of a CSV; default ``,`` without a mark.

    Yields
    ------
    Sink
        The file is complete when the block ends. Equal tables give equal bytes.

    Raises
    ------
    FileError
        If the format cannot hold a column's type.

    Examples
    --------
    >>> import io
    >>> table = pa.table({"text": ["a, b", None], "score": pa.array([0.9, None], pa.float32())})
    >>> with open_sink(stream := io.BytesIO(), table.schema, "csv") as sink:
    ...     sink.write(table)
    >>> stream.getvalue()
    b'text,score\n"a, b",0.9\n,\n'
    """
    with (
        open_output(stream, compression) as packed,
        _sink(packed, schema, format, layout or Layout()) as sink,
    ):
        yield sink


@contextlib.contextmanager
def _sink(stream: BinaryIO, schema: pa.Schema, format: Format, layout: Layout) -> Iterator[Sink]:
    if format == "jsonl":
        yield _JsonlSink(stream)
    elif format == "csv":
        yield _DelimitedSink(stream, schema, layout.delimiter, layout.byte_order_mark)
    elif format == "tsv":
        yield _DelimitedSink(stream, schema, "\t", layout.byte_order_mark)
    elif format == "lines":
        raise FileError(
            "Plain lines cannot hold results.", expected="csv, tsv, jsonl, parquet or arrow", found="lines"
        )
    else:
        try:
            with (_ParquetSink if format == "parquet" else _ArrowSink)(stream, schema) as sink:
                yield sink
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise FileError(
                f"A column cannot be written as {format}: {error}", hint="choose another --format"
            ) from error


class _DelimitedSink:
    def __init__(self, stream: BinaryIO, schema: pa.Schema, delimiter: str, byte_order_mark: bool) -> None:
        self._stream = stream
        self._delimiter = delimiter
        # Any kind of line end inside a value has to be quoted, and the csv module leaves \r out.
        self._special = re.compile(f'["\r\n{delimiter}]')
        header = self._line(tuple(schema.names))
        stream.write((b"\xef\xbb\xbf" if byte_order_mark else b"") + header.encode())

    def write(self, table: pa.Table) -> None:
        columns = [cells(table[i].combine_chunks(), table.field(i)) for i in range(table.num_columns)]
        self._stream.write("".join(map(self._line, zip(*columns, strict=True))).encode())

    def _line(self, values: tuple[str, ...]) -> str:
        search = self._special.search
        quoted = ['"' + value.replace('"', '""') + '"' if search(value) else value for value in values]
        # A line of one empty value would be blank, and a blank line is no row.
        return (self._delimiter.join(quoted) or '""') + "\n"


class _JsonlSink:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, table: pa.Table) -> None:
        names = json_texts(pa.array(table.column_names, pa.string()), pa.field("name", pa.string()))
        columns = [json_texts(table[i].combine_chunks(), table.field(i)) for i in range(table.num_columns)]
        form = "{" + ", ".join(name.replace("{", "{{").replace("}", "}}") + ": {}" for name in names)
        form = form.replace("{", "{{", 1) + "}}\n"
        self._stream.write("".join(form.format(*row) for row in zip(*columns, strict=True)).encode())


class _ArrowSink:
    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._view = FileView(stream)
        self._writer = self._open(pa.PythonFile(self._view, mode="w"), _typed(schema.empty_table()).schema)

    def __enter__(self) -> _ArrowSink:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._view.abandoned = kind is not None
        self._finish()

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(_typed(table))

    def _open(self, file: pa.PythonFile, schema: pa.Schema) -> Any:
        return pa.ipc.new_file(file, schema)

    def _finish(self) -> None:
        self._writer.close()


def _typed(table: pa.Table) -> pa.Table:
    """Turn numbers that are carried as they were spelled into numbers."""
    for i, field in enumerate(table.schema):
        if field.metadata == NUMBER_COLUMN:
            numbers = [None if text is None else float(text) for text in table[i].to_pylist()]
            table = table.set_column(i, field.name, pa.array(numbers, pa.float64()))
    return table


class _ParquetSink(_ArrowSink):
    """Gathers small tables into row groups of a size that readers are made for."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        super().__init__(stream, schema)
        self._pending: list[pa.Table] = []

    def _open(self, file: pa.PythonFile, schema: pa.Schema) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(file, schema, compression="zstd")

    def write(self, table: pa.Table) -> None:
        self._pending.append(_typed(table))
        if sum(pending.num_rows for pending in self._pending) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(pa.concat_tables(self._pending), row_group_size=2 * _ROW_GROUP)
            self._pending = []

    def _finish(self) -> None:
        self._flush()
        super()._finish()
