"""Texts of any kind as one kind of Arrow column: strings, null where there is none."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rubriek.errors import ColumnError, InputError
from rubriek.text_columns import ColumnType, holds_text

_WITH_NAN = (float, complex, np.inexact, np.datetime64, np.timedelta64)
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


def shown(value: object) -> str:
    """Show a value in a message: never the whole of a large one, and one whose own ``repr`` fails, too.

    Examples
    --------
    >>> shown(list(range(1000)))
    '[0, 1, 2, 3, 4, 5, ...]'
    """
    return _SHOWN.repr(value)


def column(values: Sequence[object], first_row: int = 0) -> pa.Array:
    """Make an Arrow string array of Python values: strings, ``None`` and NaN.

    Raises
    ------
    InputError
        Naming the first row that is neither.

    Examples
    --------
    >>> column(["a", float("nan")]).to_pylist()
    ['a', None]
    >>> column(["a", 7], first_row=10)
    Traceback (most recent call last):
    ...
    rubriek.errors.InputError: Row 11 is not a text.
      expected: a string, None or NaN
      found:    int (7)
    """
    # Arrow on its own would also take bytes, and fail in its own ways on arrays and half surrogate pairs.
    if not {str, type(None)}.issuperset(map(type, values)):
        values = [_text(row, value) for row, value in enumerate(values, start=first_row)]
    try:
        return pa.array(values, pa.large_string())
    except UnicodeEncodeError:
        for row, value in enumerate(values, start=first_row):
            _refuse_half_pair(row, value or "")
        raise


def _text(row: int, value: object) -> str | None:
    if isinstance(value, pa.Scalar):
        value = value.as_py()
    if isinstance(value, str):
        return str.__str__(value)  # of a member of an enumeration, str() would give its name
    if not _is_null(value):
        raise InputError(
            f"Row {row} is not a text.",
            expected="a string, None or NaN",
            found=f"{type(value).__name__} ({shown(value)})",
        )
    return None


def _refuse_half_pair(row: int, text: Any) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"Row {row} holds half a surrogate pair, which is no character and has no UTF-8 form.",
            found=f"{error.object[error.start]!r} at position {error.start}",
            hint="clean it first: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')",
        ) from error


def _is_null(value: object) -> bool:
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()  # a signalling NaN cannot even be compared
    return isinstance(value, _WITH_NAN) and bool(value != value)


def strings(values: pa.Array | pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Bring any Arrow column of text into one type.

    Raises
    ------
    ColumnError
        If it does not hold text.

    Examples
    --------
    >>> strings(pa.array(["a", None]).dictionary_encode(), "here").to_pylist()
    ['a', None]
    """
    if not holds_text(values.type):
        raise ColumnError(
            f"This is no text: {where}.", expected="a column of strings", found=f"type {values.type!s:.200}"
        )
    whole = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    try:
        # What comes from elsewhere may point outside its buffers, which would end the process.
        whole.validate(full=True)
        return pa.chunked_array([_strings(chunk) for chunk in whole.chunks], pa.large_string())
    except (pa.ArrowException, IndexError) as error:
        raise ColumnError(f"The texts of {where} are damaged.", found=f"{error!s:.200}") from error


def _strings(values: pa.Array) -> pa.Array:
    """Unwrap extension types, run ends and dictionaries, of which Arrow casts only some."""
    if isinstance(values.type, pa.BaseExtensionType):
        return _strings(values.storage)
    if pa.types.is_run_end_encoded(values.type):
        return _strings(pc.run_end_decode(values))
    if pa.types.is_dictionary(values.type):
        return _strings(values.dictionary).take(values.indices)
    return values.cast(pa.large_string())


def series_type(series: nw.Series[Any]) -> ColumnType:
    """Return the Arrow type of a column of any library, or its name where Arrow has none."""
    try:
        return series.head(0).to_arrow().type
    except (pa.ArrowException, nw.exceptions.NarwhalsError, TypeError, ValueError):
        return f"type {series.dtype!s:.200}"


def series_strings(series: nw.Series[Any], where: str) -> pa.ChunkedArray:
    """Bring a column of text of any library into one type; raises as `strings` does."""
    kind = series_type(series)
    if isinstance(kind, str):
        raise ColumnError(f"This is no text: {where}.", expected="a column of strings", found=kind)
    return strings(series.to_arrow(), where)


def pandas_type(series: Any) -> ColumnType:
    """Return the Arrow type of a pandas column; of Python objects the first one decides."""
    if _has_no_value(series):
        return pa.null()
    if series.dtype != object:
        try:
            return pa.array(series.iloc[:0], from_pandas=True).type
        except (pa.ArrowException, TypeError, ValueError):
            pass  # a type that Arrow does not have, such as categories of several types
    first = next((value for value in series if not _is_null(value)), None)
    if first is None:
        return pa.null()
    return pa.string() if isinstance(first, str) else f"{type(first).__name__} ({shown(first)})"


def _has_no_value(series: Any) -> bool:
    """Say whether no row has a value, and nothing else is known: pandas' readers make such a column numbers.

    They are all NaN, or, with nullable types, Int64 and all NA. A column of whole numbers without rows says
    what it would hold.
    """
    kind = series.dtype.kind
    valueless = (
        kind == "f" or (kind in "iu" and len(series)) or not len(getattr(series.dtype, "categories", "-"))
    )
    return bool(valueless and series.isna().all())


def pandas_strings(series: Any, where: str) -> pa.ChunkedArray:
    """Bring a pandas column of text into one type; raises as `column` and `strings` do."""
    if _has_no_value(series):
        return pa.chunked_array([pa.nulls(len(series), pa.large_string())])
    if series.dtype != object:
        try:
            return strings(pa.array(series, from_pandas=True), where)
        except (pa.ArrowException, TypeError, ValueError):
            pass  # as above, or half a surrogate pair: the values say in which row
    try:
        return pa.chunked_array([column(series.tolist())])
    except InputError as error:
        raise InputError(
            f"{where[0].upper()}{where[1:]}: {error.message}",
            expected=error.expected,
            found=error.found,
            hint=error.hint,
        ) from error
