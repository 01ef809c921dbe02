"""A progress bar for what is fetched from a hub."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never

from tqdm import tqdm

from rubriek.cli.terminal import BAR_ROWS, bar_columns, fitted
from rubriek.hub.progress import watching

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left, {rate_fmt}]"
_FORMAT_WITHOUT_TOTAL = "{desc}: {n_fmt} [{elapsed}, {rate_fmt}]"


class Bar:
    """Shows how a download gets on; on a stream that is no terminal it shows nothing."""

    def __init__(self) -> None:
        self._bar: tqdm[Never] | None = None

    def started(self, what: str, total: int | None, done: int) -> None:
        """Take what is fetched and how much of it is here."""
        self.ended()
        if sys.stderr.isatty():
            self._bar = tqdm(
                desc=fitted(what, 24, "..."),
                total=total,
                initial=done,
                unit="B",
                unit_scale=True,
                bar_format=_FORMAT if total else _FORMAT_WITHOUT_TOTAL,
                leave=False,
                ncols=bar_columns(),
                nrows=BAR_ROWS,
            )

    def progressed(self, done: int) -> None:
        """Take how many bytes there are by now."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def ended(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextmanager
def shown() -> Iterator[None]:
    """Show the downloads of a block."""
    bar = Bar()
    try:
        with watching(bar):
            yield
    finally:
        bar.ended()
