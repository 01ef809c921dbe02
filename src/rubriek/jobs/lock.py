"""One process at a time works on a job."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rubriek.errors import JobError


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; make it if need be.

    The operating system keeps the lock and drops it when the process ends, however it ends, so there is no
    stale lock to clear away. The file only says who holds it.

    Parameters
    ----------
    folder : Path
        The folder; a file ``lock`` is made in it.

    Raises
    ------
    JobError
        If another process holds it.
    """
    while True:
        try:
            folder.mkdir(exist_ok=True)
        except FileExistsError as error:
            raise JobError(f"{folder} is not a folder.", hint="move it away") from error
        try:
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:
            continue  # the process that finished this job has just removed the folder
        try:
            if not _lock(descriptor):
                raise JobError(
                    f"Another process is working on {folder}.",
                    found=f"process {os.read(descriptor, 32).decode() or 'unknown'}",
                    hint="wait for it, or write to another output (-o)",
                )
            if not _is_current(descriptor, folder / "lock"):
                continue
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
            return
        finally:
            os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the locked file is still the one at the path: a finished job removes its folder."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
