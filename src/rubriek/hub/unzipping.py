"""Unpacks a zip into a folder, under limits: no name, link or size in it is trusted."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rubriek.errors import DownloadError, SavedModelError
from rubriek.hub.download import check_room
from rubriek.models import checks
from rubriek.sparknlp.formats.files import READING_ERRORS, open_saved

MOST_TOTAL = 64 * 2**30
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
    files = open_saved(archive)
    with zipfile.ZipFile(archive) as opened:
        entries = {
            name: opened.getinfo(files.prefix + name)
            for name in files.names
            if PurePosixPath(name).parts[0] != "__MACOSX"
        }
        total = sum(entry.file_size for entry in entries.values())
        if total > MOST_TOTAL:
            raise DownloadError(
                f"{archive.name} holds too much.",
                expected=f"at most {MOST_TOTAL:,} bytes",
                found=f"{total:,}",
            )
        check_room(folder, total, archive.name)
        return {name: _write(opened, entry, folder / name) for name, entry in entries.items()}


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


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> dict[str, int | str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as stream:
        for block in _read(opened, entry):
            digest.update(block)
            size += len(block)
            stream.write(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _read(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Read an entry: at most the bytes that its header says, its CRC checked at the end."""
    try:
        with opened.open(entry) as source:
            while block := source.read(CHUNK):
                yield block
    except READING_ERRORS as error:
        raise SavedModelError(
            f"{entry.filename} in {opened.filename} is damaged.", found=str(error), hint="download it again"
        ) from error
