"""Columns of annotations as flat lists: what stages hand on to each other.

A pipeline makes many small annotations. They are kept as one flat list per field, and become Arrow columns or
Python objects only where somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rubriek.errors import ColumnError
from rubriek.sparknlp.annotation import ARROW_COLUMN, ARROW_TYPE, Annotation

SENTENCE = "sentence"


class Metadata(Protocol):
    """The metadata of a column's annotations."""

    def dicts(self, start: int, stop: int) -> list[dict[str, str | None]]:
        """Return the metadata of some annotations as Python values."""
        ...

    def arrow(self) -> pa.MapArray:
        """Return all metadata."""
        ...


@dataclass(frozen=True)
class SentenceIndex:
    """Metadata that is ``{"sentence": index}`` and nothing else."""

    sentences: Sequence[int]

    def dicts(self, start: int, stop: int) -> list[dict[str, str | None]]:
        """Return the metadata of some annotations as Python values."""
        return [{SENTENCE: str(index)} for index in self.sentences[start:stop]]

    def arrow(self) -> pa.MapArray:
        """Return all metadata."""
        count = len(self.sentences)
        values = pa.array(self.sentences, pa.int32()).cast(pa.string())
        return pa.MapArray.from_arrays(
            np.arange(count + 1, dtype=np.int32), pa.repeat(pa.scalar(SENTENCE), count), values
        )


@dataclass(frozen=True)
class Scores:
    """Metadata of categories: the sentence, then the score of every label.

    Attributes
    ----------
    sentences : sequence of int
        One for each annotation.
    labels : tuple of str
        In the model's order.
    values : ndarray of float32, shape (annotations, labels)
        Their scores.
    """

    sentences: Sequence[int]
    labels: tuple[str, ...]
    values: NDArray[np.float32]

    def dicts(self, start: int, stop: int) -> list[dict[str, str | None]]:
        """Return the metadata of some annotations as Python values."""
        rows = self.values[start:stop]
        texts = java_floats(rows.ravel())
        width = len(self.labels)
        return [
            {
                SENTENCE: str(self.sentences[start + at]),
                **dict(zip(self.labels, texts[at * width : (at + 1) * width], strict=True)),
            }
            for at in range(len(rows))
        ]

    def arrow(self) -> pa.MapArray:
        """Return all metadata."""
        if SENTENCE in self.labels:  # a label of that name takes the index's place, as in Spark NLP
            return _maps(self.dicts(0, len(self.values)))
        count, width = len(self.values), len(self.labels) + 1
        items = np.empty((count, width), dtype=object)
        items[:, 0] = [str(index) for index in self.sentences]
        items[:, 1:] = np.array(java_floats(self.values.ravel()), dtype=object).reshape(count, width - 1)
        keys = pa.array([SENTENCE, *self.labels], pa.string()).take(
            pa.array(np.tile(np.arange(width), count))
        )
        offsets = np.arange(0, count * width + 1, width, dtype=np.int32)
        return pa.MapArray.from_arrays(offsets, keys, pa.array(items.ravel(), pa.string()))


@dataclass(frozen=True)
class Mappings:
    """Any metadata."""

    values: Sequence[dict[str, str | None]]

    def dicts(self, start: int, stop: int) -> list[dict[str, str | None]]:
        """Return the metadata of some annotations as Python values."""
        return [dict(value) for value in self.values[start:stop]]

    def arrow(self) -> pa.MapArray:
        """Return all metadata."""
        return _maps(self.values)


def _maps(values: Sequence[dict[str, str | None]]) -> pa.MapArray:
    return pa.array([list(value.items()) for value in values], ARROW_TYPE.field("metadata").type)


def java_floats(values: NDArray[np.float32]) -> list[str]:
    """Write numbers as Java's ``Float.toString`` does: shortest, with an exponent below 0.001.

    Examples
    --------
    >>> java_floats(np.array([0.6590011, 1.5667251e-4, 1, 0], dtype=np.float32))
    ['0.6590011', '1.5667251E-4', '1.0', '0.0']
    """
    texts: list[str] = pa.array(values).cast(pa.string()).to_pylist()
    for at, text in enumerate(texts):
        value = values[at]
        if value and abs(value) < 1e-3:
            mantissa, _, exponent = np.format_float_scientific(value, unique=True, trim="0").partition("e")
            texts[at] = f"{mantissa}E{int(exponent)}"
        elif "." not in text and text[-1:].isdigit():
            texts[at] = text + ".0"
    return texts


