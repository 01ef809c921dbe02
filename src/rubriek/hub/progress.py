"""Who is told how a download gets on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Watcher(Protocol):
    """Is told how a download gets on. The command line shows it; `watching` names another."""

    def started(self, what: str, total: int | None, done: int) -> None:
        """Take what is fetched, its bytes where the server tells, and those that an earlier try brought."""

    def progressed(self, done: int) -> None:
        """Take how many bytes there are by now."""

    def ended(self) -> None:
        """Take that it is over, whether it went well or not."""


class Silent:
    """Tells nobody."""

    def started(self, what: str, total: int | None, done: int) -> None:
        """Do nothing."""

    def progressed(self, done: int) -> None:
        """Do nothing."""

    def ended(self) -> None:
        """Do nothing."""


_current: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def watcher() -> Watcher:
    """Return who is told in this context."""
    return _current.get() or Silent()


@contextmanager
def watching(by: Watcher) -> Iterator[None]:
    """Have all downloads of a block told to a watcher.

    Parameters
    ----------
    by : Watcher
        An object with the three methods.
    """
    token = _current.set(by)
    try:
        yield
    finally:
        _current.reset(token)
