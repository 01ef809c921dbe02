"""What comes back when no frame went in: one prediction, or a sequence of them over Arrow columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from rubriek.errors import ColumnError, need

if TYPE_CHECKING:
    import pyarrow as pa

    from rubriek.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text; every field is ``None`` where the text was null.

    Attributes
    ----------
    label : str
        The label of the highest score.
    score : float
        Its probability (for regression: the value itself).
    scores : dict of str to float
        The scores of all labels, in the model's order.
    tokens : int
        Pieces of the whole text, special tokens included, before any cut.
    truncated : bool
        Whether the text was cut.
    windows : int
        How many sequences were read for it.
    empty : bool
        Whether the text held nothing but white space.
    labels : tuple of str, optional
        Multi-label models: every label over the threshold.
    top : list of dict, optional
        With ``top_k``: the best labels and their scores, best first.
    window_scores : list of dict, optional
        With ``window_scores``: the scores of each window.
    """

    label: str | None
    score: float | None
    scores: dict[str, float] | None
    tokens: int | None
    truncated: bool | None
    windows: int | None
    empty: bool | None
    labels: list[str] | None = None
    top: list[dict[str, Any]] | None = None
    window_scores: list[dict[str, float]] | None = None

    def _repr_html_(self) -> str:
        from rubriek import notebook

        return notebook.prediction(self)


class Predictions(Sequence[Prediction]):
    """Predictions in the order of the texts: a sequence, and Arrow columns under it.

    Parameters
    ----------
    table : pyarrow.Table
        The result columns.
    statistics : Statistics
        What the run did.

    Examples
    --------
    >>> import rubriek
    >>> answers = rubriek.load("nl-news").predict(["De minister trad af.", None])
    >>> len(answers), answers[1].label
    (2, None)
    >>> answers["tokens"].to_pylist()
    [7, None]
    """

    def __init__(self, table: pa.Table, statistics: Statistics) -> None:
        self._table = table
        self.statistics = statistics

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, key: int) -> Prediction: ...
    @overload
    def __getitem__(self, key: slice) -> Predictions: ...
    @overload
    def __getitem__(self, key: str) -> pa.ChunkedArray: ...
    def __getitem__(self, key: int | slice | str) -> Prediction | Predictions | pa.ChunkedArray:
        if isinstance(key, str):
            if key not in self._table.column_names:
                raise ColumnError(
                    f"The result has no column '{key}'.",
                    expected=f"one of {', '.join(self._table.column_names)}",
                )
            return self._table.column(key)
        if isinstance(key, slice):
            import pyarrow as pa

            # Named, since the type of no rows at all would be null.
            return Predictions(self._table.take(pa.array(range(len(self))[key], pa.int64())), self.statistics)
        row = range(len(self))[key]
        return Prediction(**self._table.slice(row, 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Prediction]:
        for batch in self._table.to_batches(max_chunksize=1024):
            for row in batch.to_pylist():
                yield Prediction(**row)

    def __repr__(self) -> str:
        shown = ", ".join(
            "null" if answer.score is None else f"{answer.label} {answer.score:.2f}" for answer in self[:3]
        )
        return f"Predictions({len(self)} texts: {shown}{', ...' if len(self) > 3 else ''})"

    def _repr_html_(self) -> str:
        from rubriek import notebook

        return notebook.predictions(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the columns to any library that reads Arrow streams."""
        return self._table.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """Return the result columns as a pyarrow table."""
        return self._table

    def to_pandas(self) -> Any:
        """Return the result columns as a pandas DataFrame.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        from rubriek.frames import to_pandas

        return to_pandas(self._table)

    def to_polars(self) -> Any:
        """Return the result columns as a Polars DataFrame.

        Raises
        ------
        MissingExtraError
            If Polars is not installed.
        """
        return need("polars", extra="polars", purpose="A Polars result").from_arrow(self._table)
