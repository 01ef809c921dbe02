"""Compares what two models say of the same texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rubriek import text_values
from rubriek.errors import OptionError
from rubriek.models.bundle import Agreement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.classifier import Classifier

REGRESSION_TOLERANCE = 0.01
"""How far two values may lie apart to count as equal, as a share of the range of the reference's values."""


def agreement(
    reference: Classifier,
    candidate: Classifier,
    texts: Iterable[str | None] | pa.Array | pa.ChunkedArray,
    *,
    sample: str = "unnamed",
) -> Agreement:
    """Count how often two models give the same labels.

    Parameters
    ----------
    reference, candidate : Classifier
        The models; of the same labels and problem type.
    texts : iterable of str, or Arrow column
        The texts. Nulls are left out.
    sample : str, default "unnamed"
        What the texts are, for the record.

    Returns
    -------
    Agreement
        ``agreement`` is the share of texts with the same label (single label), the same set of labels
        (multi-label), or a value within one hundredth of the reference's range of values (regression).

    Raises
    ------
    OptionError
        If there are no texts, or the models have different labels or problem types.

    Examples
    --------
    >>> import rubriek
    >>> classifier = rubriek.load("nl-news")
    >>> agreement(classifier, classifier, ["Beurs sluit hoger", "Ajax wint"]).agreement
    1.0
    """
    for name in ("labels", "problem_type"):
        ours, theirs = getattr(reference.bundle, name), getattr(candidate.bundle, name)
        if ours != theirs:
            raise OptionError(
                f"Models of different {name} cannot be compared.", expected=repr(ours), found=repr(theirs)
            )
    column = text_column(texts)
    answers, others = reference.classify(column), candidate.classify(column)
    scores, other_scores = scores_of(answers), scores_of(others)
    return Agreement(
        documents=len(column),
        agreement=float(np.mean(_equal(reference, answers, others, scores, other_scores))),
        largest_score_difference=float(np.abs(scores - other_scores).max()),
        sample=sample,
    )


def text_column(texts: Iterable[str | None] | pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Make an Arrow column of texts, without the nulls.

    Raises
    ------
    OptionError
        If none is left.
    InputError, ColumnError
        If one of them is no text, or the column is not one of strings.
    """
    arrow = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else text_values.column(list(texts))
    column = text_values.strings(arrow, "the sample").drop_null()
    if len(column) == 0:
        raise OptionError("There are no texts to compare models on.", expected="at least one text")
    return column


def scores_of(answers: pa.Table) -> NDArray[np.float32]:
    """Take the scores out of an answer, shape (texts, labels)."""
    parts = answers.column("scores").combine_chunks().flatten()
    return np.stack([part.to_numpy(zero_copy_only=False) for part in parts], axis=1)


def _equal(
    reference: Classifier,
    answers: pa.Table,
    others: pa.Table,
    scores: NDArray[np.float32],
    other_scores: NDArray[np.float32],
) -> NDArray[np.bool_]:
    problem_type = reference.bundle.problem_type
    if problem_type == "single_label_classification":
        # The labels' places, not the columns of names: the best score is the label, whatever it is called.
        return np.asarray(scores.argmax(axis=1) == other_scores.argmax(axis=1))
    if problem_type == "multi_label_classification":
        pairs = zip(answers.column("labels").to_pylist(), others.column("labels").to_pylist(), strict=True)
        return np.array([set(ours) == set(theirs) for ours, theirs in pairs])
    tolerance = REGRESSION_TOLERANCE * np.ptp(scores, axis=0)
    return np.asarray(np.all(np.abs(scores - other_scores) <= tolerance, axis=1))
