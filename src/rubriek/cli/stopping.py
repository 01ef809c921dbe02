"""Ctrl-C and SIGTERM: what is kept is said, what is temporary is removed, and no traceback is shown."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeAlias

_Handler: TypeAlias = Callable[[int, FrameType | None], Any]


class Terminated(KeyboardInterrupt):
    """Somebody sent SIGTERM, which ends a command as Ctrl-C does."""


class Interrupts:
    """What is known of Ctrl-C while a command runs.

    Attributes
    ----------
    seen : bool
        Whether it was pressed. Modules that are interrupted while they are imported may raise any exception.
    """

    def __init__(self) -> None:
        self.seen = False

    def interrupt(self, number: int, frame: FrameType | None) -> NoReturn:
        """Note it, and raise."""
        self.seen = True
        raise KeyboardInterrupt

    def unraisable(self, found: sys.UnraisableHookArgs) -> None:
        """Interrupt again where the exception was raised at a place that raises nothing."""
        if isinstance(found.exc_value, KeyboardInterrupt):
            _thread.interrupt_main()
        else:
            sys.__unraisablehook__(found)


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Let Ctrl-C raise KeyboardInterrupt while a command runs, wherever it is."""
    interrupts = Interrupts()
    hook = sys.unraisablehook
    sys.unraisablehook = interrupts.unraisable
    try:
        with _handled(signal.SIGINT, interrupts.interrupt):
            yield interrupts
    finally:
        sys.unraisablehook = hook


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` in a block that has something to clear away."""

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    with _handled(signal.SIGTERM, terminate):
        yield


@contextmanager
def _handled(number: signal.Signals, handler: _Handler) -> Iterator[None]:
    """Handle a signal in a block, unless it is ignored; only the main thread may."""
    before = signal.getsignal(number)
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
