"""Any data in, the same kind out: where texts lie in what was handed over, and how results go back to it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import islice, pairwise
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rubriek.errors import ColumnError, InputError, Worded, need
from rubriek.text_columns import ColumnType, find_text_columns, holds_text
from rubriek.text_values import (
    column,
    pandas_strings,
    pandas_type,
    series_strings,
    series_type,
    shown,
    strings,
)

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
    check : callable
        Takes the names of the result columns, and raises `ColumnError` where `attach` could not add them:
        before any work is done.
    """

    chunks: Iterable[pa.Array | pa.ChunkedArray]
    attach: Callable[[pa.Table], Any] | None
    check: Callable[[Sequence[str]], object] = lambda names: None


def read(data: object, text_column: object, prefix: str) -> Texts:
    """Find the texts in any data.

    Parameters
    ----------
    data : object
        A list, tuple, iterator or numpy array of strings; a column or a frame of pandas, Polars, pyarrow or
        anything else that narwhals knows; anything with ``__arrow_c_stream__``.
    text_column : name or sequence of names, optional
        Where the texts are in a frame; see `rubriek.text_columns.find_text_columns`. Several columns are
        joined with a line break, nulls left out.
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
        return _of_column(strings(data, "the column"), text_column, lambda result: result)
    if isinstance(data, pa.Table | pa.RecordBatch):
        return _of_arrow_frame(data, text_column, prefix)
    if isinstance(data, np.ndarray):
        return _of_numpy(data, text_column)
    if (found := _of_library(data, text_column, prefix)) is not None:
        return found
    if hasattr(data, "__arrow_c_stream__"):
        return _of_arrow_stream(data, text_column, prefix)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes | dict):
        _refuse_text_column(text_column, "plain text")
        return Texts(chunked(data), attach=None)
    raise InputError(
        "This data holds no texts that can be found.",
        expected="a string, a list, an iterator, a numpy array, or a pandas, Polars or Arrow column or frame",
        found=f"{type(data).__module__}.{type(data).__qualname__}",
        hint="several named texts? pass list(texts.values())" if isinstance(data, dict) else None,
    )


def _of_library(data: Any, text_column: object, prefix: str) -> Texts | None:
    """Find the texts in a column or frame of pandas or any other library that narwhals knows."""
    # narwhals takes no frame in which a column name occurs twice; pandas does.
    if nw.dependencies.is_pandas_dataframe(data):
        return _of_pandas_frame(data, text_column, prefix)
    if nw.dependencies.is_pandas_series(data):
        values = pandas_strings(data, "the column")
        return _of_column(values, text_column, lambda result: to_pandas(result, data.index))
    known = as_narwhals(data)
    if isinstance(known, nw.LazyFrame):
        raise InputError(
            f"A lazy frame ({type(data).__module__}.{type(data).__name__}) has no rows yet.",
            hint=_WAYS_TO_ROWS.get(known.implementation.value, "collect it first: predict(frame.collect())"),
        )
    if isinstance(known, nw.DataFrame):
        return _of_dataframe(known, text_column, prefix)
    return _of_series(known, text_column) if isinstance(known, nw.Series) else None


def as_narwhals(data: Any) -> Any:
    """Return data as narwhals sees it, and as it is where narwhals does not know it.

    Raises
    ------
    InputError
        If narwhals knows its kind, but does not take it, as a frame in which a column name occurs twice.
    """
    try:
        return nw.from_native(data, pass_through=True, allow_series=True)
    except nw.exceptions.NarwhalsError as error:
        raise InputError("This frame cannot be read.", found=f"{error!s:.200}") from error


_ON_SPARK = 'rubriek.spark.classify(frame, "text") classifies it where it is'
_WAYS_TO_ROWS = {
    "pyspark": _ON_SPARK,
    "pyspark[connect]": _ON_SPARK,
    "duckdb": "hand over its rows: predict(relation.arrow())",
    "dask": "hand over its rows: predict(frame.compute())",
    "ibis": "hand over its rows: predict(table.to_pyarrow())",
}
"""What to do with a lazy frame, by the name that narwhals has for its library."""


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
        looked_up = _looked_up(batch)
        while at < batch.num_rows:
            rest = batch.slice(at, rows - held_rows)
            taken = partial(_size, rest, looked_up[at:])
            end = 1 + bisect_left(range(1, rest.num_rows), size - held_size, key=taken)
            held.append(rest.slice(0, end))
            held_size += taken(end)
            at, held_rows = at + end, held_rows + end
            if held_rows == rows or held_size >= size:
                yield pa.Table.from_batches(held)
                held, held_rows, held_size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)


def _size(batch: pa.RecordBatch, looked_up: np.ndarray[Any, np.dtype[np.int64]], end: int) -> int:
    """Return how many bytes the first rows take; dictionaries, which every slice has whole, do not count."""
    own = batch.select([i for i, field in enumerate(batch.schema) if not _is_view(field.type)])
    return int(own.slice(0, end).nbytes - own.slice(0, 0).nbytes + looked_up[end] - looked_up[0])


def _looked_up(batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return, for each row, how many bytes dictionaries and views hold for the rows before it."""
    sizes = np.zeros(batch.num_rows + 1, np.int64)
    for values in batch.columns:
        if pa.types.is_dictionary(values.type) and holds_text(values.type):
            lengths = pc.binary_length(values.dictionary.cast(pa.large_string())).take(values.indices)
        elif _is_view(values.type):  # whose slices pyarrow cannot measure before version 24
            lengths = pc.binary_length(values.cast(pa.large_binary()))
        else:
            continue
        sizes[1:] += pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False)
    return np.cumsum(sizes)


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _of_numpy(data: np.ndarray[Any, Any], text_column: object) -> Texts:
    _refuse_text_column(text_column, "a numpy array")
    if data.ndim != 1:
        raise InputError("A numpy array of texts has one dimension.", found=f"shape {data.shape}")
    if data.dtype.kind not in "OUT" and not (data.dtype.kind == "f" and np.isnan(data).all()):
        raise InputError("This numpy array holds no texts.", found=f"dtype {data.dtype!s:.100}")
    try:
        values = data.tolist()
    except (ValueError, SystemError) as error:  # raw memory that was declared to be text
        raise InputError("This numpy array holds no texts.", found=f"{error!s:.100}") from error
    return Texts(chunked(values), attach=None)


