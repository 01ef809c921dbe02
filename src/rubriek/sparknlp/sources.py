"""The rows of a frame of any kind, and the way back to that kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from rubriek import frames, text_values
from rubriek.errors import ColumnError, InputError, need
from rubriek.sparknlp.annotation import ARROW_COLUMN

ANNOTATOR_TYPE = b"annotatorType"
"""Spark NLP's key in the metadata of a column."""


class ArrowSource:
    """Rows of an Arrow table or batch.

    Parameters
    ----------
    table : pyarrow.Table or RecordBatch
        The rows.
    """

    def __init__(self, table: pa.Table | pa.RecordBatch) -> None:
        self.table = table
        self.names: Sequence[str] = table.schema.names

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def slice(self, start: int, length: int) -> ArrowSource:
        """Return some of the rows."""
        return ArrowSource(self.table.slice(start, length))

    def arrow(self, name: str) -> pa.Array | pa.ChunkedArray:
        """Return a column in Arrow's form."""
        return self.table.column(name)

    def values(self, name: str) -> list[Any]:
        """Return a column as Python values."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    def annotator_type(self, name: str) -> str | None:
        """Return what annotations a column holds: as its metadata says, else as its first one says."""
        field = self.table.schema.field(name)
        if field.metadata and ANNOTATOR_TYPE in field.metadata:
            return str(field.metadata[ANNOTATOR_TYPE].decode())
        return _first_type(self.values(name)) if _may_hold_annotations(field.type) else None

    def attach(self, made: Mapping[str, pa.Array], types: Mapping[str, str | None], gone: set[str]) -> Any:
        """Return the rows with columns added or replaced, and without some."""
        fields = {field.name: field for field in self.table.schema if field.name not in gone}
        columns = {name: self.table.column(name) for name in fields}
        for name, values in made.items():
            kind = types[name]
            fields[name] = pa.field(
                name, values.type, metadata=None if kind is None else {ANNOTATOR_TYPE: kind.encode()}
            )
            columns[name] = values
        schema = pa.schema(list(fields.values()), metadata=self.table.schema.metadata)
        if isinstance(self.table, pa.RecordBatch):
            return pa.RecordBatch.from_arrays([_whole(column) for column in columns.values()], schema=schema)
        return pa.table(list(columns.values()), schema=schema)

    def take(self, rows: np.ndarray[Any, Any]) -> ArrowSource:
        """Return rows in any order and number."""
        return ArrowSource(self.table.take(pa.array(rows)))


class FrameSource:
    """Rows of a frame of pandas, Polars, or another library that narwhals knows.

    Parameters
    ----------
    frame : narwhals.DataFrame
        The rows.
    """

    def __init__(self, frame: nw.DataFrame[Any]) -> None:
        self.frame = frame
        self.names: Sequence[str] = frame.columns

    def __len__(self) -> int:
        return len(self.frame)

    def slice(self, start: int, length: int) -> FrameSource:
        """Return some of the rows."""
        return FrameSource(self.frame[start : start + length])

    def arrow(self, name: str) -> pa.Array | pa.ChunkedArray:
        """Return a column in Arrow's form.

        Raises
        ------
        InputError
            If Arrow has no form for its values.
        """
        try:
            return self._arrow(name)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
            raise InputError(
                f"The column {name!r} holds values of kinds that do not go together.",
                expected="texts or annotations",
                found=f"{error!s:.200}",
            ) from error

    def _arrow(self, name: str) -> pa.Array | pa.ChunkedArray:
        native = self.frame[name].to_native()
        if self.frame.implementation.is_pandas() and native.dtype == object:
            values = native.tolist()
            if any(isinstance(value, list | dict | tuple | np.ndarray) for value in values):
                return pa.array(values, from_pandas=True)
            return text_values.column(values)
        return self.frame[name].to_arrow()

    def values(self, name: str) -> list[Any]:
        """Return a column as Python values."""
        return self.frame[name].to_list()

    def annotator_type(self, name: str) -> str | None:
        """Return what annotations a column holds, as its first one says."""
        kind = self.frame.schema[name]
        nested = isinstance(kind, nw.List | nw.Array | nw.Object)
        return _first_type(self.values(name)) if nested else None

    def attach(self, made: Mapping[str, pa.Array], types: Mapping[str, str | None], gone: set[str]) -> Any:
        """Return the rows with columns added or replaced, and without some."""
        frame = self.frame.drop(*[name for name in gone if name in self.names])
        native = frame.to_native()
        if frame.implementation.is_pandas():
            pandas = need("pandas", extra="pandas", purpose="A pandas result")
            columns = {
                name: pandas.Series(_python(values), index=native.index, dtype=object)
                for name, values in made.items()
            }
            return native.assign(**columns)
        if frame.implementation.is_polars():
            polars = need("polars", extra="polars", purpose="A Polars result")
            return native.with_columns(
                [polars.from_arrow(values).alias(name) for name, values in made.items()]
            )
        return ArrowSource(frame.to_arrow()).attach(made, types, set())

    def take(self, rows: np.ndarray[Any, Any]) -> FrameSource:
        """Return rows in any order and number."""
        return FrameSource(self.frame[rows.tolist()])


def source_of(data: Any) -> ArrowSource | FrameSource:
    """Read the rows of any frame.

    Raises
    ------
    InputError
        If the data is no frame.
    """
    if isinstance(data, pa.Table | pa.RecordBatch):
        _check_names(data.schema.names)
        return ArrowSource(data)
    frame = frames.as_narwhals(data)
    if isinstance(frame, nw.DataFrame):
        _check_names(frame.columns)
        return FrameSource(frame)
    if isinstance(frame, nw.LazyFrame):
        raise InputError("A lazy frame has no rows yet.", hint="collect it first: transform(frame.collect())")
    raise InputError(
        "This is no data that a pipeline can transform.",
        expected="a DataFrame of Spark, pandas or Polars, or an Arrow table",
        found=f"{type(data).__module__}.{type(data).__qualname__}",
        hint="LightPipeline(model).annotate(texts) takes strings and lists of strings",
    )


def _check_names(names: Sequence[object]) -> None:
    """Stages find columns by name alone, as Spark does."""
    known = set()
    for name in names:
        if not isinstance(name, str):
            raise ColumnError(
                f"The frame has a column named {name!r:.100}.",
                expected="names that are strings",
                hint="rename it: data.rename(columns=str)",
            )
        if name in known:
            raise ColumnError(f"The frame has two columns named {name!r:.100}.", hint="rename one of them")
        known.add(name)


class TextSource:
    """Texts alone, under whatever name a stage asks for: what a LightPipeline gives to its stages.

    Parameters
    ----------
    texts : list of str
        The texts.
    names : sequence of str
        The columns that the pipeline reads them from.
    """

    def __init__(self, texts: list[str], names: Sequence[str]) -> None:
        self.names = names
        self._texts = text_values.column(texts)

    def __len__(self) -> int:
        return len(self._texts)

    def arrow(self, name: str) -> pa.Array:
        """Return the texts."""
        return self._texts

    def values(self, name: str) -> list[Any]:
        """Return the texts."""
        texts: list[Any] = self._texts.to_pylist()
        return texts

    def annotator_type(self, name: str) -> str | None:
        """Return None: texts are no annotations."""
        return None


def _may_hold_annotations(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    inner = kind.value_type
    return bool(pa.types.is_struct(inner) and inner.get_field_index("annotatorType") >= 0)


def _first_type(rows: list[Any]) -> str | None:
    for row in rows:
        if isinstance(row, list | tuple | np.ndarray) and len(row):
            return row[0].get("annotatorType") if isinstance(row[0], dict) else None
    return None


def _python(values: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Turn a column into Python values, maps into dicts."""
    if values.type != ARROW_COLUMN:
        found: list[Any] = values.to_pylist()
        return found
    rows: list[Any] = values.to_pylist(maps_as_pydicts="strict")
    return rows


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
