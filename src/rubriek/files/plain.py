"""Plain text: every line is one text, an empty one too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import pyarrow as pa

from rubriek.files.formats import Format
from rubriek.files.lines import MAX_LINE, Lines, LineTooLongError, Problem, undecodable
from rubriek.files.sources import Row, TextSource
from rubriek.text_columns import ColumnType


class LinesSource(TextSource):
    """A file of texts, one a line, in the column ``text``; row n of the output is line n of the input.

    Parameters
    ----------
    path : Path
        The file; gzip and zstd are decompressed.
    name : str
        Its name in messages.
    """

    format: Format = "lines"
    columns: Mapping[str, ColumnType] = MappingProxyType({"text": pa.string()})

    def _rows(self, lines: Lines) -> Iterator[Row | Problem]:
        while True:
            try:
                text = next(lines)
            except StopIteration:
                return
            except LineTooLongError:
                cause = f"the line is longer than {MAX_LINE // 2**20} MiB"
                yield Problem(lines.name, lines.number, cause, lines.text)
            else:
                yield Row(lines.number, text.removesuffix("\n").removesuffix("\r"), text)

    def _cause(self, row: Row, text_columns: Sequence[str]) -> str | None:
        return undecodable(row.values)

    def _schema(self, rows: Iterable[Row]) -> tuple[int, pa.Schema]:
        return sum(1 for _ in rows), pa.schema([("text", pa.string())])

    def _table(self, rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
        return pa.table([pa.array([row.values for row in rows], pa.string())], schema=schema)
