"""Texts between the two halves of the path: tokenised and cut, not yet run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rubriek import batching
from rubriek.errors import TextTooLongError, Worded

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from rubriek.batching import Sequences
    from rubriek.options import Options
    from rubriek.tokens import Tokens


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Distinct texts, what the model is to read of them, and the rows that want their answers.

    Its length is the number of its sequences.

    Attributes
    ----------
    tokens : Tokens
        The pieces of the distinct texts.
    sequences : Sequences
        Slices of them, for the engine.
    rows : pyarrow integer array
        Which distinct text each row has; null where it has none.
    counts : ndarray of int64, shape (distinct texts,)
        Pieces of each whole text, special tokens included.
    empty : ndarray of bool, shape (distinct texts,)
        Whether a text holds nothing but white space.
    length : int
        Most pieces that are read at once, special tokens included.
    options : Options
        How the texts are read and answered.
    """

    tokens: Tokens
    sequences: Sequences
    rows: pa.Array
    counts: NDArray[np.int64]
    empty: NDArray[np.bool_]
    length: int
    options: Options

    def __len__(self) -> int:
        return len(self.sequences.text)

    def assemble(self, batch: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Make the arrays of a batch of its sequences; see `rubriek.batching.assemble`."""
        return batching.assemble(self.tokens, self.sequences, batch)


def refuse_long(which: pa.Array, counts: NDArray[np.int64], length: int, texts: Sequence[str] | None) -> None:
    """Raise if a text has more pieces than are read at once; the texts serve the message only."""
    long = counts > length
    if not long.any():
        return
    rows = which.to_numpy(zero_copy_only=False)
    row = next(row for row, text in enumerate(rows) if text == text and long[int(text)])
    shown = "" if texts is None else f": {texts[int(rows[row])]!r:.50}..."
    raise TextTooLongError(
        f"{int(long.sum())} texts have more pieces than are read at once.",
        expected=f"at most {length} pieces, special tokens included",
        found=f"{int(counts[int(rows[row])])} in row {row}{shown}",
        hint=Worded(
            "{} cuts them and says so, {} reads them whole", ("overflow", "truncate"), ("overflow", "windows")
        ),
    )
