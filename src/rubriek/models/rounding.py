"""Rounds weights to int8: those of linear layers to 7 bits, so that the layer's output changes least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.engines.cpu import EXACT_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MAX_ROW_STEP = 127
MAX_WEIGHT_STEP = 2 ** (EXACT_BITS - 1)
"""Largest step of a weight that is multiplied in int8.

x86 processors without VNNI add two products of uint8 and int8 in 16 bits, which saturates beyond 32,767:
2 x 255 x 64 is 32,640. So the quickest kernel of every processor is exact, and all give the same numbers.
"""
SCALE_DIVISORS = range(48, 81)
"""A column's scale is its largest weight divided by one of these, whichever rounds it with the least error.

Above 64 the largest weights are cut. Weights that lie on such a grid already find it again and stay as they
are.
"""
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
    scale = _without_zeros(np.abs(values).max(axis=1).astype(np.float32) / np.float32(MAX_ROW_STEP))
    rounded = np.clip(np.rint(values / scale[:, None]), -MAX_ROW_STEP, MAX_ROW_STEP).astype(np.int8)
    return rounded, scale


def round_weights(weights: Array, moments: Array) -> tuple[Array, Array]:
    """Round a layer's weights to 7 bits so that its output for a sample changes least.

    One input channel after the other is rounded, and the channels still to come make up for the error, as far
    as they are correlated with it in the sample (GPTQ, https://arxiv.org/abs/2210.17323). The channels with
    the largest values go first, while most channels are left to make up for them.

    Parameters
    ----------
    weights : ndarray of float32, shape (inputs, outputs)
        The output is ``activations @ weights``.
    moments : ndarray of float32, shape (inputs, inputs)
        ``activations.T @ activations`` of the sample.

    Returns
    -------
    rounded : ndarray of int8, shape (inputs, outputs)
        -64 to 64 (`MAX_WEIGHT_STEP`).
    scale : ndarray of float32, shape (outputs,)
        ``rounded * scale`` are the weights again.

    Examples
    --------
    Two channels that are always equal: the second makes up for what rounding the first loses.

    >>> weights = np.array([[6.4, 0.04], [0.0, 0.04], [0.0, 6.4]], np.float32)
    >>> rounded, scale = round_weights(weights, np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], np.float32))
    >>> rounded.tolist(), np.allclose(scale, 0.1)
    ([[64, 0], [0, 1], [0, 64]], True)
    """
    scale = _scale(weights, np.diag(moments))
    order = np.argsort(-np.diag(moments), kind="stable")
    remaining = weights[order].astype(np.float64)
    carry = _carry(moments[np.ix_(order, order)].astype(np.float64))
    rounded = np.empty(weights.shape, np.int8)
    for start in range(0, len(order), BLOCK):
        stop = min(start + BLOCK, len(order))
        errors = np.empty((stop - start, weights.shape[1]))
        for row in range(start, stop):
            steps = np.clip(np.rint(remaining[row] / scale), -MAX_WEIGHT_STEP, MAX_WEIGHT_STEP)
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


def _scale(weights: Array, importance: Array) -> Array:
    """Choose each column's scale, channels weighed by how large they are in the sample."""
    largest = np.abs(weights).max(axis=0).astype(np.float32)
    weighed = (importance / max(float(importance.sum()), 1e-30)).astype(np.float32)
    # The plain scale comes first, so that it stays where no other is better.
    divisors = sorted(SCALE_DIVISORS, key=lambda divisor: abs(divisor - MAX_WEIGHT_STEP))
    best = _without_zeros(largest / np.float32(MAX_WEIGHT_STEP))
    least = np.full(len(largest), np.inf, np.float32)
    for divisor in divisors:
        scale = _without_zeros(largest / np.float32(divisor))
        steps = np.clip(np.rint(weights / scale), -MAX_WEIGHT_STEP, MAX_WEIGHT_STEP)
        error = weighed @ np.square(weights - steps * scale)
        best = np.where(error < least, scale, best)
        least = np.minimum(error, least)
    return best


def _without_zeros(scale: Array) -> Array:
    scale[scale < np.finfo(np.float32).tiny] = 1
    return scale
