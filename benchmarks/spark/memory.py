"""What Spark's Python workers really take, seen from outside while they work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.processes import family, read

SECONDS_BETWEEN = 1.0


def worker_pss(process: int) -> dict[int, int]:
    """PSS in bytes of each Python worker below a process; workers are forked by Spark's daemon.

    PSS (Documentation/filesystems/proc.rst of Linux) divides a page among the processes that share it, so
    that the numbers of all workers add up to what they take together.
    """
    found = {}
    daemons = {number for number in family(process) if "pyspark.daemon" in read(f"/proc/{number}/cmdline")}
    for number in daemons:
        if _parent(number) in daemons:
            for line in read(f"/proc/{number}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    found[number] = int(line.split()[1]) * 1024
    return found


@contextmanager
def watched(process: int) -> Iterator[dict[int, int]]:
    """Look each second while the block runs; the largest PSS seen of each worker is in the dictionary."""
    peaks: dict[int, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while True:
            for number, pss in worker_pss(process).items():
                peaks[number] = max(peaks.get(number, 0), pss)
            if ended.wait(SECONDS_BETWEEN):
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _parent(process: int) -> int | None:
    for line in read(f"/proc/{process}/status").splitlines():
        if line.startswith("PPid:"):
            return int(line.split()[1])
    return None
