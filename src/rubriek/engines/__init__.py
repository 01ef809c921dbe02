"""Engines turn batches of token ids into logits; they know nothing of text, labels or frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Precision: TypeAlias = Literal["fp32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class Engine(Protocol):
    """What the path needs of an engine.

    Attributes
    ----------
    name : str
        The engine's name and version, e.g. ``"onnxruntime 1.32.0"``.
    precision : {"fp32", "bf16", "int8"}
        What it really computes in.
    threads : int
        How many cores it uses when ``parallel`` calls run at once.
    parallel : int
        How many calls of `run` may go on at the same time, each from a thread of its own; more gain nothing.
    """

    name: str
    precision: Precision
    threads: int
    parallel: int

    def run(self, ids: NDArray[np.int32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
        """Compute logits.

        Parameters
        ----------
        ids, mask : ndarray of int32, shape (rows, pieces)
            Token ids, and 1 where a piece is real, 0 where it is padding.

        Returns
        -------
        ndarray of float32, shape (rows, labels)
        """
        ...
