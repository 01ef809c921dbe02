"""Arrow columns as JSON text and as the cells of a CSV, a column at a time."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from itertools import islice
from operator import add

import numpy as np
import pyarrow as pa

from rubriek.files.jsonl import JSON_COLUMN, NUMBER_COLUMN

_quoted: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode

_ZERO_FRACTION = re.compile(r"\.0+(?=\D|$)")


def json_texts(column: pa.Array, field: pa.Field) -> list[str]:
    """Return each value of a column as JSON.

    Parameters
    ----------
    column : pa.Array
        Any type; what JSON has no form for (dates, decimals) becomes a string, bytes become base64.
    field : pa.Field
        Its field; a column marked as JSON text or as numbers is taken as it stands.

    Returns
    -------
    list of str
        One JSON value for each row; ``null`` for null and for numbers that JSON cannot hold (NaN).

    Examples
    --------
    >>> kind = pa.struct({"Sport": pa.float32(), "Media": pa.float32()})
    >>> scores = pa.array([{"Sport": 0.9, "Media": 0.1}, None], kind)
    >>> json_texts(scores, pa.field("scores", scores.type))
    ['{"Sport": 0.9, "Media": 0.1}', 'null']
    """
    if field.metadata in (JSON_COLUMN, NUMBER_COLUMN):
        return ["null" if value is None else value for value in column.to_pylist()]
    return _texts(column)


def cells(column: pa.Array, field: pa.Field) -> list[str]:
    """Return each value of a column as the cell of a CSV: strings as they are, null as nothing, else JSON.

    Examples
    --------
    >>> cells(pa.array(["007", None, 'a "b"']), pa.field("id", pa.string()))
    ['007', '', 'a "b"']
    >>> cells(pa.array([[1, 2], None]), pa.field("tags", pa.list_(pa.int64())))
    ['[1, 2]', '']
    """
    if _is_text(column.type):
        return ["" if value is None else value for value in column.to_pylist()]
    texts = _texts(column)
    if not pa.types.is_nested(column.type):
        # NaN is a null in JSON, and nothing in a cell.
        return ["" if text == "null" else json.loads(text) if text[0] == '"' else text for text in texts]
    return [text if valid else "" for text, valid in zip(texts, column.is_valid().to_pylist(), strict=True)]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _texts(column: pa.Array) -> list[str]:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _texts(column.storage)
    if pa.types.is_dictionary(kind):
        return _texts(column.dictionary_decode())
    if _is_text(kind):
        return ["null" if value is None else _quoted(value) for value in column.to_pylist()]
    if pa.types.is_boolean(kind):
        return [{None: "null", True: "true", False: "false"}[value] for value in column.to_pylist()]
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return ["null" if value is None else str(value) for value in column.to_pylist()]
    if pa.types.is_floating(kind):
        return _numbers(column)
    if pa.types.is_struct(kind):
        return _objects(column)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column)
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return _times(column)
    return [json.dumps(value, ensure_ascii=False, default=_plain) for value in column.to_pylist()]


def _numbers(column: pa.Array) -> list[str]:
    # numpy prints a float32 with the fewest digits that give it back; as a Python float it has 17.
    values = column.to_numpy(zero_copy_only=False)
    texts = values.astype(str).tolist()
    if np.isfinite(values).all():
        return [str(text) for text in texts]
    return [text if finite else "null" for text, finite in zip(texts, np.isfinite(values), strict=True)]


def _times(column: pa.Array) -> list[str]:
    # Not through Python's own types, which hold no nanoseconds. A duration is the number of its units.
    plain = column.cast(pa.int64()) if pa.types.is_duration(column.type) else column
    values = plain.cast(pa.string()).to_pylist()
    return ["null" if value is None else _quoted(_ZERO_FRACTION.sub("", value)) for value in values]


def _objects(column: pa.Array) -> list[str]:
    # flatten() gives the children of a slice, with the parent's nulls laid over them.
    children = [_texts(child) for child in column.flatten()]
    keys = [_quoted(field.name) + ": " for field in column.type]
    rows = zip(*children, strict=True) if children else ((),) * len(column)
    return [
        "{" + ", ".join(map(add, keys, row)) + "}" if valid else "null"
        for row, valid in zip(rows, column.is_valid().to_pylist(), strict=True)
    ]


def _lists(column: pa.Array) -> list[str]:
    items = iter(_texts(column.flatten()))
    return [
        "null" if length is None else "[" + ", ".join(islice(items, length)) + "]"
        for length in column.value_lengths().to_pylist()
    ]


def _plain(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
