"""CSV and TSV through the standard library's csv module: every value stays the string that it was."""

from __future__ import annotations

import contextlib
import csv
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from rubriek.errors import FileError
from rubriek.files.compression import open_input
from rubriek.files.formats import Format
from rubriek.files.lines import MAX_LINE, Lines, LineTooLongError, Problem, undecodable
from rubriek.files.sources import Layout, Row, TextSource, unique_names

log = logging.getLogger(__name__)


class DelimitedSource(TextSource):
    """A CSV or TSV file with a header line.

    Quotes follow RFC 4180, strictly: a field that goes on after its closing quote, or a quote that is never
    closed, is a malformed row rather than a guess. Reading goes on at the line after the one where the
    malformed row began. Blank lines are no rows.

    Parameters
    ----------
    path : Path
        The file; gzip and zstd are decompressed.
    name : str
        Its name in messages.
    format : {"csv", "tsv"}
        A CSV is delimited by ``,`` or by ``;`` (as Excel writes it in Dutch), whichever the header line has
        more of.

    Raises
    ------
    FileError
        If there is no header line, or it names a column twice.
    """

    def __init__(self, path: Path, name: str, format: Format) -> None:
        super().__init__(path, name)
        self.format = format
        with open_input(path) as stream:
            lines = Lines(stream, name)
            start = _first_line(lines)
            self.layout = Layout(self._delimiter(start), lines.byte_order_mark)
        with open_input(path) as stream, _field_limit():
            header = next(_records(Lines(stream, name), self.layout.delimiter), None)
        if header is None:
            raise FileError(
                f"{name} is empty.", expected="a header line that names the columns", found="nothing"
            )
        if isinstance(header, Problem):
            raise header.error()
        if cause := undecodable(header.raw):
            raise Problem(name, header.line, cause, header.raw).error()
        unique_names(header.values, name)
        self._names: list[str] = header.values
        self.columns = dict.fromkeys(header.values, pa.string())

    def _delimiter(self, header: str) -> str:
        if self.format == "tsv":
            return "\t"
        outside_quotes = "".join(header.split('"')[::2])
        if outside_quotes.count(";") > outside_quotes.count(","):
            log.info("%s: columns are delimited by ';', going by its header line", self.name)
            return ";"
        return ","

    def _rows(self, lines: Lines) -> Iterator[Row | Problem]:
        records = _records(lines, self.layout.delimiter)
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
        return undecodable(row.raw)

    def _schema(self, rows: Iterable[Row]) -> tuple[int, pa.Schema]:
        count = sum(1 for _ in rows)
        return count, pa.schema([(name, pa.string()) for name in self._names])

    def _table(self, rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
        columns = zip(*(row.values for row in rows), strict=True)
        return pa.table([pa.array(column, pa.string()) for column in columns], schema=schema)


def _first_line(lines: Lines) -> str:
    try:
        return next(lines, "")
    except LineTooLongError:
        return lines.text


@contextlib.contextmanager
def _field_limit() -> Iterator[None]:
    """Allow long fields while this module reads: the csv module has one limit for the whole process."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _Feed:
    """Hands lines to the csv module, remembers those of the current record, and can give some back."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._again: list[tuple[int, str]] = []
        self.taken: list[tuple[int, str]] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self._again:
            self.taken.append(self._again.pop())
        else:
            text = next(self._lines)
            self.taken.append((self._lines.number, text))
        return self.taken[-1][1]

    def after_first(self) -> None:
        """Give back every line of the current record but the first."""
        self._again.extend(reversed(self.taken[1:]))


def _records(lines: Lines, delimiter: str) -> Iterator[Row | Problem]:
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.taken = []
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number, raw = feed.taken[0]
            feed.after_first()
            yield Problem(lines.name, number, _explained(error), raw)
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