def _of_column(values: pa.ChunkedArray, text_column: object, attach: Callable[[pa.Table], Any]) -> Texts:
    _refuse_text_column(text_column, "a single column")
    return Texts([values], attach)


def _of_series(series: nw.Series[Any], text_column: object) -> Texts:
    values = series_strings(series, "the column")
    if series.implementation.is_polars():
        polars = need("polars", extra="polars", purpose="A Polars result")
        return _of_column(values, text_column, polars.from_arrow)
    return _of_column(values, text_column, lambda result: result)


def _of_frame(
    columns: Sequence[tuple[Hashable, ColumnType]],
    get: Callable[[int, str], pa.ChunkedArray],
    attach: Callable[[pa.Table], Any],
    text_column: object,
    prefix: str,
    groups: Iterable[Hashable] = (),
) -> Texts:
    """Find the texts of a frame, given its columns, how one is read and how result columns are added."""
    names = [name for name, _ in columns]
    found = find_text_columns(columns, named(text_column, names))
    taken = [*names, *groups]
    parts = [get(names.index(name), f"column {name!r:.100}") for name in found]
    return Texts(
        [reduce(_join, parts)],
        attach=lambda result: attach(result.rename_columns(_added(result.column_names, taken, prefix))),
        check=lambda results: _added(results, taken, prefix),
    )


def _of_pandas_frame(frame: Any, text_column: object, prefix: str) -> Texts:
    types = [pandas_type(frame.iloc[:, at]) for at in range(frame.shape[1])]
    return _of_frame(
        list(zip(frame.columns, types, strict=True)),
        lambda at, where: pandas_strings(frame.iloc[:, at], where),
        lambda result: _attach_pandas(frame, result),
        text_column,
        prefix,
        # In a header of several levels a result column takes a name of the top one.
        groups=frame.columns.get_level_values(0) if frame.columns.nlevels > 1 else (),
    )


def _of_dataframe(frame: nw.DataFrame[Any], text_column: object, prefix: str) -> Texts:

    def attach(result: pa.Table) -> Any:
        if frame.implementation.is_polars():
            polars = need("polars", extra="polars", purpose="A Polars result")
            return frame.to_native().hstack(polars.from_arrow(result))
        return _attach_arrow(frame.to_arrow(), result)

    return _of_frame(
        [(name, series_type(frame[name])) for name in frame.columns],
        lambda at, where: series_strings(frame[frame.columns[at]], where),
        attach,
        text_column,
        prefix,
    )


def _of_arrow_frame(data: pa.Table | pa.RecordBatch, text_column: object, prefix: str) -> Texts:
    return _of_frame(
        [(field.name, field.type) for field in data.schema],
        lambda at, where: strings(data.column(at), where),
        lambda result: _attach_arrow(data, result),
        text_column,
        prefix,
    )


def _of_arrow_stream(data: Any, text_column: object, prefix: str) -> Texts:
    try:
        try:
            found = pa.RecordBatchReader.from_stream(data)
        except pa.ArrowInvalid:  # one column
            found = pa.chunked_array(data)
        whole = found.read_all() if isinstance(found, pa.RecordBatchReader) else found
    except (pa.ArrowException, OSError) as error:
        raise InputError("This Arrow stream cannot be read.", found=f"{error!s:.200}") from error
    return read(whole, text_column, prefix)


def _refuse_text_column(text_column: object, kind: str) -> None:
    if text_column is not None:
        raise InputError(
            f"text_column={shown(text_column)} was given, but {kind} has no named columns.",
            hint="leave text_column out, or pass the whole frame",
        )


def named(text_column: object, columns: Sequence[Hashable]) -> Sequence[object]:
    """Return the names in ``text_column``: none, one, or several in a sequence that is not itself a name.

    Examples
    --------
    >>> named(None, ["text"]), named(0, [0]), named(("a", 1), ["a", 1]), named(("a", 1), [("a", 1)])
    ([], [0], ('a', 1), [('a', 1)])
    """
    if text_column is None:
        return []
    if isinstance(text_column, str | bytes) or not isinstance(text_column, Sequence):
        return [text_column]
    return [text_column] if isinstance(text_column, tuple) and text_column in columns else text_column


def _join(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    both = pc.binary_join_element_wise(left, right, pa.scalar("\n", pa.large_string()))
    return pc.coalesce(both, left, right)


def _added(results: Sequence[str], taken: Sequence[Hashable], prefix: str) -> list[str]:
    """Return the names of result columns in a frame, none of which it has yet."""
    names = [prefix + name for name in results]
    clash = [name for name in names if name in taken]
    if clash:
        raise ColumnError(
            f"The frame already has {', '.join(map(repr, clash))}, and nothing of it is overwritten.",
            hint=Worded("name the result columns apart: {}", ("prefix", "predicted_")),
        )
    return names


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
    attached = frame.assign()
    for name in columns:
        # In a header of several levels pandas wants them all.
        levels = frame.columns.nlevels
        attached[name if levels == 1 else (name, *[""] * (levels - 1))] = columns[name].array
    return attached
