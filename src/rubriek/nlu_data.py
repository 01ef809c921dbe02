"""The data that NLU takes, and the frames that it gives back."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from rubriek import frames
from rubriek.errors import ColumnError, InputError, need

TEXT = "text"


class Given:
    """The texts of any data, and the way back to a frame.

    Parameters
    ----------
    data : str, list, tuple, numpy array, column or frame
        Of a frame the column ``text`` is read, else the first.

    Attributes
    ----------
    texts : list of str
        The texts; an empty one where there is none.

    Raises
    ------
    InputError, ColumnError
        If there are no texts in it.
    """

    def __init__(self, data: Any) -> None:
        self.native: nw.DataFrame[Any] | None = None
        if isinstance(data, str):
            data = [data]
        native = frames.as_narwhals(data)
        if isinstance(native, nw.Series):
            native = native.alias(native.name or TEXT).to_frame()
        if isinstance(native, nw.DataFrame):
            self.native = native
            self.column = TEXT if TEXT in native.columns else (native.columns or [""])[0]
            if not native.columns:
                raise ColumnError("This frame has no columns.", expected="a column of texts")
            found = frames.read(native.to_native(), self.column, "result_")
        elif isinstance(data, list | tuple | np.ndarray):
            found = frames.read(data, None, "")
        else:
            raise InputError(
                "Invalid datatype",
                expected="a string, a list, a numpy array, or a column or frame of pandas, Polars or Spark",
                found=f"{type(data).__module__}.{type(data).__qualname__}",
            )
        chunks = [chunk for part in found.chunks for chunk in _chunks(part)]
        self.texts: list[str] = [text or "" for chunk in chunks for text in chunk.to_pylist()]

    def frame(self, columns: dict[str, list[Any]], rows: np.ndarray[Any, Any], *, keep: bool) -> Any:
        """Build a frame, its columns in alphabetical order.

        Parameters
        ----------
        columns : dict of str to list
            What was found out.
        rows : ndarray of int
            Which text each row belongs to.
        keep : bool
            Whether the other columns of the caller's frame come along.

        Returns
        -------
        frame
            Of Polars where that was given, else of pandas.
        """
        names = sorted(columns)
        if self.native is None:
            return need("pandas", extra="pandas", purpose="The answer of nlu").DataFrame(
                _whole({name: columns[name] for name in names})
            )
        kept = [name for name in self.native.columns if keep and name not in columns]
        names = sorted([*names, *kept], key=str)
        native = self.native.to_native()
        if self.native.implementation.is_polars():
            made = need("polars", extra="polars", purpose="A Polars result").DataFrame(columns)
            return made.hstack(native[rows.tolist()].select(kept)).select(names)
        pandas = need("pandas", extra="pandas", purpose="The answer of nlu")
        # pandas takes rows of every type; Arrow itself, of some only.
        whole = native if self.native.implementation.is_pandas() else _in_pandas(self.native.select(kept))
        taken = whole.iloc[rows]
        made = pandas.DataFrame(_whole(columns), index=taken.index)
        for name in kept:
            made[name] = taken[name]
        return made[names]


def _in_pandas(frame: nw.DataFrame[Any]) -> Any:
    try:
        return frame.to_pandas()
    except pa.ArrowException as error:
        raise InputError(
            "A column of this frame has no form in pandas, in which nlu answers.", found=f"{error!s:.200}"
        ) from error


def _whole(columns: dict[str, list[Any]]) -> dict[str, Any]:
    """Keep places whole numbers in pandas where one of them is missing."""
    pandas = need("pandas", extra="pandas", purpose="The answer of nlu")
    return {
        name: pandas.array(values, dtype="Int64") if _is_place(name) else values
        for name, values in columns.items()
    }


def _is_place(name: str) -> bool:
    return name.endswith(("_begin", "_end")) and "_confidence" not in name


def _chunks(part: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return part.chunks if isinstance(part, pa.ChunkedArray) else [part]
