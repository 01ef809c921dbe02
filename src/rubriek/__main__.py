"""The command ``rubriek``, and ``python -m rubriek``: from the start Ctrl-C ends it with one line."""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Run the command line."""
    # Whoever starts rubriek in the background may have SIGINT ignored; then it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from rubriek.cli import main as command

    try:
        command(prog_name="rubriek")
    except SystemExit as end:
        if end.code not in (130, 143):
            raise
        # All is said and cleared away. Python itself might take an interrupted import for its own interrupt,
        # wait for threads, or show where another Ctrl-C meets it.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, AttributeError):
                stream.flush()
        os._exit(end.code)


def _end(number: int, frame: object) -> None:
    """End at once: no command runs yet, or it has ended, so there is nothing to keep or to clear away.

    An exception would come out of whatever module is being imported, and some turn it into another.
    """
    os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
