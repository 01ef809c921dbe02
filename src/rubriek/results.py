"""From scores to result columns: the one place that knows their names and types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.models.bundle import Bundle
    from rubriek.options import Options

Scores: TypeAlias = Literal["none", "best", "all", "wide"]
SCORES: tuple[Scores, ...] = get_args(Scores)
"""Which scores a file has: none, the best label's, all of them in one column, or a column for each label."""


def schema(bundle: Bundle, options: Options) -> pa.Schema:
    """Name the result columns of a model and their types.

    Parameters
    ----------
    bundle : Bundle
        The model.
    options : Options
        ``top_k`` and ``window_scores`` add columns.

    Returns
    -------
    pyarrow.Schema
        ``label`` string, ``score`` float, ``scores`` struct of all labels in the model's order, ``tokens``
        int32 (pieces of the whole text, special tokens included, before any cut), ``truncated`` bool,
        ``windows`` int32 (sequences that were read), ``empty`` bool (no text but white space); with ``top_k``
        also ``top``, for multi-label models also ``labels``, with ``window_scores`` also ``window_scores``.
    """
    scores = pa.struct([pa.field(label, pa.float32()) for label in bundle.labels])
    fields = [pa.field("label", pa.string()), pa.field("score", pa.float32()), pa.field("scores", scores)]
    if options.top_k is not None:
        fields.append(pa.field("top", pa.list_(RANKED)))
    if bundle.problem_type == "multi_label_classification":
        fields.append(pa.field("labels", pa.list_(pa.string())))
    fields += [
        pa.field("tokens", pa.int32()),
        pa.field("truncated", pa.bool_()),
        pa.field("windows", pa.int32()),
        pa.field("empty", pa.bool_()),
    ]
    if options.window_scores:
        fields.append(pa.field("window_scores", pa.list_(scores)))
    return pa.schema(fields)


