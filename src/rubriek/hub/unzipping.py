"""Unpacks a zip into a folder, under limits: no name, link or size in it is trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from rubriek.errors import DownloadError, SavedModelError
from rubriek.hub.download import check_room
from rubriek.models import checks
from rubriek.paths import open_below
from rubriek.sparknlp.formats.files import SavedFiles, open_saved

MAX_TOTAL = 64 * 2**30
"""Bytes that a zip may hold in all."""
CHUNK = 1 << 20


def unzip(archive: Path, folder: Path) -> dict[str, dict[str, int | str]]:
    """Unpack a zip.

    Where all it holds lies in one folder, the content of that is unpacked. `open_saved` refuses names that
    lead out, links, encrypted files, too many files and files compressed too much; here their sum is limited
    too, and no more is written of a file than its entry says.

    Parameters
    ----------
    archive : Path
        The zip.
    folder : Path
        An empty folder.

    Returns
    -------
    dict
        ``{"bytes": ..., "sha256": ...}`` for each file, by its path in the folder.

    Raises
    ------
    DownloadError
        If it is no zip, or a web page in the place of one.
    SavedModelError
        If it breaks a limit or is damaged.
    CacheError
        If the disk has no room for it.
    """
    check_is_zip(archive)
    return unpack(open_saved(archive), folder)


def unpack(files: SavedFiles, folder: Path) -> dict[str, dict[str, int | str]]:
    """Unpack a zip that is open already; see `unzip`."""
    names = [name for name in files.names if not name.startswith("__MACOSX/")]
    total = sum(map(files.size, names))
    if total > MAX_TOTAL:
        raise DownloadError(
            f"{files.path.name} holds too much.",
            expected=f"at most {MAX_TOTAL:,} bytes",
            found=f"{total:,}",
        )
    check_room(folder, total, files.path.name)
    return {name: _write(files, name, folder) for name in names}


def check_is_zip(file: Path) -> None:
    """Raise `DownloadError` if a file is no zip, and say what it looks like."""
    with file.open("rb") as stream:
        start = stream.read(512)
    if start.startswith(b"PK"):
        return
    page = start.lstrip().lower().startswith((b"<!doctype html", b"<html", b"<?xml"))
    raise DownloadError(
        "What was fetched is no zip.",
        expected="a zip of a model",
        found="a web page or an error message" if page else checks.shown(start[:40]),
        hint="open the address in a browser: it may ask you to sign in" if page else "is the address right?",
    )


def _write(files: SavedFiles, name: str, folder: Path) -> dict[str, int | str]:
    digest, size = hashlib.sha256(), 0
    with open_below(folder, name, "xb", error=SavedModelError, where=str(files.path)) as file:
        for block in _read(files, name):
            digest.update(block)
            size += len(block)
            file.write(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _read(files: SavedFiles, name: str) -> Iterator[bytes]:
    """Read an entry: at most the bytes that the directory says, its CRC checked at the end.

    A generator, so that an error of the disk that is written to does not pass for one of the zip.
    """
    with files.open(name) as source:
        while block := source.read(CHUNK):
            yield block
