"""A progress bar with documents a second, real tokens a second and the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Never, TypeVar

from tqdm import tqdm

from rubriek.cli.terminal import BAR_ROWS, bar_columns

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

    Attributes
    ----------
    rows, answered : int
        How many rows the job has, and how many are answered, by earlier runs, too.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.rows = self.answered = 0
        self._off = quiet or not sys.stderr.isatty()
        self._bar: tqdm[Never] | None = None
        self._started = 0.0
        self._tokens_before: int | None = None

    def started(self, rows: int, finished: int) -> None:
        """Take the number of rows and how many an earlier run has finished."""
        self.rows, self.answered = rows, finished
        if self._off:
            return
        self._started = time.perf_counter()
        self._bar = tqdm(
            total=rows,
            initial=finished,
            unit=" documents",
            bar_format=_FORMAT,
            leave=False,
            ncols=bar_columns(),
            nrows=BAR_ROWS,
        )

    def progressed(self, statistics: Statistics) -> None:
        """Take the statistics so far."""
        self.answered = max(self.answered, statistics.documents)
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
    return tqdm(
        items, what, leave=False, disable=not sys.stderr.isatty(), ncols=bar_columns(), nrows=BAR_ROWS
    )


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Show progress while a block runs."""
    shown = Progress(quiet=quiet)
    try:
        yield shown
    finally:
        shown.close()
