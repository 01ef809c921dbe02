"""CSV and TSV through the standard library's csv module: every value stays the string that it was."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from rubriek.errors import FileError
from rubriek.files.delimiters import DELIMITERS, find_delimiter, stated_delimiter
from rubriek.files.formats import Format
from rubriek.files.lines import MAX_LINE, Lines, LineTooLongError, Problem, undecodable
from rubriek.files.sources import Layout, Row, TextSource, check_names

#: Lines and characters of a record; one whose quote is never closed would go on to the end of the file.
MAX_RECORD_LINES = 100_000
_HEAD_LINES, _HEAD_CHARACTERS = 20, 2**20


class DelimitedSource(TextSource):
    """A CSV or TSV file with a header line.

    Quotes follow RFC 4180, strictly: a field that goes on after its closing quote, or a quote that is never
    closed, is a malformed row rather than a guess. Reading goes on at the line after the one where the
    malformed row began. Blank lines are no rows.

    Parameters
    ----------
    path : Path
        The file; gzip, zstd and bzip2 are decompressed.
    name : str
        Its name in messages.
    format : {"csv", "tsv"}
        What delimits the columns is found in the header line: commas, semicolons (as Excel writes them in
        Dutch), tabs or vertical bars. A first line ``sep=;`` states it.
    encoding : str, optional
        Default: found in the file.

    Raises
    ------
    FileError
        If there is no header line, it names a column twice, or what delimits the columns is not clear.
    """

    def __init__(self, path: Path, name: str, format: Format, encoding: str | None = None) -> None:
        self.format = format
        super().__init__(path, name, encoding)
        with self._lines() as lines, _field_limit():
            head, whole = _head(lines)
            stated = stated_delimiter(head[0]) if head else None
            self._states_delimiter = stated is not None
            delimiter = stated or find_delimiter(head, format, name, whole=whole)
            self.layout = Layout(delimiter, lines.byte_order_mark)
        if delimiter != ("\t" if format == "tsv" else ","):
            self._note(f"delimited by {DELIMITERS.get(delimiter, repr(delimiter))}")
        with self._lines() as lines, _field_limit():
            header = next(self._records(lines), None)
        if header is None:
            raise FileError(
                f"{name} is empty.", expected="a header line that names the columns", found="nothing"
            )
        if isinstance(header, Problem):
            raise header.error()
        if cause := undecodable(header.raw, self.encoding):
            raise Problem(name, header.line, cause, header.raw).error()
        check_names(header.values, name)
        self._names: list[str] = header.values
        self.columns = dict.fromkeys(header.values, pa.string())

    def _records(self, lines: Lines) -> Iterator[Row | Problem]:
        if self._states_delimiter:
            next(lines)
        return _records(lines, self.layout.delimiter)

    def _rows(self, lines: Lines) -> Iterator[Row | Problem]:
        records = self._records(lines)
        with _field_limit():
            next(records)  # the header
        while True:
            with _field_limit():
                row = next(records, None)
            if row is None:
                return
            yield row

    def _cause(self, row: Row, text_columns: Sequence[str]) -> str | None:
        if len(row.values) != len(self._names):
            return f"expected {len(self._names)} fields, found {len(row.values)}"
        return undecodable(row.raw, self.encoding)

    def _schema(self, rows: Iterable[Row]) -> tuple[int, pa.Schema]:
        count = sum(1 for _ in rows)
        return count, pa.schema([(name, pa.string()) for name in self._names])

    def _table(self, rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
        columns = zip(*(row.values for row in rows), strict=True)
        return pa.table([pa.array(column, pa.string()) for column in columns], schema=schema)


def _head(lines: Lines) -> tuple[list[str], bool]:
    """Return the first lines, and whether there are no others."""
    head: list[str] = []
    while len(head) < _HEAD_LINES and sum(map(len, head)) < _HEAD_CHARACTERS:
        try:
            head.append(next(lines))
        except StopIteration:
            return head, True
        except LineTooLongError:
            head.append(lines.text)
    return head, False


@contextlib.contextmanager
def _field_limit() -> Iterator[None]:
    """Allow long fields while this module reads: the csv module has one limit for the whole process."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _RecordTooLongError(Exception):
    """The record at hand has more lines or characters than a record may have."""


class _Feed:
    """Hands lines to the csv module, remembers those of the current record, and can give some back."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._again: list[tuple[int, str]] = []
        self.begin()

    def begin(self) -> None:
        """Begin a record."""
        self.taken: list[tuple[int, str]] = []
        self._characters = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self._again:
            self.taken.append(self._again.pop())
        else:
            text = next(self._lines)
            self.taken.append((self._lines.number, text))
        text = self.taken[-1][1]
        self._characters += len(text)
        if len(self.taken) > 1 and (len(self.taken) > MAX_RECORD_LINES or self._characters > MAX_LINE):
            raise _RecordTooLongError
        return text

    def after_first(self) -> None:
        """Give back every line of the current record but the first."""
        self._again.extend(reversed(self.taken[1:]))


def _records(lines: Lines, delimiter: str) -> Iterator[Row | Problem]:
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.begin()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number, raw = feed.taken[0]
            feed.after_first()
            yield Problem(lines.name, number, _explained(error), raw)
        except _RecordTooLongError:
            number, raw = feed.taken[0]
            feed.after_first()
            limits = f"{MAX_LINE // 2**20} MiB or {MAX_RECORD_LINES:,} lines"
            yield Problem(
                lines.name, number, f"a row is longer than {limits}, or a quote is never closed", raw
            )
        except LineTooLongError:
            number, raw = feed.taken[0] if feed.taken else (lines.number, lines.text)
            yield Problem(lines.name, number, f"a line is longer than {MAX_LINE // 2**20} MiB", raw)
        else:
            if values:
                yield Row(feed.taken[0][0], values, "".join(text for _, text in feed.taken))


def _explained(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end" in message:
        return "a quote is opened and never closed"
    if "expected after" in message:
        return "text follows a closing quote (a quote inside a quoted field is written twice)"
    if "field limit" in message:
        return f"a field is longer than {MAX_LINE // 2**20} MiB, or a quote is never closed"
    if "new-line character" in message:
        return "a carriage return stands outside quotes"
    return message
