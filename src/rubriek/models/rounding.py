"""Rounds the weights of a linear layer to int8, so that what the layer answers changes least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

LARGEST = 127
DAMPING = 0.01
"""Added to the diagonal of the moments, as a share of its mean: a small sample is not to be trusted fully."""
BLOCK = 128
"""Rows between two updates of all rows that follow; only the speed depends on it."""


def round_rows(values: Array) -> tuple[Array, Array]:
    """Round each row to the nearest of its own 255 steps, symmetrically.

    Parameters
    ----------
    values : ndarray of float32, shape (rows, columns)
        What to round.

    Returns
    -------
    rounded : ndarray of int8, shape (rows, columns)
        -127 to 127.
    scale : ndarray of float32, shape (rows,)
        ``rounded * scale[:, None]`` are the values again.

    Examples
    --------
    >>> round_rows(np.array([[1.0, -0.5], [0.0, 0.0]], np.float32))[0].tolist()
    [[127, -64], [0, 0]]
    """
    scale = _scale(np.abs(values).max(axis=1))
    rounded = np.clip(np.rint(values / scale[:, None]), -LARGEST, LARGEST).astype(np.int8)
    return rounded, scale


def round_weights(weights: Array, moments: Array) -> tuple[Array, Array]:
    """Round a layer's weights so that its answers to a sample change least.

    One input channel after the other is rounded, and what that changes is made up for in the channels still
    to come, as far as they are correlated with it in the sample (GPTQ, https://arxiv.org/abs/2210.17323). The
    channels with the largest values go first, while there is most left to make up for them.

    Parameters
    ----------
    weights : ndarray of float32, shape (inputs, outputs)
        Answers are ``activations @ weights``.
    moments : ndarray of float32, shape (inputs, inputs)
        ``activations.T @ activations`` of the sample.

    Returns
    -------
    rounded : ndarray of int8, shape (inputs, outputs)
        -127 to 127.
    scale : ndarray of float32, shape (outputs,)
        ``rounded * scale`` are the weights again.

    Examples
    --------
    Two channels that are always equal: what rounding the first loses, the second makes up for.

    >>> weights = np.array([[12.7, 0.04], [0.0, 0.04], [0.0, 12.7]], np.float32)
    >>> rounded, scale = round_weights(weights, np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], np.float32))
    >>> rounded.tolist(), np.allclose(scale, 0.1)
    ([[127, 0], [0, 1], [0, 127]], True)
    """
    scale = _scale(np.abs(weights).max(axis=0))
    order = np.argsort(-np.diag(moments), kind="stable")
    remaining = weights[order].astype(np.float64)
    carry = _carry(moments[np.ix_(order, order)].astype(np.float64))
    rounded = np.empty(weights.shape, np.int8)
    for start in range(0, len(order), BLOCK):
        stop = min(start + BLOCK, len(order))
        errors = np.empty((stop - start, weights.shape[1]))
        for row in range(start, stop):
            steps = np.clip(np.rint(remaining[row] / scale), -LARGEST, LARGEST)
            rounded[order[row]] = steps
            error = (remaining[row] - steps * scale) / carry[row, row]
            remaining[row + 1 : stop] -= np.outer(carry[row, row + 1 : stop], error)
            errors[row - start] = error
        remaining[stop:] -= carry[start:stop, stop:].T @ errors
    return rounded, scale


def _carry(moments: Array) -> Array:
    """Factor the inverse of the moments into ``carry.T @ carry``, the carry upper triangular."""
    diagonal = np.diag_indices_from(moments)
    mean = float(moments[diagonal].mean())
    # Without this a channel that is always 0, or the same as another one, would leave no inverse.
    moments[diagonal] += DAMPING * mean if mean > 0 else 1.0
    upper = np.linalg.cholesky(moments[::-1, ::-1])[::-1, ::-1]
    inverse: Array = np.linalg.inv(upper)
    return inverse


def _scale(largest: Array) -> Array:
    scale = largest.astype(np.float32) / np.float32(LARGEST)
    scale[scale == 0] = 1
    return scale
