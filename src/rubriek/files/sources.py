"""What every input gives: its columns, a survey of all rows before any work, then tables of rows in order."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from rubriek.errors import FileError
from rubriek.files.compression import open_input
from rubriek.files.encodings import as_utf8, encoding_name, found_encoding, known_encoding
from rubriek.files.first_bytes import check_kind
from rubriek.files.formats import Format
from rubriek.files.lines import READING_ERRORS, Lines, Problem, unreadable
from rubriek.text_columns import ColumnType

log = logging.getLogger(__name__)

#: Rows of one table: enough to sort by length with hardly any padding, few enough to lose little work.
CHUNK_ROWS = 4096
#: A table is closed early when its rows hold this many characters, some 1,400 articles. A job that is killed
#: loses the table at hand, which should not be a quarter of an hour's work, even of a large model.
CHUNK_CHARACTERS = 4 * 2**20
#: A table of many columns has fewer rows, so that it holds no more values than this.
CHUNK_VALUES = 2**20
#: Of any input. A JSON object can bring a new column with every row, and each is written in every row.
MAX_COLUMNS = 2048
#: Characters of all names together, which JSON repeats in every row.
MAX_NAMES = 2**17
#: A message lists no more columns than this, and no more characters of a name.
MAX_LISTED, MAX_SHOWN = 20, 100

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
    notes : tuple of str
        What was found about the file that its name does not tell.
    """

    name: str
    path: Path
    format: Format
    columns: Mapping[str, ColumnType]
    layout: Layout
    notes: tuple[str, ...]

    @property
    def encoding(self) -> str | None:
        """Of a text file, as Python names it."""
        ...

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

    def __init__(self, path: Path, name: str, encoding: str | None = None) -> None:
        self.path = path
        self.name = name
        self.layout = Layout()
        self.notes: tuple[str, ...] = ()
        self.encoding = "utf-8" if encoding is None else known_encoding(encoding)
        with open_input(path) as stream:
            try:
                start = stream.peek(4096)[:4096]
                check_kind(start, self.format, name)
                if encoding is None:
                    self.encoding = found_encoding(stream)
            except READING_ERRORS as error:
                raise unreadable(error, name, 0) from error
        if self.encoding != "utf-8":
            check_kind(start.decode(self.encoding, "replace").encode(), self.format, name)
            self._note(f"encoded in {encoding_name(self.encoding)}")

    def _note(self, note: str) -> None:
        log.info("%s is %s", self.name, note)
        self.notes += (note,)

    @contextmanager
    def _lines(self) -> Iterator[Lines]:
        with open_input(self.path) as stream:
            yield Lines(as_utf8(stream, self.encoding), self.name)

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
        most = chunk_rows(len(survey.schema))
        for number, row in enumerate(self._readable(text_columns, lambda problem: None)):
            if number < start:
                continue
            rows.append(row)
            characters += len(row.raw)
            if len(rows) == most or characters >= CHUNK_CHARACTERS:
                yield self._table(rows, survey.schema)
                rows, characters = [], 0
        if rows:
            yield self._table(rows, survey.schema)

    def _readable(self, text_columns: Sequence[str], on_problem: OnProblem) -> Iterator[Row]:
        with self._lines() as lines:
            for row in self._rows(lines):
                if isinstance(row, Problem):
                    on_problem(row)
                elif cause := self._cause(row, text_columns):
                    on_problem(Problem(self.name, row.line, cause, row.raw))
                else:
                    yield row


def chunk_rows(columns: int) -> int:
    """Return how many rows a table may have: `CHUNK_ROWS`, or fewer where there are many columns."""
    return max(1, min(CHUNK_ROWS, CHUNK_VALUES // max(columns, 1)))


def check_names(names: Sequence[str], source: str) -> None:
    """Refuse two columns of one name, and more or longer names than `MAX_COLUMNS` and `MAX_NAMES`.

    Raises
    ------
    FileError
    """
    if len(names) > MAX_COLUMNS:
        raise FileError(
            f"{source} has too many columns.",
            expected=f"at most {MAX_COLUMNS:,}",
            found=f"{len(names):,}",
            hint="keep those that you need beside the text",
        )
    if (length := sum(map(len, names))) > MAX_NAMES:
        raise FileError(
            f"{source} has too long names of columns.",
            expected=f"at most {MAX_NAMES:,} characters, all names together",
            found=f"{length:,}",
            hint="is the first line a header?" if len(names) == 1 else None,
        )
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise FileError(
            f"{source} has two columns named {twice[:MAX_SHOWN]!r}.",
            expected="each column named once",
            found=listed(names),
            hint="rename one of them",
        )


def listed(names: Iterable[str]) -> str:
    """Name columns in a message; of many, the first ones."""
    shown = [repr(name[:MAX_SHOWN]) for name in islice(names, MAX_LISTED + 1)]
    return ", ".join(shown[:MAX_LISTED] + ["..."] * (len(shown) > MAX_LISTED))
