"""One process at a time works on a job."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rubriek.errors import JobError
from rubriek.paths import NO_FOLLOW


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
        If another process holds it, another user made it, or something in it is not a file or folder.
    """
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        try:
            _check_own(folder)
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | NO_FOLLOW)
        except FileNotFoundError:
            continue  # the process that finished this job has just removed the folder
        try:
            if not _lock(descriptor):
                holder = os.read(descriptor, 32)
                raise JobError(
                    f"Another process is working on {folder}.",
                    found=f"process {holder.decode() if holder.isdigit() else 'unknown'}",
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


def _check_own(folder: Path) -> None:
    """Refuse a folder that somebody else prepared: a link in it would be written through with our rights.

    One check covers every file of the folder, for in a folder of one's own nobody else makes links.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise JobError(f"{folder} is not a folder.", found=_kind(status), hint="move it away")
    if not _is_own(folder, status.st_uid):
        raise JobError(
            f"{folder} belongs to another user.",
            hint="run the command as that user, or write to another output (-o)",
        )
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = Path(place, name).lstat()
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                raise JobError(
                    f"{Path(place, name)} is not a file that a job wrote.",
                    expected="files and folders",
                    found=_kind(status),
                    hint="remove it, or write to another output (-o)",
                )


def _kind(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "a link"
    return "a file" if stat.S_ISREG(status.st_mode) else "a pipe, a socket or a device"


def _is_own(folder: Path, owner: int) -> bool:
    """Tell whether a folder belongs to the user of this process."""
    if sys.platform == "win32" or owner == os.geteuid():
        return True
    try:  # on a network drive what one makes may belong to somebody else, so a new file tells
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_uid == owner
    except PermissionError:
        return False


def _is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the locked file is still the one at the path: a finished job removes its folder."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
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
