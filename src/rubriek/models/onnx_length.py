"""Finds out how many pieces a graph of somebody else's making reads at once, by running it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from rubriek.child_process import ChildFailure, run_limited
from rubriek.errors import ModelError, OptionError, RubriekWarning
from rubriek.models.onnx_trial import opened

MAX_SECONDS = 300
"""Processor time of all rows that are tried; one of 8,192 pieces takes a minute with BERT-base."""
MAX_MEGABYTES = 2000
MAX_MEGABYTES_A_MEGABYTE = 4
"""Memory for each megabyte of the file: the weights, arranged anew for the kernels."""
BYTES_A_PAIR = 256
"""Memory for each pair of pieces of a row: attention of 16 heads holds it a few times in fp32."""
SHORTEST = 3
"""The frame of a text, and a piece."""


def working_length(file: Path, source: Path, length: int, *, cls_id: int, sep_id: int, asked: bool) -> int:
    """Find the maximum length that works, at most ``length``: a row of so many pieces is run.

    What config.json declares need not be what the graph can read: families differ in where positions begin,
    and exporting may fix a smaller size.

    Parameters
    ----------
    file : Path
        The graph, as the bundle will hold it.
    source : Path
        Where it came from, for messages.
    length : int
        What the configuration allows, or what was asked for.
    cls_id, sep_id : int
        Ids of the special tokens.
    asked : bool
        Whether somebody asked for that length. Then nothing less will do.

    Returns
    -------
    int

    Raises
    ------
    OptionError
        If it was asked for and does not work.
    ModelError
        If no length works, or trying takes too much time or memory.
    """
    size = sum(path.stat().st_size for path in file.parent.iterdir())
    megabytes = MAX_MEGABYTES + (MAX_MEGABYTES_A_MEGABYTE * size + BYTES_A_PAIR * length**2) // 10**6
    try:
        works = int(
            run_limited(
                f"{__name__}.longest_row",
                str(file),
                length,
                cls_id,
                sep_id,
                seconds=MAX_SECONDS,
                megabytes=megabytes,
            )
        )
    except ChildFailure as error:
        raise ModelError(
            f"{source} cannot be run with {length:,} pieces at once.",
            found=error.found,
            hint="pass a smaller max_length (--max-length)",
        ) from error
    if works < SHORTEST:
        raise ModelError(f"{source} cannot be run.", expected="a graph that reads rows of 3 pieces and more")
    if works < length and asked:
        raise OptionError(
            "The option 'max_length' does not fit the model.",
            expected=f"3 to {works:,} pieces",
            found=str(length),
        )
    if works < length:
        warnings.warn(
            f"{source} runs with at most {works:,} pieces at once, though its files allow {length:,}; the "
            f"maximum length is {works:,}",
            RubriekWarning,
            stacklevel=3,
        )
    return works


def longest_row(file: str, length: int, cls_id: int, sep_id: int) -> int:
    """Find the longest row that a graph runs, at most ``length`` pieces; runs in a process of its own."""
    run = opened(file)

    def runs(pieces: int) -> bool:
        ids = np.array([[cls_id, *[sep_id] * (pieces - 1)]])
        try:
            run(ids, np.ones_like(ids))
        except Exception:  # the library has no base class of its own
            return False
        return True

    if runs(length):
        return length
    works, fails = SHORTEST - 1, length
    while fails - works > 1:
        middle = (works + fails) // 2
        works, fails = (middle, fails) if runs(middle) else (works, middle)
    return works
