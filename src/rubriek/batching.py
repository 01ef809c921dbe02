"""From sequences of token ids to batches: cut, sort by true length, pack by a token budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.models.record import TruncationSide
    from rubriek.options import Overflow
    from rubriek.tokens import Tokens

LEAST = 64
"""Positions below which a batch of its own gains nothing over a larger one that all cores share."""
FIXED_COST = 16
"""What a batch costs beside its positions, in positions, roughly: decides when a smaller one is worth it."""
SPECIAL_TOKENS = 2
"""Pieces that stand around every text: ``[CLS]`` before it, ``[SEP]`` after it."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """What the engine is to read: slices of the pieces of texts.

    Attributes
    ----------
    text : ndarray of int64, shape (sequences,)
        Which text a sequence belongs to; never decreasing.
    start, stop : ndarray of int64, shape (sequences,)
        Its slice of `Tokens.ids`.
    """

    text: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Sentence lengths in pieces, special tokens included."""
        return self.stop - self.start + SPECIAL_TOKENS


def cut(
    offsets: NDArray[np.int64],
    *,
    max_length: int,
    overflow: Overflow,
    stride: int | None,
    side: TruncationSide = "right",
) -> Sequences:
    """Choose which pieces of each text the model reads.

    Parameters
    ----------
    offsets : ndarray of int64, shape (texts + 1,)
        Where each text's pieces start in the flat array of ids.
    max_length : int
        Most pieces of a sequence, special tokens included.
    overflow : {"truncate", "error", "windows"}
        ``"windows"`` covers long texts with several sequences; the others keep pieces of one end.
    stride : int, optional
        Pieces between the starts of two windows. Default: three quarters of a window.
    side : {"right", "left"}, default "right"
        The end that is cut off: with ``"right"`` the first pieces are kept, with ``"left"`` the last ones.

    Returns
    -------
    Sequences
        At least one for every text, an empty text included.

    Examples
    --------
    >>> sequences = cut(np.array([0, 3, 13]), max_length=6, overflow="windows", stride=3)
    >>> [(int(a), int(b), int(c)) for a, b, c in zip(sequences.text, sequences.start, sequences.stop)]
    [(0, 0, 3), (1, 3, 7), (1, 6, 10), (1, 9, 13)]
    """
    body = max_length - SPECIAL_TOKENS
    first, last = offsets[:-1], offsets[1:]
    text = np.arange(len(first), dtype=np.int64)
    if overflow != "windows":
        if side == "left":
            return Sequences(text, np.maximum(first, last - body), last)
        return Sequences(text, first, np.minimum(last, first + body))
    step = min(stride or max(1, body * 3 // 4), body)
    excess = np.maximum(last - first - body, 0)
    count = 1 + -(-excess // step)
    text = np.repeat(text, count)
    nth = np.arange(len(text), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    # A last window that ended beyond the text is moved back, so that it is as long as the others: a rest of
    # a few pieces would weigh as much in the mean as a whole window.
    start = np.minimum(first[text] + nth * step, np.maximum(last[text] - body, first[text]))
    return Sequences(text, start, np.minimum(start + body, last[text]))


def plan(lengths: NDArray[np.int64], *, token_budget: int, parallel: int = 1) -> Iterator[NDArray[np.intp]]:
    """Group sequences into batches of nearly equal length.

    Longest first: memory peaks at once instead of late in a run, and the batches that end it are short. A
    batch ends before the budget does where that saves padding worth more than what one batch more costs.

    Parameters
    ----------
    lengths : ndarray of int, shape (sequences,)
        Pieces of each, special tokens included.
    token_budget : int
        Most positions (rows x longest row) in a batch; a single longer sequence makes a batch of its own.
    parallel : int, default 1
        How many batches are run at once. A small set is shared out among them, in batches of at least `LEAST`
        positions.

    Yields
    ------
    ndarray of int, shape (rows,)
        The sequences of a batch. Every sequence is in exactly one.

    Examples
    --------
    >>> [batch.tolist() for batch in plan(np.array([4, 9, 5, 3]), token_budget=10)]
    [[1], [2, 0], [3]]
    >>> [batch.tolist() for batch in plan(np.array([100, 100, 20, 20]), token_budget=400)]
    [[0, 1], [2, 3]]
    """
    order = np.argsort(-lengths, kind="stable")
    ordered = lengths[order]
    total = int(lengths.sum())
    shares = min(parallel, max(1, total // LEAST))
    budget = token_budget if shares == 1 else min(token_budget, -(-total // shares))
    at = 0
    while at < len(order):
        longest = int(ordered[at])
        fitting = np.cumsum(ordered[at : at + max(1, budget // longest)])
        cost = (longest * np.arange(1, len(fitting) + 1) + FIXED_COST) / fitting
        # Of equal ones the largest.
        rows = len(cost) - int(np.argmin(cost[::-1]))
        yield order[at : at + rows]
        at += rows


def assemble(
    tokens: Tokens, sequences: Sequences, batch: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Make the arrays of one batch: ``[CLS]``, the pieces, ``[SEP]``, padding.

    Returns
    -------
    ids, mask : ndarray of int32, shape (rows, longest row)
        Token ids, and 1 for a real piece, 0 for padding (and for `Tokens.masked_id`).
    """
    start = sequences.start[batch, None]
    count = (sequences.stop[batch] - sequences.start[batch])[:, None]
    column = np.arange(int(count.max()) + SPECIAL_TOKENS)
    within = (column >= 1) & (column <= count)
    ids = np.full(within.shape, tokens.special.pad, dtype=np.int32)
    ids[within] = tokens.ids[(start + column - 1)[within]]
    ids[:, 0] = tokens.special.cls
    np.put_along_axis(ids, count + 1, tokens.special.sep, axis=1)
    mask = column <= count + 1
    if tokens.masked_id is not None:
        mask &= ids != tokens.masked_id
    return ids, mask.astype(np.int32)
