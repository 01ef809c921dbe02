"""What every input gives: its columns, a survey of all rows before any work, then tables of rows in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from rubriek.errors import FileError
from rubriek.files.compression import open_input
from rubriek.files.formats import Format
from rubriek.files.lines import Lines, Problem
from rubriek.text_columns import ColumnType

#: Rows of one table: enough to sort by length with hardly any padding, few enough to lose little work.
CHUNK_ROWS = 4096
#: A table is closed early when its rows hold this many characters, some 1,400 articles. A job that is killed
#: loses the table at hand, which should not be a quarter of an hour's work, even of a large model.
CHUNK_CHARACTERS = 4 * 2**20

OnProblem = Callable[[Problem], None]


@dataclass(frozen=True)
class Survey:
    """What one pass over an input found.

    Attributes
    ----------
    rows : int
        How many rows can be read.
    schema : pa.Schema
        The columns and their types, the same for every table of the input.
    """

    rows: int
    schema: pa.Schema


@dataclass(frozen=True)
class Layout:
    """How a delimited file is laid out, so that an output can be laid out likewise."""

    delimiter: str = ","
    byte_order_mark: bool = False


class Source(Protocol):
    """An input.

    Attributes
    ----------
    name : str
        As the user named it.
    path : Path
        Where it lies.
    format : Format
        What it is.
    columns : Mapping[str, ColumnType]
        The columns in order, and their types.
    layout : Layout
        Of a delimited file; the default for others.
    """

    name: str
    path: Path
    format: Format
    columns: Mapping[str, ColumnType]
    layout: Layout

    def survey(self, text_columns: Sequence[str], on_problem: OnProblem) -> Survey:
        """Read every row once, and hand each that cannot be read to ``on_problem``."""
        ...

    def tables(self, survey: Survey, text_columns: Sequence[str], *, start: int = 0) -> Iterator[pa.Table]:
        """Yield the readable rows from row ``start`` on, in order, as tables of at most `CHUNK_ROWS` rows."""
        ...


class Row(NamedTuple):
    """One row of a text file: the line it begins on, its values, and its text as it stands in the file."""

    line: int
    values: Any
    raw: str


class TextSource(ABC):
    """An input read line by line; a format adds how rows are found, judged and turned into columns."""

    format: Format
    columns: Mapping[str, ColumnType]

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.layout = Layout()

    @abstractmethod
    def _rows(self, lines: Lines) -> Iterator[Row | Problem]:
        """Yield each row, or why it is none."""

    @abstractmethod
    def _cause(self, row: Row, text_columns: Sequence[str]) -> str | None:
        """Say what is wrong with a row, or None."""

    @abstractmethod
    def _schema(self, rows: Iterable[Row]) -> tuple[int, pa.Schema]:
        """Consume all rows; return their number and the columns."""

    @abstractmethod
    def _table(self, rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
        """Turn rows into columns."""

    def survey(self, text_columns: Sequence[str], on_problem: OnProblem) -> Survey:
        """Read every row once, and hand each that cannot be read to ``on_problem``."""
        return Survey(*self._schema(self._readable(text_columns, on_problem)))

    def tables(self, survey: Survey, text_columns: Sequence[str], *, start: int = 0) -> Iterator[pa.Table]:
        """Yield the readable rows from row ``start`` on, in order, as tables of at most `CHUNK_ROWS` rows."""
        rows: list[Row] = []
        characters = 0
        for number, row in enumerate(self._readable(text_columns, lambda problem: None)):
            if number < start:
                continue
            rows.append(row)
            characters += len(row.raw)
            if len(rows) == CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
                yield self._table(rows, survey.schema)
                rows, characters = [], 0
        if rows:
            yield self._table(rows, survey.schema)

    def _readable(self, text_columns: Sequence[str], on_problem: OnProblem) -> Iterator[Row]:
        with open_input(self.path) as stream:
            for row in self._rows(Lines(stream, self.name)):
                if isinstance(row, Problem):
                    on_problem(row)
                elif cause := self._cause(row, text_columns):
                    on_problem(Problem(self.name, row.line, cause, row.raw))
                else:
                    yield row


def unique_names(names: Sequence[str], source: str) -> None:
    """Refuse two columns of one name.

    Raises
    ------
    FileError
        With the name that occurs twice.
    """
    for index, name in enumerate(names):
        if name in names[:index]:
            raise FileError(
                f"{source} has two columns named {name!r}.",
                expected="each column named once",
                found=", ".join(map(repr, names)),
                hint="rename one of them",
            )