@dataclass(frozen=True)
class AnnotationColumn:
    """The annotations of many rows.

    Attributes
    ----------
    annotator_type : str
        ``"document"``, ``"token"`` or ``"category"``; others only pass through.
    offsets : list of int, length rows + 1
        Row ``i`` has the annotations ``offsets[i]`` to ``offsets[i + 1]``.
    begin, end : sequence of int
        UTF-16 units, ``end`` inclusive.
    result : sequence of str
        What was found.
    sentences : sequence of int
        The index that ``metadata["sentence"]`` holds; 0 where it holds none.
    metadata : Metadata
        All of it.
    """

    annotator_type: str
    offsets: Sequence[int]
    begin: Sequence[int]
    end: Sequence[int]
    result: Sequence[str]
    sentences: Sequence[int]
    metadata: Metadata

    def rows(self) -> Iterator[tuple[int, int]]:
        """Return where each row's annotations start and stop."""
        return pairwise(self.offsets)

    def arrow(self) -> pa.ListArray:
        """Return the column in Arrow's form."""
        count = len(self.result)
        fields = [
            pa.repeat(pa.scalar(self.annotator_type), count),
            pa.array(self.begin, pa.int32()),
            pa.array(self.end, pa.int32()),
            pa.array(self.result, pa.string()),
            self.metadata.arrow(),
            pa.ListArray.from_arrays(
                pa.array(np.zeros(count + 1, dtype=np.int32)),
                pa.array([], pa.float32()),
                type=ARROW_TYPE.field("embeddings").type,
            ),
        ]
        structs = pa.StructArray.from_arrays(fields, fields=list(ARROW_TYPE))
        return pa.ListArray.from_arrays(pa.array(self.offsets, pa.int32()), structs, type=ARROW_COLUMN)

    def annotations(self) -> list[list[Annotation]]:
        """Return Python objects, row by row."""
        return [
            [
                Annotation(self.annotator_type, self.begin[at], self.end[at], self.result[at], metadata, [])
                for at, metadata in enumerate(self.metadata.dicts(start, stop), start)
            ]
            for start, stop in self.rows()
        ]

    def take(self, rows: NDArray[np.int64]) -> AnnotationColumn:
        """Return the annotations of some rows, in the order asked for."""
        return AnnotationColumn.of_rows("", self.arrow().take(pa.array(rows)).to_pylist())

    @classmethod
    def of_rows(cls, name: str, rows: Iterable[Any]) -> AnnotationColumn:
        """Read a column of annotations that came from outside.

        Parameters
        ----------
        name : str
            What it is called, for messages.
        rows : iterable of list of dict
            Annotations as Python values; the metadata may be a dict or a list of pairs.

        Raises
        ------
        ColumnError
            If it is no such column.
        """
        offsets, begin, end, result, metadata = [0], [], [], [], []
        kind = None
        try:
            for row in rows:
                for item in () if row is None else row:
                    kind = kind or item["annotatorType"]
                    begin.append(int(item["begin"]))
                    end.append(int(item["end"]))
                    result.append(item["result"] or "")
                    metadata.append(_pairs(item["metadata"]))
                offsets.append(len(begin))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ColumnError(
                f"The column {name!r} holds no annotations.",
                expected="lists of structs annotatorType, begin, end, result, metadata, embeddings",
                found=f"{type(error).__name__}: {error}",
            ) from error
        sentences = [_whole(values.get(SENTENCE)) for values in metadata]
        return cls(kind or "", offsets, begin, end, result, sentences, Mappings(metadata))


def _pairs(value: Any) -> dict[str, str | None]:
    if isinstance(value, dict):
        return value
    # Arrow gives a map as pairs, Polars as structs of two fields.
    return dict(tuple(item.values()) if isinstance(item, dict) else item for item in value)


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0
