"""One pass of a pipeline over some rows: what came in, and what its stages made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rubriek.errors import ColumnError
from rubriek.sparknlp.annotation import ARROW_COLUMN
from rubriek.sparknlp.annotation_columns import AnnotationColumn


class Source(Protocol):
    """The rows that came in.

    Attributes
    ----------
    names : sequence of str
        Their columns.
    """

    names: Sequence[str]

    def __len__(self) -> int: ...

    def arrow(self, name: str) -> pa.Array | pa.ChunkedArray:
        """Return a column in Arrow's form."""
        ...

    def values(self, name: str) -> list[Any]:
        """Return a column as Python values."""
        ...

    def annotator_type(self, name: str) -> str | None:
        """Return what annotations a column holds; None where it holds none."""
        ...


class Rows:
    """Rows under way through the stages of a pipeline.

    Parameters
    ----------
    source : Source
        What came in.
    types : dict of str to str or None
        All columns, also those to come, and what annotations they hold.
    light : bool, default False
        Whether a LightPipeline asks, whose documents have no metadata.

    Attributes
    ----------
    annotations : dict of str to AnnotationColumn
        Columns that stages made, not yet in any frame's form.
    finished : dict of str to pyarrow array
        Other columns that stages made.
    which : ndarray of int64, optional
        Which row of the source each row is, where rows were exploded.
    """

    def __init__(self, source: Source, types: dict[str, str | None], *, light: bool = False) -> None:
        self.source = source
        self.types = types
        self.light = light
        self.annotations: dict[str, AnnotationColumn] = {}
        self.finished: dict[str, pa.Array] = {}
        self.which: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.source) if self.which is None else len(self.which)

    def column(self, name: str) -> pa.Array | pa.ChunkedArray:
        """Return a column of the source."""
        values = self.source.arrow(name)
        return values if self.which is None else values.take(pa.array(self.which))

    def annotated(self, name: str) -> AnnotationColumn:
        """Return a column of annotations, made by a stage or found in the source."""
        if name not in self.annotations:
            column = AnnotationColumn.of_rows(name, self.source.values(name))
            self.annotations[name] = column if self.which is None else column.take(self.which)
        return self.annotations[name]

    def explode(self, rows: NDArray[np.int64]) -> None:
        """Go on with some of the rows, each as often as it is named."""
        self.which = rows if self.which is None else self.which[rows]
        self.annotations = {name: column.take(rows) for name, column in self.annotations.items()}
        self.finished = {name: column.take(pa.array(rows)) for name, column in self.finished.items()}


class Plan:
    """The columns of a pipeline, before a single row is read: which hold annotations, and what comes out.

    Parameters
    ----------
    types : dict of str to str or None
        The columns that come in, and what annotations they hold.

    Attributes
    ----------
    types : dict of str to str or None
        All columns as far as planned.
    known : dict of str to str or None
        The same, with those that were dropped on the way.
    made : dict of str to pyarrow.DataType
        Those that stages make.
    dropped : set of str
        Columns that came in and go.
    """

    def __init__(self, types: dict[str, str | None]) -> None:
        self.types = dict(types)
        self.known = dict(types)
        self.made: dict[str, pa.DataType] = {}
        self.dropped: set[str] = set()

    def require(self, name: str) -> None:
        """Insist on a column.

        Raises
        ------
        ColumnError
            If there is none of that name.
        """
        if name not in self.types:
            raise ColumnError(
                f"Dataset does not have any '{name}' column",
                expected=f"one of {', '.join(map(repr, self.types))}",
            )

    def annotate(self, name: str, annotator_type: str) -> None:
        """Plan a column of annotations."""
        self.add(name, ARROW_COLUMN)
        self.types[name] = self.known[name] = annotator_type

    def add(self, name: str, kind: pa.DataType) -> None:
        """Plan another column."""
        self.types[name] = self.known[name] = None
        self.made[name] = kind
        self.dropped.discard(name)

    def drop(self, name: str) -> None:
        """Let a column go, whether it came in or was made."""
        if self.made.pop(name, None) is None or name not in self.types:
            self.dropped.add(name)
        self.types.pop(name, None)
