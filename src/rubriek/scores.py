"""From logits to probabilities, and from windows to texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.models.bundle import ProblemType


def activate(logits: NDArray[np.float32], problem_type: ProblemType) -> NDArray[np.float32]:
    """Turn logits into scores, as the model's problem type says.

    Parameters
    ----------
    logits : ndarray of float32, shape (sequences, labels)
        What the engine gave.
    problem_type : str
        ``"single_label_classification"``: softmax over the labels. ``"multi_label_classification"``: a
        sigmoid for each label. ``"regression"``: the value itself. The names are those of Hugging Face's
        config.json.

    Returns
    -------
    ndarray of float32, shape (sequences, labels)

    Examples
    --------
    >>> activate(np.array([[0.0, 0.0]], dtype=np.float32), "single_label_classification").tolist()
    [[0.5, 0.5]]
    """
    if problem_type == "regression":
        return logits
    if problem_type == "multi_label_classification":
        # exp of a negative number only, so that it cannot overflow
        tail = np.exp(-np.abs(logits))
        return np.where(logits >= 0, 1 / (1 + tail), tail / (1 + tail)).astype(np.float32)
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = (grown / grown.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def pool(
    scores: NDArray[np.float32], text: NDArray[np.int64], texts: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Average the scores of each text's windows.

    Parameters
    ----------
    scores : ndarray of float32, shape (sequences, labels)
        Scores of each window.
    text : ndarray of int64, shape (sequences,)
        The text each belongs to; never decreasing, each text at least once.
    texts : int
        How many texts there are.

    Returns
    -------
    means : ndarray of float32, shape (texts, labels)
    windows : ndarray of int64, shape (texts,)
        How many windows each text had.
    """
    windows = np.bincount(text, minlength=texts)
    if len(text) == texts:
        return scores, windows
    starts = np.cumsum(windows) - windows
    sums = np.add.reduceat(scores, starts, axis=0, dtype=np.float64)
    return (sums / windows[:, None]).astype(np.float32), windows
