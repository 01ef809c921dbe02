"""A progress bar with documents a second, real tokens a second and the time left."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Never, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    from rubriek.statistics import Statistics

Item = TypeVar("Item")

_FORMAT = "{percentage:3.0f}%|{bar}| {n:,}/{total:,} [{elapsed}, {remaining} left, {rate_fmt}{postfix}]"


class Progress:
    """Shows how a job gets on; on a stream that is no terminal it shows nothing.

    Parameters
    ----------
    quiet : bool
        Show nothing anywhere.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._off = quiet or not sys.stderr.isatty()
        self._bar: tqdm[Never] | None = None
        self._started = 0.0
        self._tokens_before: int | None = None

    def started(self, rows: int, finished: int) -> None:
        """Take the number of rows and how many an earlier run has finished."""
        if self._off:
            return
        self._started = time.perf_counter()
        self._bar = tqdm(
            total=rows,
            initial=finished,
            unit=" documents",
            bar_format=_FORMAT,
            # Asked of tqdm itself, a terminal that tells no size would get no bar.
            ncols=shutil.get_terminal_size().columns,
            leave=False,
        )

    def progressed(self, statistics: Statistics) -> None:
        """Take the statistics so far."""
        if self._bar is None:
            return
        if self._tokens_before is None:
            # What an earlier run has done is no part of this run's speed.
            self._tokens_before = statistics.tokens if self._bar.initial else 0
        elapsed = time.perf_counter() - self._started
        rate = (statistics.tokens - self._tokens_before) / elapsed if elapsed else 0.0
        self._bar.set_postfix_str(f"{rate:,.0f} tokens/s", refresh=False)
        self._bar.update(statistics.documents - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def tracked(items: Collection[Item], what: str, /) -> Iterable[Item]:
    """Show how far a task in several parts is; on a stream that is no terminal show nothing."""
    # Asked of tqdm itself, a terminal that tells no size would get no bar.
    columns = shutil.get_terminal_size().columns
    return tqdm(items, what, leave=False, ncols=columns, disable=not sys.stderr.isatty())


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Show progress while a block runs."""
    shown = Progress(quiet=quiet)
    try:
        yield shown
    finally:
        shown.close()
