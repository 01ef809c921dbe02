"""The files of a saved model, in a folder or in a zip as the Models Hub serves it, under limits.

A zip's directory is read once, when it is opened, and every entry is checked then: its name, how far it is
compressed, and that no two entries share bytes.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from rubriek import paths
from rubriek.errors import ModelNotFoundError, SavedModelError
from rubriek.models import checks

MAX_FILES = 20_000
MAX_DIRECTORY = 8 * 2**20
"""Bytes of a zip's central directory; one entry takes about 150."""
MAX_RATIO = 200
"""How far a zip, and each large entry, may be compressed; a network's weights shrink to 0.9 of their size."""
RATIO_FROM = 16 * 2**20
"""Bytes, unpacked, from which on the ratio counts: of an entry, and of all together."""

END_RECORD = b"PK\x05\x06"
LOCATOR_64 = b"PK\x06\x07"
END_SIZE, LOCATOR_SIZE, MAX_COMMENT = 22, 20, 2**16
LOCAL_HEADER = struct.Struct("<4s22x2H")
"""Of an entry: its mark, and the lengths of the name and of the extra field that follow."""
LOCAL_MARK = b"PK\x03\x04"
UTF_8_NAME = 0x800


@dataclass(frozen=True, slots=True)
class SavedFiles:
    """A view of the files below one folder of a saved model.

    Attributes
    ----------
    path : Path
        The folder or zip that was opened.
    names : mapping of str to ZipInfo or None
        The files of this view, relative, with forward slashes; sorted. With each its entry in the zip.
    prefix : str
        Where this view begins inside the folder or zip.
    zipped : bool
        Whether `path` is a zip.
    """

    path: Path
    names: Mapping[str, zipfile.ZipInfo | None]
    prefix: str = ""
    zipped: bool = False

    def below(self, folder: str) -> SavedFiles:
        """Return the view of a folder inside this one."""
        start = f"{folder}/"
        names = {name[len(start) :]: entry for name, entry in self.names.items() if name.startswith(start)}
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
            entry = self.names[name]
            with (self.path if entry else self._file(name)).open("rb") as stream:
                if entry is None:
                    yield stream
                    return
                _go_to(entry, stream)
                with zipfile.ZipExtFile(stream, "r", entry) as unpacked:
                    yield cast("BinaryIO", unpacked)
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
            entry = self.names[name]
            return entry.file_size if entry else self._file(name).stat().st_size
        except READING_ERRORS as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> SavedModelError:
        return SavedModelError(
            f"{self.where(name)} cannot be read.",
            found=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
            hint="download or copy it again",
        )


READING_ERRORS = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    UnicodeDecodeError,
    KeyError,
)
"""What `zipfile` raises over a corrupt archive or one with features that it lacks."""


def _go_to(entry: zipfile.ZipInfo, stream: BinaryIO) -> None:
    """Go to where an entry's data begins, and check that it is the one that the directory names.

    `zipfile.ZipFile` would read the whole directory anew for each file that is opened.
    """
    stream.seek(entry.header_offset)
    mark, name, extra = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
    encoding = "utf-8" if entry.flag_bits & UTF_8_NAME else "cp437"
    if mark != LOCAL_MARK or stream.read(name).decode(encoding) != entry.orig_filename:
        raise zipfile.BadZipFile("the directory and the entry do not agree")
    stream.seek(extra, os.SEEK_CUR)


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
        return _single_folder(SavedFiles(path, _entries_of_zip(path), zipped=True))
    raise ModelNotFoundError(
        f"There is no saved model at {path}.", expected="a folder or zip that Spark NLP saved"
    )


def _single_folder(files: SavedFiles) -> SavedFiles:
    """Go into the one folder that a zip holds, where somebody zipped the folder and not its content.

    A file beside that folder is a part of the model, so the zip is taken as it is.
    """
    tops = {name.partition("/")[0] for name in files.names if not is_clutter(name)}
    if len(tops) == 1 and not tops & files.names.keys() and tops != {"metadata"}:
        return files.below(tops.pop())
    return files


def is_clutter(name: str) -> bool:
    """Tell whether a file manager added a file to a zip: macOS's own folder, hidden files at the top."""
    return name.startswith(("__MACOSX/", "."))


