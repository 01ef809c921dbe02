"""The processes under a process, read from /proc."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def below(pid: int) -> list[int]:
    """List the processes that a process started, and those that these started."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def python_workers(pid: int) -> list[int]:
    """List Spark's Python processes among them: workers, and the daemons that fork these."""
    return [one for one in below(pid) if b"\0pyspark.daemon\0" in _read(one, "cmdline")]


def classifying(pid: int) -> list[int]:
    """List the Python workers in which a model has been loaded."""
    return [one for one in python_workers(pid) if b"onnxruntime" in _read(one, "maps")]


def alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    return b"State:\tZ" not in (status := _read(pid, "status")) and status != b""


def wait_for(condition: Callable[[], Found], seconds: float = 120) -> Found:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds} seconds")
        time.sleep(0.02)
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
