"""A folder in the temporary directory that does not outlive its process by long, however that ends."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rubriek.errors import JobError
from rubriek.jobs.lock import locked

_PREFIX = "rubriek-job-"
_MIN_AGE = 60
"""Seconds after which a folder that nobody holds is cleared away; a new one is held within milliseconds."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that is removed when the block ends, and remove those that killed processes have left.

    Yields
    ------
    Path
        Nobody else may read it.

    Raises
    ------
    JobError
        If there is no temporary directory that can be written.
    """
    try:
        home = Path(tempfile.gettempdir())
        _clear(home)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
    except OSError as error:
        raise _unusable(error) from error
    try:
        with locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def room_explained() -> Iterator[None]:
    """Turn an error of a full temporary directory into one that says which it is and how to name another.

    Raises
    ------
    JobError
        If nothing more can be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _unusable(error) from error
        raise


def _unusable(error: OSError) -> JobError:
    return JobError(
        f"The temporary directory{f' {tempfile.tempdir}' if tempfile.tempdir else ''} cannot be written.",
        found=str(error),
        hint="make room there, or name another directory in the environment variable TMPDIR",
    )


def _clear(home: Path) -> None:
    """Remove the folders of this user's that no process holds."""
    for folder in home.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, JobError):
            status = folder.lstat()
            mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
            if not mine or folder.is_symlink() or time.time() - (folder / "lock").lstat().st_mtime < _MIN_AGE:
                continue
            with locked(folder):
                shutil.rmtree(folder)