def _names_of_folder(path: Path) -> dict[str, None]:
    names: list[str] = []
    for folder, folders, found in os.walk(path):
        folders.sort()
        place = Path(folder).relative_to(path)
        names += [(place / name).as_posix() for name in found]
        if len(names) > MAX_FILES or len(place.parts) > paths.MAX_DEPTH:
            raise _too_many(path)
    return dict.fromkeys(sorted(names))


def _too_many(path: Path) -> SavedModelError:
    return SavedModelError(
        f"{path} is no saved model.",
        expected=f"at most {MAX_FILES:,} files, {paths.MAX_DEPTH} folders deep",
        found="more",
    )


def _entries_of_zip(path: Path) -> dict[str, zipfile.ZipInfo]:
    try:
        with path.open("rb") as stream:
            size = _check_directory(stream, path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except READING_ERRORS as error:
        raise SavedModelError(
            f"{path} is not a zip that can be read.",
            expected="a folder, or a zip of one",
            found=str(error) or type(error).__name__,
        ) from error
    if len(entries) > MAX_FILES:
        raise _too_many(path)
    for entry in entries:
        _check_entry(entry, path)
    _check_size(entries, size, path)
    if clash := paths.name_clash(entry.filename for entry in entries):
        raise paths.refused(str(path), *clash, SavedModelError)
    files = {entry.filename: entry for entry in entries if not entry.filename.endswith("/")}
    return {name: files[name] for name in sorted(files)}


def _check_directory(stream: BinaryIO, path: Path) -> int:
    """Check the size of the directory before `zipfile` loads it, looking where `zipfile` looks.

    Returns
    -------
    int
        The size of the zip.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - END_SIZE - LOCATOR_SIZE - MAX_COMMENT))
    tail = stream.read()
    start = len(tail) - END_SIZE
    if tail[start : start + 4] != END_RECORD or tail[-2:] != b"\0\0":
        start = tail.rfind(END_RECORD)
    if start < 0 or len(tail) < start + END_SIZE:
        raise zipfile.BadZipFile("no zip")
    count = int.from_bytes(tail[start + 10 : start + 12], "little")
    directory = int.from_bytes(tail[start + 12 : start + 16], "little")
    wide = start >= LOCATOR_SIZE and tail[start - LOCATOR_SIZE :].startswith(LOCATOR_64)
    if count > MAX_FILES or directory > MAX_DIRECTORY or wide:
        raise SavedModelError(
            f"{path} is no saved model.",
            expected=f"a zip of less than 4 GiB with at most {MAX_FILES:,} files",
            found="a larger one",
        )
    return size


def _check_entry(entry: zipfile.ZipInfo, path: Path) -> None:
    name = entry.filename
    folder = name.endswith("/")
    faults = (
        paths.name_fault(name[:-1] if folder else name),
        # `zipfile` ends a name at NUL, and on Windows turns backslashes.
        paths.name_fault(entry.orig_filename.rstrip("/")) if name else None,
        "a link" if stat.S_ISLNK(entry.external_attr >> 16) else None,
        "an encrypted file" if entry.flag_bits & 1 else None,
        "a folder with bytes of its own" if folder and entry.file_size else None,
        f"a file compressed more than {MAX_RATIO}-fold"
        if entry.file_size > max(RATIO_FROM, MAX_RATIO * entry.compress_size)
        else None,
    )
    if fault := next(filter(None, faults), None):
        raise paths.refused(str(path), fault, entry.orig_filename, SavedModelError)


def _check_size(entries: Iterable[zipfile.ZipInfo], size: int, path: Path) -> None:
    """Compare what entries take unpacked with the zip itself, however it is spread over them."""
    total = sum(entry.file_size for entry in entries)
    if total > max(RATIO_FROM, MAX_RATIO * size):
        raise SavedModelError(
            f"{path} is compressed more than {MAX_RATIO}-fold.",
            expected=f"at most {max(RATIO_FROM, MAX_RATIO * size):,} bytes in {size:,}",
            found=f"{total:,}",
        )
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        start, end = end, entry.header_offset + LOCAL_HEADER.size + entry.compress_size
        if not start <= entry.header_offset <= end <= size:
            raise SavedModelError(
                f"{path} holds files that share bytes or lie outside it.",
                expected="each file in a place of its own",
                found=checks.shown(entry.filename),
            )