RANKED = pa.struct([pa.field("label", pa.string()), pa.field("score", pa.float32())])


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What was computed for distinct texts, before it becomes columns or rows.

    Attributes
    ----------
    scores : ndarray of float32, shape (texts, labels)
        Scores of each text.
    tokens, truncated, windows, empty : ndarray, shape (texts,)
        The columns of these names.
    window_scores : ndarray of float32, shape (windows of all texts, labels)
        Scores of each window, text after text.
    """

    scores: NDArray[np.float32]
    tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    windows: NDArray[np.int64]
    empty: NDArray[np.bool_]
    window_scores: NDArray[np.float32]


def table(bundle: Bundle, options: Options, answers: Answers) -> pa.Table:
    """Build the result columns of texts that were read.

    Parameters
    ----------
    bundle, options
        The model and the options of the run.
    answers : Answers
        What was computed.

    Returns
    -------
    pyarrow.Table
        With the columns of `schema`.
    """
    scores = answers.scores
    best = scores.argmax(axis=1) if len(bundle.labels) > 1 else np.zeros(len(scores), dtype=np.int64)
    columns: dict[str, pa.Array] = {
        "label": _labels(bundle, best),
        "score": pa.array(scores[np.arange(len(scores)), best], pa.float32()),
        "scores": _struct(bundle, scores),
        "tokens": pa.array(answers.tokens, pa.int32()),
        "truncated": pa.array(answers.truncated),
        "windows": pa.array(answers.windows, pa.int32()),
        "empty": pa.array(answers.empty),
    }
    if options.top_k is not None:
        columns["top"] = _top(bundle, scores, min(options.top_k, len(bundle.labels)))
    if bundle.problem_type == "multi_label_classification":
        threshold = bundle.threshold if options.threshold is None else options.threshold
        columns["labels"] = _over(bundle, scores >= np.asarray(threshold, dtype=np.float32))
    if options.window_scores:
        offsets = np.concatenate([[0], np.cumsum(answers.windows)])
        columns["window_scores"] = _lists(offsets, _struct(bundle, answers.window_scores))
    names = schema(bundle, options)
    return pa.table([columns[name] for name in names.names], schema=names)


def rows(bundle: Bundle, options: Options, answers: Answers) -> list[dict[str, Any]]:
    """Build the same as plain values: ``table(...).to_pylist()``, but quick where texts are few.

    Arrow takes a quarter of a millisecond to make columns of a single row, as long as all else that a server
    does for it.

    Returns
    -------
    list of dict
        The columns of `schema`, for each text.
    """
    labels = bundle.labels
    multi = bundle.problem_type == "multi_label_classification"
    threshold = np.asarray(bundle.threshold if options.threshold is None else options.threshold, np.float32)
    ends = np.cumsum(answers.windows)
    found: list[dict[str, Any]] = []
    for place, scores in enumerate(answers.scores):
        values = scores.tolist()
        best = int(scores.argmax())
        row: dict[str, Any] = {
            "label": labels[best],
            "score": values[best],
            "scores": dict(zip(labels, values, strict=True)),
        }
        if options.top_k is not None:
            ranked = np.argsort(-scores, kind="stable")[: options.top_k].tolist()
            row["top"] = [{"label": labels[index], "score": values[index]} for index in ranked]
        if multi:
            row["labels"] = [labels[index] for index in np.nonzero(scores >= threshold)[0].tolist()]
        row["tokens"] = int(answers.tokens[place])
        row["truncated"] = bool(answers.truncated[place])
        row["windows"] = int(answers.windows[place])
        row["empty"] = bool(answers.empty[place])
        if options.window_scores:
            window_scores = answers.window_scores[ends[place] - answers.windows[place] : ends[place]]
            row["window_scores"] = [
                dict(zip(labels, window, strict=True)) for window in window_scores.tolist()
            ]
        found.append(row)
    return found


def _labels(bundle: Bundle, index: NDArray[np.int64]) -> pa.Array:
    return pa.array(bundle.labels, pa.string()).take(pa.array(index))


def _struct(bundle: Bundle, scores: NDArray[np.float32]) -> pa.Array:
    columns = [pa.array(np.ascontiguousarray(column)) for column in scores.T]
    return pa.StructArray.from_arrays(columns, names=list(bundle.labels))


def _lists(offsets: NDArray[np.int64], values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _top(bundle: Bundle, scores: NDArray[np.float32], k: int) -> pa.Array:
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    values = pa.array(np.take_along_axis(scores, ranked, axis=1).ravel())
    pairs = pa.StructArray.from_arrays([_labels(bundle, ranked.ravel()), values], fields=list(RANKED))
    return _lists(np.arange(0, len(scores) * k + 1, k), pairs)


def _over(bundle: Bundle, chosen: NDArray[np.bool_]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(chosen.sum(axis=1))])
    return _lists(offsets, _labels(bundle, np.nonzero(chosen)[1]))


def with_scores(table: pa.Table, scores: Scores) -> pa.Table:
    """Return result columns with other columns of scores.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of `schema`.
    scores : {"none", "best", "all", "wide"}
        ``"none"`` leaves out ``score`` and ``scores``, ``"best"`` leaves out ``scores``, ``"all"`` changes
        nothing, ``"wide"`` puts a column ``score_LABEL`` for each label in the place of ``scores``.

    Returns
    -------
    pyarrow.Table

    Examples
    --------
    >>> scores = pa.array([{"Sport": 0.75, "Weer": 0.25}, None])
    >>> wide = with_scores(pa.table({"score": [0.75, None], "scores": scores}), "wide")
    >>> wide.column_names, wide["score_Weer"].to_pylist()
    (['score', 'score_Sport', 'score_Weer'], [0.25, None])
    """
    if scores == "none":
        return table.drop_columns(["score", "scores"])
    if scores == "best":
        return table.drop_columns(["scores"])
    if scores == "wide":
        at, labels = table.column_names.index("scores"), table["scores"].combine_chunks()
        table = table.remove_column(at)
        # From the last to the first, each at the same place
        for field, column in reversed(list(zip(labels.type, labels.flatten(), strict=True))):
            table = table.add_column(at, f"score_{field.name}", column)
    return table


def counted(labels: pa.ChunkedArray) -> dict[str, int]:
    """Count how often each label occurs, nulls left out."""
    rows: list[dict[str, Any]] = labels.drop_null().value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in rows}
