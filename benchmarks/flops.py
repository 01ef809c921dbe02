"""How much arithmetic a text costs, counted by hand from the architecture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Size:
    """The sizes of a BERT classifier that decide its cost."""

    hidden: int
    feed_forward: int
    layers: int
    labels: int


def flops(lengths: Iterable[int], size: Size, last_layer: Literal["whole", "first piece"] = "whole") -> int:
    """Floating point operations for texts of these lengths (real pieces only, padding never counts).

    A multiply-add is two operations. A layer does, for n pieces, hidden size h, feed-forward size f:

    * queries, keys, values and the attention's output: 4 products (n, h) x (h, h): ``8 n h^2``;
    * the feed-forward network: (n, h) x (h, f) and (n, f) x (f, h): ``4 n h f``;
    * attention: scores (n, h) x (h, n) and their use (n, n) x (n, h), over all heads together: ``4 n^2 h``.

    On top, once a text: the pooler ``2 h^2`` and the classifier ``2 h labels``. Normalisation, softmax, GELU,
    biases and the embedding are left out, as usual: they are under 1 % of the operations.

    With ``last_layer="first piece"`` the last layer is counted as by an engine that knows that only the first
    piece is read: keys and values for all pieces (``4 n h^2``), everything else for one
    (``4 h^2 + 4 h f + 4 n h``). So no work is counted that was not done.
    """
    h, f = size.hidden, size.feed_forward
    total = 0
    for n in lengths:
        layer = 8 * n * h * h + 4 * n * h * f + 4 * n * n * h
        last = layer if last_layer == "whole" else 4 * n * h * h + 4 * h * h + 4 * h * f + 4 * n * h
        total += (size.layers - 1) * layer + last + 2 * h * h + 2 * h * size.labels
    return total
