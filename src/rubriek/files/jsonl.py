"""JSON lines: one object a line, its values as they were."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from rubriek.errors import FileError
from rubriek.files.formats import Format
from rubriek.files.lines import MAX_LINE, Lines, LineTooLongError, Problem, undecodable
from rubriek.files.sources import Row, TextSource
from rubriek.text_columns import ColumnType

#: Marks a string column that holds JSON: lists, objects, and columns whose values are of several kinds.
JSON_COLUMN = {b"rubriek": b"json"}

_HEAD = 1000
_KINDS = {str: "a text", bool: "a truth value", float: "a number", type(None): "null"}
#: The Arrow type of a column whose values, nulls aside, are of these kinds; any other column holds JSON text.
_TYPES = {
    frozenset[str](): pa.string(),
    frozenset({"a text"}): pa.string(),
    frozenset({"a truth value"}): pa.bool_(),
    frozenset({"a whole number"}): pa.int64(),
    frozenset({"a long number"}): pa.int64(),
    frozenset({"a whole number", "a long number"}): pa.int64(),
    frozenset({"a number"}): pa.float64(),
    frozenset({"a whole number", "a number"}): pa.float64(),
}


class JsonlSource(TextSource):
    """A file of JSON objects, one a line.

    A column is a key; a key that a row lacks is null there, except the text, which must be present (null is a
    value). Columns of strings, whole numbers, numbers or booleans keep that type; every other column is
    carried as JSON text and written as JSON again. NaN is read as null. Blank lines are no rows.

    Parameters
    ----------
    path : Path
        The file; gzip and zstd are decompressed.
    name : str
        Its name in messages.

    Raises
    ------
    FileError
        If no line of the file is an object.
    """

    format: Format = "jsonl"

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, name)
        kinds: dict[str, set[str]] = {}
        problems: list[Problem] = []
        for row in islice(self._readable((), problems.append), _HEAD):
            for key, value in row.values.items():
                kinds.setdefault(key, set()).add(_kind(value))
        if not kinds:
            if problems:
                raise problems[0].error()
            raise FileError(f"{name} has no rows.", expected="a JSON object on each line", found="none")
        self.columns = {key: _column_type(found) for key, found in kinds.items()}

    def _rows(self, lines: Lines) -> Iterator[Row | Problem]:
        while True:
            try:
                text = next(lines)
            except StopIteration:
                return
            except LineTooLongError:
                too_long = f"the line is longer than {MAX_LINE // 2**20} MiB"
                yield Problem(lines.name, lines.number, too_long, lines.text)
                continue
            if text.isspace():
                continue
            values, cause = _parsed(text)
            if cause:
                yield Problem(lines.name, lines.number, cause, text)
            else:
                yield Row(lines.number, values, text)

    def _cause(self, row: Row, text_columns: Sequence[str]) -> str | None:
        for column in text_columns:
            if column not in row.values:
                there = ", ".join(map(repr, row.values)) or "no columns"
                return f"the column {column!r} is missing; the row has {there}"
            if not isinstance(row.values[column], str | None):
                return f"the column {column!r} holds {_kind(row.values[column])}, not a text"
        return None

    def _schema(self, rows: Iterable[Row]) -> tuple[int, pa.Schema]:
        kinds: dict[str, set[str]] = {name: set() for name in self.columns}
        count = 0
        for row in rows:
            count += 1
            for key, value in row.values.items():
                kinds.setdefault(key, set()).add(_kind(value))
        return count, pa.schema([_field(name, found) for name, found in kinds.items()])

    def _table(self, rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
        columns = []
        for field in schema:
            values = [row.values.get(field.name) for row in rows]
            if field.metadata == JSON_COLUMN:
                values = [None if value is None else _encode(value) for value in values]
            columns.append(pa.array(values, field.type))
        return pa.table(columns, schema=schema)


def _kind(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) <= 2**53:
            return "a whole number"
        return "a long number" if -(2**63) <= value < 2**63 else "a number beyond 64 bits"
    return _KINDS.get(type(value), "a list or an object")


def _column_type(kinds: set[str]) -> ColumnType:
    """Say what the first rows hold; null is among it wherever they hold nothing else."""
    if kinds <= {"a text", "null"}:
        return pa.string() if "a text" in kinds else pa.null()
    return ", ".join(sorted(kinds))


def _field(name: str, kinds: set[str]) -> pa.Field:
    found = _TYPES.get(frozenset(kinds - {"null"}))
    return pa.field(name, pa.string(), metadata=JSON_COLUMN) if found is None else pa.field(name, found)


_encode: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False).encode


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for index, key in enumerate(keys) if key in keys[:index])
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return values


def _constant(text: str) -> None:
    if text != "NaN":
        raise ValueError(f"{text} is no JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value


_decode: Callable[[str], Any] = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite
).decode


def _parsed(text: str) -> tuple[Any, str | None]:
    if cause := undecodable(text):
        return None, cause
    try:
        values = _decode(text)
    except json.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} at character {error.colno}"
    except RecursionError:
        return None, "not JSON that can be read: nested too deeply"
    except ValueError as error:
        return None, f"not JSON that can be read: {error}"
    if not isinstance(values, dict):
        return None, f"expected a JSON object, found {_kind(values)}"
    # Escapes can spell half a character, which no UTF-8 file can hold again.
    if "\\u" in text and (cause := undecodable(_encode(values))):
        return None, cause
    return values, None
