"""JSON lines: one object a line, its values as they were."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from rubriek import strict_json
from rubriek.errors import FileError
from rubriek.files.formats import Format
from rubriek.files.lines import MAX_LINE, Lines, LineTooLongError, Problem, undecodable
from rubriek.files.sources import Row, TextSource, check_names
from rubriek.text_columns import ColumnType

#: Marks a string column that holds JSON: lists, objects, and columns whose values are of several kinds.
JSON_COLUMN = {b"rubriek": b"json"}
#: Marks a string column that holds numbers as the input spells them: 1.0, 1e5 and 100000 stay apart in text.
NUMBER_COLUMN = {b"rubriek": b"number"}
#: Digits of a whole number; Python reads no more into a number.
MAX_DIGITS = 4300
#: Values of a row, those inside of others too; each takes some 60 bytes of memory for two in the file.
MAX_VALUES = 2**20

_HEAD = 1000
_KINDS = {str: "a text", bool: "a truth value", type(None): "null"}
#: Columns whose values, nulls aside, are of these kinds have a type of their own; others hold JSON text.
_TYPES: dict[frozenset[str], tuple[pa.DataType, dict[bytes, bytes] | None]] = {
    frozenset[str](): (pa.string(), None),
    frozenset({"a text"}): (pa.string(), None),
    frozenset({"a truth value"}): (pa.bool_(), None),
    frozenset({"a whole number"}): (pa.int64(), None),
    frozenset({"a long number"}): (pa.int64(), None),
    frozenset({"a whole number", "a long number"}): (pa.int64(), None),
    frozenset({"a number"}): (pa.string(), NUMBER_COLUMN),
    frozenset({"a whole number", "a number"}): (pa.string(), NUMBER_COLUMN),
}


class JsonlSource(TextSource):
    """A file of JSON objects, one a line.

    A column is a key; a key that a row lacks is null there, except the text, which must be present (null is a
    value). Columns of strings, whole numbers or booleans keep that type; numbers are carried as they are
    spelled, every other column as JSON text. NaN is read as null. Blank lines are no rows.

    Parameters
    ----------
    path : Path
        The file; gzip, zstd and bzip2 are decompressed.
    name : str
        Its name in messages.
    encoding : str, optional
        Default: found in the file.

    Raises
    ------
    FileError
        If no line of the file is an object.
    """

    format: Format = "jsonl"

    def __init__(self, path: Path, name: str, encoding: str | None = None) -> None:
        super().__init__(path, name, encoding)
        kinds: dict[str, set[str]] = {}
        problems: list[Problem] = []
        for row in islice(self._readable((), problems.append), _HEAD):
            self._collect(row, kinds)
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
            values, cause = _parsed(text, self.encoding)
            if cause:
                yield Problem(lines.name, lines.number, cause, text)
            else:
                yield Row(lines.number, values, text)

    def _cause(self, row: Row, text_columns: Sequence[str]) -> str | None:
        for column in text_columns:
            if column not in row.values:
                there = ", ".join(map(repr, row.values)) or "no columns"
                return f"the column {column!r} is missing; the row has {there}"
            if _kind(row.values[column]) not in ("a text", "null"):
                return f"the column {column!r} holds {_kind(row.values[column])}, not a text"
        return None

    def _schema(self, rows: Iterable[Row]) -> tuple[int, pa.Schema]:
        kinds: dict[str, set[str]] = {name: set() for name in self.columns}
        count = 0
        for row in rows:
            count += 1
            self._collect(row, kinds)
        return count, pa.schema([_field(name, found) for name, found in kinds.items()])

    def _collect(self, row: Row, kinds: dict[str, set[str]]) -> None:
        known = len(kinds)
        for key, value in row.values.items():
            kinds.setdefault(key, set()).add(_kind(value))
        if len(kinds) > known:
            check_names(list(kinds), f"{self.name}, up to line {row.line},")

    def _table(self, rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
        columns = []
        for field in schema:
            values = [row.values.get(field.name) for row in rows]
            if field.metadata == JSON_COLUMN:
                values = [None if value is None else _encode(value) for value in values]
            elif field.type == pa.int64():
                values = [None if value is None else int(value) for value in values]
            columns.append(pa.array(values, field.type))
        return pa.table(columns, schema=schema)


class _Number(str):
    """A number as it is spelled."""

    __slots__ = ()


def _kind(value: object) -> str:
    if not isinstance(value, _Number):
        return _KINDS.get(type(value), "a list or an object")
    if not _WHOLE.fullmatch(value):
        return "a number"
    if len(value) > 20:
        return "a number beyond 64 bits"
    number = int(value)
    if abs(number) <= 2**53:
        return "a whole number"
    return "a long number" if -(2**63) <= number < 2**63 else "a number beyond 64 bits"


#: An integer would lose the sign of -0.
_WHOLE = re.compile("(?!-0)-?[0-9]+")


def _column_type(kinds: set[str]) -> ColumnType:
    """Say what the first rows hold; null is among it wherever they hold nothing else."""
    if kinds <= {"a text", "null"}:
        return pa.string() if "a text" in kinds else pa.null()
    return ", ".join(sorted(kinds))


def _field(name: str, kinds: set[str]) -> pa.Field:
    kind, metadata = _TYPES.get(frozenset(kinds - {"null"}), (pa.string(), JSON_COLUMN))
    return pa.field(name, kind, metadata=metadata)


_quoted: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


def _encode(value: Any) -> str:
    """Return a value as JSON, its numbers as they were spelled; the parser has bounded its depth."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)}: {_encode(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_encode, value)) + "]"
    return _quoted(value)


def _constant(text: str) -> None:
    if text != "NaN":
        raise ValueError(f"{text} is not a JSON value")


def _whole(text: str) -> _Number:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS:,} digits")
    return _Number(text)


def _decimal(text: str) -> _Number:
    if math.isinf(float(text)):
        raise ValueError(f"{text[:80]} is too large a number")
    return _Number(text)


def _parsed(text: str, encoding: str) -> tuple[Any, str | None]:
    if cause := undecodable(text, encoding):
        return None, cause
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        return None, f"the row has more than {MAX_VALUES:,} values"
    try:
        values = strict_json.parse(text, parse_int=_whole, parse_float=_decimal, parse_constant=_constant)
    except json.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} at character {error.colno}"
    except ValueError as error:
        return None, f"not JSON that can be read: {error}"
    if not isinstance(values, dict):
        return None, f"expected a JSON object, found {_kind(values)}"
    # Escapes can spell half a character, which no UTF-8 file can hold again.
    if "\\u" in text and (cause := undecodable(_encode(values))):
        return None, cause
    return values, None
