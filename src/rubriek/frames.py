"""Any data in, the same kind out: where texts lie in what was handed over, and how results go back to it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice, pairwise
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rubriek.errors import ColumnError, InputError, Worded, need

ROWS_AT_ONCE = 16_384
CHARACTERS_AT_ONCE = 32_000_000
"""A window of rows closes at whichever comes first, so memory is bounded for headlines and for books."""


@dataclass(frozen=True)
class Texts:
    """Texts, and the way back to the kind of data they came from.

    Attributes
    ----------
    chunks : iterable of pyarrow string arrays
        The texts, null where there is none.
    attach : callable, optional
        Takes the result columns and returns them with, or as, what came in. ``None`` where plain Python
        values came in.
    """

    chunks: Iterable[pa.Array | pa.ChunkedArray]
    attach: Callable[[pa.Table], Any] | None


def read(data: object, text_column: str | Sequence[str] | None, prefix: str) -> Texts:
    """Find the texts in any data.

    Parameters
    ----------
    data : object
        A list, tuple, iterator or numpy array of strings; a column or a frame of pandas, Polars, pyarrow or
        anything else that narwhals knows; anything with ``__arrow_c_stream__``.
    text_column : str or sequence of str, optional
        Where the texts are in a frame. Several columns are joined with a line break, nulls left out.
    prefix : str
        Put before the names of the result columns that are attached to a frame.

    Returns
    -------
    Texts

    Raises
    ------
    InputError
        If the data holds no texts.
    ColumnError
        If the column is not there or does not hold text.
    """
    if isinstance(data, pa.Array | pa.ChunkedArray):
        return _of_column(data, text_column, attach=lambda result: result)
    if isinstance(data, pa.Table | pa.RecordBatch):
        return _of_arrow_frame(data, text_column, prefix)
    if isinstance(data, np.ndarray):
        return _of_numpy(data, text_column)
    native = nw.from_native(data, pass_through=True, allow_series=True)
    if isinstance(native, nw.Series):
        return _of_series(native, text_column)
    if isinstance(native, nw.DataFrame):
        return _of_dataframe(native, text_column, prefix)
    if isinstance(native, nw.LazyFrame):
        raise InputError(
            f"A lazy frame ({type(data).__module__}.{type(data).__name__}) has no rows yet.",
            hint="collect it first, e.g. predict(frame.collect(), ...)",
        )
    if hasattr(data, "__arrow_c_stream__"):
        return _of_arrow_stream(data, text_column, prefix)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes | dict):
        _refuse_text_column(text_column, "a list of texts")
        return Texts(chunked(data), attach=None)
    raise InputError(
        "This data holds no texts that can be found.",
        expected="a string, a list, an iterator, a numpy array, or a pandas, Polars or Arrow column or frame",
        found=f"{type(data).__module__}.{type(data).__qualname__}",
        hint="several named texts? pass list(texts.values())" if isinstance(data, dict) else None,
    )


def chunked(texts: Iterable[object], rows: int = ROWS_AT_ONCE) -> Iterator[pa.Array]:
    """Gather texts of any iterable into Arrow arrays of bounded size.

    Raises
    ------
    InputError
        If one of them is neither a string nor null.

    Examples
    --------
    >>> [len(chunk) for chunk in chunked(["a", None, "b"], rows=2)]
    [2, 1]
    """
    iterator = iter(texts)
    at = 0
    while chunk := list(_window(iterator, rows)):
        yield column(chunk, first_row=at)
        at += len(chunk)


def _window(texts: Iterator[object], rows: int) -> Iterator[object]:
    characters = 0
    for text in islice(texts, rows):
        yield text
        characters += len(text) if isinstance(text, str) else 0
        if characters >= CHARACTERS_AT_ONCE:
            return


def windows(texts: pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """Cut a column into windows of many texts and bounded memory, whatever its own chunks are.

    Parameters
    ----------
    texts : pyarrow string array
        The texts.

    Yields
    ------
    start, rows : int
        Where a window starts, and how many rows it has.

    Examples
    --------
    >>> list(windows(pa.chunked_array([["a", "b"], ["c"]])))
    [(0, 3)]
    """
    for start in range(0, len(texts), ROWS_AT_ONCE):
        rows = pa.concat_arrays(texts.slice(start, ROWS_AT_ONCE).chunks)
        sizes = pc.binary_length(rows).fill_null(0).to_numpy(zero_copy_only=False)
        filled = np.cumsum(sizes) // CHARACTERS_AT_ONCE
        bounds = [0, *(np.flatnonzero(np.diff(filled)) + 1).tolist(), len(sizes)]
        for first, last in pairwise(bounds):
            yield start + first, last - first


def gathered(batches: Iterable[pa.RecordBatch], *, rows: int, size: int) -> Iterator[pa.Table]:
    """Gather batches of any size into tables of many rows and bounded memory.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Read no further ahead than the table at hand.
    rows : int
        Most rows of a table.
    size : int
        A table ends with the row that brings all its columns together to so many bytes. Where it ends follows
        from where it begins, and from nothing before.

    Yields
    ------
    pyarrow.Table
        Never empty; nothing is copied.

    Examples
    --------
    >>> batch = pa.record_batch({"text": ["a", "b"]})
    >>> [len(table) for table in gathered([batch] * 4, rows=5, size=1000)]
    [5, 3]
    >>> [len(table) for table in gathered([batch] * 4, rows=5, size=2)]
    [1, 1, 1, 1, 1, 1, 1, 1]
    """
    held: list[pa.RecordBatch] = []
    held_rows = held_size = 0
    for batch in batches:
        at = 0
        while at < batch.num_rows:
            rest = batch.slice(at, rows - held_rows)
            whole = rest.slice(0, 0).nbytes  # what every slice has whole, such as a dictionary
            wanted = size - held_size + whole
            fitting = range(1, rest.num_rows)
            part = rest.slice(0, 1 + bisect_left(fitting, wanted, key=lambda end: rest.slice(0, end).nbytes))
            held.append(part)
            at, held_rows = at + part.num_rows, held_rows + part.num_rows
            held_size += part.nbytes - whole
            if held_rows == rows or held_size >= size:
                yield pa.Table.from_batches(held)
                held, held_rows, held_size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)


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
    try:
        return pa.array(values, pa.large_string())
    except (pa.ArrowException, TypeError, ValueError):
        pass
    for row, value in enumerate(values, start=first_row):
        _check_text(row, value)
    # To Arrow only None is null; NaN and its kin mean the same to those who hand them over.
    return pa.array([None if _is_null(value) else value for value in values], pa.large_string())


def _check_text(row: int, value: object) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"Row {row} holds half a surrogate pair, which is no character and has no UTF-8 form.",
                found=f"{value[error.start]!r} at position {error.start}",
                hint="clean it first: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')",
            ) from error
    elif not _is_null(value):
        raise InputError(
            f"Row {row} is not a text.",
            expected="a string, None or NaN",
            found=f"{type(value).__name__} ({value!r:.60})",
        )


def _is_null(value: object) -> bool:
    # pandas.NA answers every comparison with itself, so its type is asked for first
    return value is None or type(value).__name__ in {"NAType", "NaTType"} or value != value


def _of_numpy(data: np.ndarray[Any, Any], text_column: str | Sequence[str] | None) -> Texts:
    _refuse_text_column(text_column, "a numpy array")
    if data.ndim != 1:
        raise InputError("A numpy array of texts has one dimension.", found=f"shape {data.shape}")
    if data.dtype.kind not in "OUT":
        raise InputError("This numpy array holds no texts.", found=f"dtype {data.dtype}")
    return Texts(chunked(data.tolist()), attach=None)


def _of_column(
    data: pa.Array | pa.ChunkedArray,
    text_column: str | Sequence[str] | None,
    attach: Callable[[pa.Table], Any],
) -> Texts:
    _refuse_text_column(text_column, "a single column")
    return Texts([strings(data, "the column")], attach)


def _of_series(series: nw.Series[Any], text_column: str | Sequence[str] | None) -> Texts:
    native = series.to_native()
    module = series.implementation
    if module.is_pandas():
        values = _pandas_strings(native)
        return _of_column(values, text_column, lambda result: to_pandas(result, native.index))
    if module.is_polars():
        return _of_column(
            series.to_arrow(),
            text_column,
            lambda result: need("polars", extra="polars", purpose="").from_arrow(result),
        )
    return _of_column(series.to_arrow(), text_column, lambda result: result)


def _of_dataframe(frame: nw.DataFrame[Any], text_column: str | Sequence[str] | None, prefix: str) -> Texts:
    names = _text_columns(text_column, frame.columns)
    native = frame.to_native()
    if frame.implementation.is_pandas():
        values = _joined([_named_strings(name, lambda name: _pandas_strings(native[name])) for name in names])
        return Texts([values], lambda result: _attach_pandas(native, _renamed(result, frame.columns, prefix)))
    columns = [
        _named_strings(name, lambda name: strings(frame[name].to_arrow(), f"column '{name}'"))
        for name in names
    ]
    if frame.implementation.is_polars():
        polars = need("polars", extra="polars", purpose="A Polars result")
        return Texts(
            [_joined(columns)],
            lambda result: native.hstack(polars.from_arrow(_renamed(result, frame.columns, prefix))),
        )
    whole = frame.to_arrow()
    return Texts(
        [_joined(columns)], lambda result: _attach_arrow(whole, _renamed(result, frame.columns, prefix))
    )


def _of_arrow_frame(
    data: pa.Table | pa.RecordBatch, text_column: str | Sequence[str] | None, prefix: str
) -> Texts:
    names = _text_columns(text_column, data.schema.names)
    values = _joined([strings(data.column(name), f"column '{name}'") for name in names])
    return Texts([values], lambda result: _attach_arrow(data, _renamed(result, data.schema.names, prefix)))


def _of_arrow_stream(data: Any, text_column: str | Sequence[str] | None, prefix: str) -> Texts:
    reader = pa.RecordBatchReader.from_stream(data)
    if pa.types.is_struct(reader.schema.field(0).type) and len(reader.schema) == 1 and text_column is None:
        raise InputError("This Arrow stream is a frame.", hint="say where the texts are: text_column='...'")
    return _of_arrow_frame(reader.read_all(), text_column, prefix)


def _refuse_text_column(text_column: str | Sequence[str] | None, kind: str) -> None:
    if text_column is not None:
        raise InputError(
            f"text_column={text_column!r} was given, but {kind} has no named columns.",
            hint="leave text_column out, or pass the whole frame",
        )


def _text_columns(text_column: str | Sequence[str] | None, available: Sequence[str]) -> list[str]:
    names = [text_column] if isinstance(text_column, str) else list(text_column or [])
    shown = ", ".join(map(repr, available))
    if not names:
        raise ColumnError(
            "Which column holds the texts?",
            expected=f"text_column= one of {shown}",
            hint="several are joined",
        )
    for name in names:
        if name not in available:
            raise ColumnError(f"There is no column {name!r}.", expected=f"one of {shown}")
    return names


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
    kind = values.type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (
        pa.types.is_string(inner)
        or pa.types.is_large_string(inner)
        or pa.types.is_string_view(inner)
        or pa.types.is_null(inner)
    ):
        raise ColumnError(f"This is no text: {where}.", expected="a column of strings", found=f"type {kind}")
    whole = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return whole.cast(pa.large_string())


def _named_strings(name: str, get: Callable[[str], pa.ChunkedArray]) -> pa.ChunkedArray:
    try:
        return get(name)
    except InputError as error:
        raise InputError(
            f"Column {name!r}: {error.message}", expected=error.expected, found=error.found
        ) from error


def _pandas_strings(series: Any) -> pa.ChunkedArray:
    if series.dtype == object:
        return pa.chunked_array([column(series.tolist())])
    return strings(pa.array(series, from_pandas=True), f"a pandas column of dtype {series.dtype}")


def _joined(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    return reduce(_join, columns)


def _join(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    both = pc.binary_join_element_wise(left, right, pa.scalar("\n", pa.large_string()))
    return pc.coalesce(both, left, right)


def _renamed(result: pa.Table, taken: Sequence[str], prefix: str) -> pa.Table:
    names = [prefix + name for name in result.column_names]
    clash = [name for name in names if name in taken]
    if clash:
        raise ColumnError(
            f"The frame already has {', '.join(map(repr, clash))}, and nothing of it is overwritten.",
            hint=Worded("name the result columns apart: {}", ("prefix", "predicted_")),
        )
    return result.rename_columns(names)


def _attach_arrow(frame: pa.Table | pa.RecordBatch, result: pa.Table) -> pa.Table | pa.RecordBatch:
    if isinstance(frame, pa.RecordBatch):
        columns = [result.column(name).combine_chunks() for name in result.column_names]
        fields = [*frame.schema, *result.schema]
        return pa.RecordBatch.from_arrays(
            [*frame.columns, *columns], schema=pa.schema(fields, metadata=frame.schema.metadata)
        )
    for field, values in zip(result.schema, result.columns, strict=True):
        frame = frame.append_column(field, values)
    return frame


def to_pandas(result: pa.Table, index: Any = None) -> Any:
    """Turn result columns into a pandas DataFrame.

    Whole numbers and booleans take pandas' nullable types, so that a null text changes no other row's type.

    Parameters
    ----------
    result : pyarrow.Table
        The columns.
    index : pandas.Index, optional
        The index of the frame.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    """
    pandas = need("pandas", extra="pandas", purpose="A pandas result")
    nullable = {pa.int32(): pandas.Int32Dtype(), pa.bool_(): pandas.BooleanDtype()}
    frame = result.to_pandas(types_mapper=nullable.get)
    if index is not None:
        frame.index = index
    return frame


def _attach_pandas(frame: Any, result: pa.Table) -> Any:
    # By position, not by index: an index may hold the same value twice.
    columns = to_pandas(result, frame.index)
    return frame.assign(**{name: columns[name].array for name in columns})
