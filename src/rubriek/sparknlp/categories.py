"""From scores to category annotations, as Spark NLP's classifiers give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rubriek.sparknlp.annotation import CATEGORY
from rubriek.sparknlp.annotation_columns import AnnotationColumn, Scores


@dataclass(frozen=True)
class Sentences:
    """The sentences that have tokens, and the rows they stand in.

    Attributes
    ----------
    row : ndarray of int64
        The row of each; never decreasing.
    annotation : ndarray of int64
        Which annotation of the document column it is.
    rows : int
        How many rows there are.
    """

    row: NDArray[np.int64]
    annotation: NDArray[np.int64]
    rows: int


def link(documents: AnnotationColumn, tokens: AnnotationColumn) -> tuple[Sentences, list[list[int]]]:
    """Find the tokens of each sentence: those that stand within it.

    A sentence without tokens is left out, together with its place, so that the results of the others stay
    where they belong; Spark NLP shifts them.

    Parameters
    ----------
    documents, tokens : AnnotationColumn
        Documents or sentences, and tokens, of the same rows.

    Returns
    -------
    sentences : Sentences
        Those with tokens.
    places : list of list of int
        The tokens of each.
    """
    row_of: list[int] = []
    kept: list[int] = []
    places: list[list[int]] = []
    for row, ((first, last), (start, stop)) in enumerate(zip(documents.rows(), tokens.rows(), strict=True)):
        for at in range(first, last):
            begin, end = documents.begin[at], documents.end[at]
            inside = [i for i in range(start, stop) if tokens.begin[i] >= begin and tokens.end[i] <= end]
            if inside:
                row_of.append(row)
                kept.append(at)
                places.append(inside)
    return Sentences(np.array(row_of, np.int64), np.array(kept, np.int64), len(documents.offsets) - 1), places


def coalesce(scores: NDArray[np.float32], sentences: Sentences) -> tuple[NDArray[np.float32], Sentences]:
    """Average the scores of each row's sentences; the first sentence stands for the row.

    All sentences of a row count, however many there are; Spark NLP averages every ``batchSize`` of them.
    """
    _, first = np.unique(sentences.row, return_index=True)
    if not len(first):
        return scores, sentences
    counts = np.diff(np.append(first, len(sentences.row)))
    sums = np.add.reduceat(scores.astype(np.float64), first, axis=0)
    means = (sums / counts[:, None]).astype(np.float32)
    return means, Sentences(sentences.row[first], sentences.annotation[first], sentences.rows)


def categories(
    documents: AnnotationColumn,
    sentences: Sentences,
    scores: NDArray[np.float32],
    labels: tuple[str, ...],
    *,
    threshold: float | None = None,
) -> AnnotationColumn:
    """Make the annotations.

    Parameters
    ----------
    documents : AnnotationColumn
        Where the sentences stand.
    sentences : Sentences
        What the scores belong to.
    scores : ndarray of float32, shape (sentences, labels)
        Their scores.
    labels : tuple of str
        The labels, in the order of the scores.
    threshold : float, optional
        With it, an annotation for each label of a higher score, none for a sentence without one. Without it,
        one annotation for each sentence: the label of the highest score, the first of equals.

    Returns
    -------
    AnnotationColumn
    """
    if threshold is None:
        of_sentence = np.arange(len(scores))
        chosen = scores.argmax(axis=1) if len(scores) else of_sentence
    else:
        of_sentence, chosen = np.nonzero(scores > np.float32(threshold))
    counts = np.bincount(sentences.row[of_sentence], minlength=sentences.rows)
    places = sentences.annotation[of_sentence].tolist()
    index = _at(documents.sentences, places)
    return AnnotationColumn(
        annotator_type=CATEGORY,
        offsets=[0, *np.cumsum(counts).tolist()],
        begin=_at(documents.begin, places),
        end=_at(documents.end, places),
        result=[labels[label] for label in chosen.tolist()],
        sentences=index,
        metadata=Scores(index, labels, scores[of_sentence]),
    )


def _at(values: Sequence[int], places: list[int]) -> list[int]:
    return [values[place] for place in places]
