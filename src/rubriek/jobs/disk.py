"""Files that are on the disk whole or not at all, and what to say when the disk is full."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rubriek.errors import JobError

_FULL = {
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file would get too large",
}

MAX_LINKS = 40
"""As many as Linux follows."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes its name when it is complete and on the disk.

    Parameters
    ----------
    path : Path
        The file; whatever is there is replaced in one step. ``path`` + ``.partial`` is used on the way.

    Yields
    ------
    binary file
        To write to.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)  # of a process that was killed
        with partial.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        move(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)  # a full disk needs the room
        raise


def followed(output: Path) -> Path:
    """Return the file that an output stands for: the one that it points to where it is a link.

    In a folder where everybody may write, such as /tmp, links of other users are not followed, as Linux does
    not for a file that is opened. A file that is renamed over the target would pass that by.

    Raises
    ------
    JobError
        If it is such a link, or leads back to itself.
    """
    path = output
    for _ in range(MAX_LINKS):
        if not path.is_symlink():
            return path
        link, folder = path.lstat(), path.parent.stat()
        shared = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
        if shared and link.st_uid not in (folder.st_uid, os.geteuid()):
            raise JobError(f"{path} is a link of another user.", hint="choose another output (-o)")
        path = path.parent / path.readlink()
    raise JobError(
        f"{output} is a link that leads nowhere.",
        expected=f"at most {MAX_LINKS} links one after the other",
        hint="choose another output (-o)",
    )


def move(path: Path, target: Path) -> None:
    """Rename a file or folder over another, and have the disk know it."""
    path.replace(target)
    if os.name != "nt":  # Windows opens no folders
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def explained(output: Path) -> Iterator[None]:
    """Turn an error of the disk into one that says what is kept and how to go on.

    Parameters
    ----------
    output : Path
        The output. What else a job writes lies beside it, under names that begin with its name.

    Raises
    ------
    JobError
        If nothing more can be written, or nothing at all.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise JobError(
                f"{output.parent} takes no more: {_FULL[error.errno]}.",
                found=str(error),
                hint="make room and run the same command again; the rows that are finished are kept",
            ) from error
        if str(error.filename).startswith(str(output)):
            raise JobError(
                f"{output} cannot be written.", found=str(error), hint="choose another output (-o)"
            ) from error
        raise
