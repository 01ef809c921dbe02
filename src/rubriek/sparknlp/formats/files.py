"""The files of a saved model, in a folder or in a zip as the Models Hub serves them, under limits.

Nothing of a zip is unpacked under a name of its own, so no name in it can lead anywhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from rubriek.errors import ModelNotFoundError, SavedModelError
from rubriek.models import checks

MOST_FILES = 20_000
MOST_DEPTH = 16
MOST_DIRECTORY = 8 * 2**20
"""Bytes of a zip's central directory; one entry takes about 150."""
MOST_RATIO = 200
"""How far a large entry may be compressed; the weights of a network shrink to 0.9 of their size."""
RATIO_FROM = 16 * 2**20

END_RECORD = b"PK\x05\x06"
LOCATOR_64 = b"PK\x06\x07"
END_SIZE, LOCATOR_SIZE, MOST_COMMENT = 22, 20, 2**16


@dataclass(frozen=True, slots=True)
class SavedFiles:
    """A view of the files below one folder of a saved model.

    Attributes
    ----------
    path : Path
        The folder or zip that was opened.
    names : tuple of str
        The files of this view, relative, with forward slashes; sorted.
    prefix : str
        Where this view begins inside the folder or zip.
    zipped : bool
        Whether `path` is a zip.
    """

    path: Path
    names: tuple[str, ...]
    prefix: str = ""
    zipped: bool = False

    def below(self, folder: str) -> SavedFiles:
        """Return the view of a folder inside this one."""
        start = f"{folder}/"
        names = tuple(name[len(start) :] for name in self.names if name.startswith(start))
        return SavedFiles(self.path, names, f"{self.prefix}{start}", self.zipped)

    def where(self, name: str = "") -> str:
        """Name a file for an error message."""
        place = (self.prefix + name).rstrip("/")
        return (
            str(self.path)
            if not place
            else f"{place} in {self.path}"
            if self.zipped
            else str(self.path / place)
        )

    def parts(self, folder: str) -> list[str]:
        """Return the data files that Spark wrote into a folder, in order, leaving out ``_SUCCESS``."""
        start = f"{folder}/"
        names = [name for name in self.names if name.startswith(start) and "/" not in name[len(start) :]]
        return [name for name in names if name[len(start)] not in "._"]

    def read(self, name: str, *, limit: int) -> bytes:
        """Read a whole file of at most ``limit`` bytes."""
        with self.open(name) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise SavedModelError(
                f"{self.where(name)} is too large.", expected=f"at most {limit:,} bytes", found="more"
            )
        return data

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading; whatever goes wrong with it while it is open is a `SavedModelError`."""
        try:
            if not self.zipped:
                with self._file(name).open("rb") as stream:
                    yield stream
                return
            with zipfile.ZipFile(self.path) as archive, archive.open(self.prefix + name) as entry:
                yield entry  # type: ignore[misc]  # an IO[bytes]
        except READING_ERRORS as error:
            raise self._unreadable(name, error) from error

    def _file(self, name: str) -> Path:
        file = checks.inside(self.path, self.prefix + name, error=SavedModelError, where=str(self.path))
        if not file.is_file():  # a pipe or a device could be waited for without end
            raise FileNotFoundError("no regular file")
        return file

    def size(self, name: str) -> int:
        """Return the size of a file in bytes; no more than that is read from it."""
        try:
            if not self.zipped:
                return self._file(name).stat().st_size
            with zipfile.ZipFile(self.path) as archive:
                return archive.getinfo(self.prefix + name).file_size
        except READING_ERRORS as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> SavedModelError:
        return SavedModelError(
            f"{self.where(name)} cannot be read.",
            found=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
            hint="download or copy it again",
        )


READING_ERRORS = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, KeyError)
"""What `zipfile` raises over a corrupt archive or one with features that it lacks."""


def open_saved(path: Path | str) -> SavedFiles:
    """Open the folder or zip of a saved model.

    Parameters
    ----------
    path : path
        A folder, or a zip with the folder's content at its root or in a single folder.

    Returns
    -------
    SavedFiles

    Raises
    ------
    ModelNotFoundError
        If there is nothing.
    SavedModelError
        If it is neither, or a zip that breaks a limit, is encrypted or holds links or names that leave it.

    Examples
    --------
    >>> open_saved("no-such-model")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelNotFoundError: There is no saved model at no-such-model.
      expected: a folder or zip that Spark NLP saved
    """
    path = Path(path)
    if path.is_dir():
        return SavedFiles(path, _names_of_folder(path))
    if path.is_file():
        return _single_folder(SavedFiles(path, _names_of_zip(path), zipped=True))
    raise ModelNotFoundError(
        f"There is no saved model at {path}.", expected="a folder or zip that Spark NLP saved"
    )


def _single_folder(files: SavedFiles) -> SavedFiles:
    """Go into the one folder that a zip holds, where somebody zipped the folder and not its content."""
    tops = {name.partition("/")[0] for name in files.names if "/" in name} - {"__MACOSX"}
    if len(tops) == 1 and not any(name.startswith("metadata/") for name in files.names):
        return files.below(tops.pop())
    return files


def _names_of_folder(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for folder, folders, found in os.walk(path):
        folders.sort()
        place = Path(folder).relative_to(path)
        names += [(place / name).as_posix() for name in found]
        if len(names) > MOST_FILES or len(place.parts) > MOST_DEPTH:
            raise _too_many(path)
    return tuple(sorted(names))


def _too_many(path: Path) -> SavedModelError:
    return SavedModelError(
        f"{path} is no saved model.",
        expected=f"at most {MOST_FILES:,} files, {MOST_DEPTH} folders deep",
        found="more",
    )


def _names_of_zip(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as stream:
            _check_directory(stream, path)
        with zipfile.ZipFile(path) as archive:
            # ZipInfo.is_dir fails on an entry without a name.
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    except READING_ERRORS as error:
        raise SavedModelError(
            f"{path} is not a zip that can be read.",
            expected="a folder, or a zip of one",
            found=str(error) or type(error).__name__,
        ) from error
    if len(entries) > MOST_FILES:
        raise _too_many(path)
    for entry in entries:
        _check_entry(entry, path)
    names = tuple(sorted(entry.filename for entry in entries))
    if len(set(names)) != len(names):
        raise SavedModelError(f"{path} holds a file twice.", expected="each name once")
    return names


def _check_directory(stream: BinaryIO, path: Path) -> None:
    """Check the size of the directory before `zipfile` loads it, looking where `zipfile` looks."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - END_SIZE - LOCATOR_SIZE - MOST_COMMENT))
    tail = stream.read()
    start = len(tail) - END_SIZE
    if tail[start : start + 4] != END_RECORD or tail[-2:] != b"\0\0":
        start = tail.rfind(END_RECORD)
    if start < 0 or len(tail) < start + END_SIZE:
        raise zipfile.BadZipFile("no zip")
    count = int.from_bytes(tail[start + 10 : start + 12], "little")
    directory = int.from_bytes(tail[start + 12 : start + 16], "little")
    wide = start >= LOCATOR_SIZE and tail[start - LOCATOR_SIZE :].startswith(LOCATOR_64)
    if count > MOST_FILES or directory > MOST_DIRECTORY or wide:
        raise SavedModelError(
            f"{path} is no saved model.",
            expected=f"a zip of less than 4 GiB with at most {MOST_FILES:,} files",
            found="a larger one",
        )


def _check_entry(entry: zipfile.ZipInfo, path: Path) -> None:
    name = PurePosixPath(entry.filename)
    reasons = {
        "a file without a name": not entry.filename,
        "a name that leaves it": name.is_absolute()
        or ".." in name.parts
        or any(sign in entry.filename for sign in "\\:\0"),
        "a link": stat.S_ISLNK(entry.external_attr >> 16),
        "an encrypted file": bool(entry.flag_bits & 1),
        "a name too long or too deep": len(entry.filename) > 1000 or len(name.parts) > MOST_DEPTH,
        f"a file compressed more than {MOST_RATIO}-fold": entry.file_size > RATIO_FROM
        and entry.file_size > MOST_RATIO * max(entry.compress_size, 1),
    }
    for reason, found in reasons.items():
        if found:
            raise SavedModelError(
                f"{path} holds {reason}.",
                expected="a zip of a folder that Spark NLP saved",
                found=checks.shown(entry.filename),
            )
