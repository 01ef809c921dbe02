"""Brings what lies at an address into the cache, whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from rubriek import paths
from rubriek.errors import BundleError, DownloadError, ModelNotFoundError, RubriekError, SavedModelError
from rubriek.hub import buckets, cache
from rubriek.hub.cache import DOWNLOADS, Record
from rubriek.hub.download import Downloaded, check_room, checked, download, is_whole, unwritable
from rubriek.hub.references import parse
from rubriek.hub.unzipping import unzip
from rubriek.models import checks
from rubriek.models.bundle import RECORD, Bundle, parse_record
from rubriek.models.staging import staged

Files = dict[str, dict[str, Any]]

MAX_FILES = 2_000
"""Of a folder; a saved model has some dozens."""


@dataclass(frozen=True)
class Wanted:
    """What to fetch.

    Attributes
    ----------
    address : str
        ``https://``, ``http://``, ``s3://``, ``gs://``, or ``file://`` for a zip of a hub that is a folder.
    reference : str
        What it was asked for by.
    md5 : str
        Of the zip, in hexadecimal, where the catalogue has it.
    hub, place, name, language : str
        See `Record`.
    """

    address: str
    reference: str
    md5: str = ""
    hub: str = ""
    place: str = ""
    name: str = ""
    language: str = ""


def fetch(wanted: Wanted, *, refresh: bool = False) -> Record:
    """Return the record of what lies at an address, fetched if it is not in the cache.

    Of processes that want the same, one fetches and the others wait.

    Parameters
    ----------
    wanted : Wanted
        What to fetch.
    refresh : bool, default False
        Fetch it even if it is in the cache. What is there stays until the new one is whole.

    Returns
    -------
    Record
        Its ``folder`` is there, or the bundle that was made of it.

    Raises
    ------
    ModelNotFoundError
        If there is nothing at the address.
    DownloadError, SavedModelError, BundleError
        If it cannot be fetched, or is damaged.
    CacheError
        If the cache has no room, or cannot be written.
    """
    key = cache.key_of(wanted.address)
    if not refresh and (found := _found(key, wanted)) is not None:
        return found
    with cache.locked(key):
        if not refresh and (found := _found(key, wanted)) is not None:
            return found
        home = cache.writable(DOWNLOADS)
        new = home / f".{key}.new"
        clear_unfinished(home, key)
        try:
            files, revision = _fetch(wanted, new, home / f".{key}.part")
            _put(new, home / key)
        except RubriekError:
            raise
        except OSError as error:
            raise unwritable(home, error) from error
        earlier = cache.record(key)
        made = Record(
            key=key,
            references=_together(earlier.references if earlier else (), wanted.reference),
            address=wanted.address,
            hub=wanted.hub,
            place=wanted.place,
            name=wanted.name,
            language=wanted.language,
            time=time.time(),
            revision=revision,
            files=files,
        )
        cache.write(made)
        return made


def _put(new: Path, target: Path) -> None:
    """Put a folder in its place. Killed in between, there is none, and it is fetched again."""
    if target.exists():
        old = new.with_suffix(".old")
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(target)


def _together(references: tuple[str, ...], one: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*references, one]))


def _found(key: str, wanted: Wanted) -> Record | None:
    found = cache.record(key)
    if found is None:
        return None
    if wanted.reference in found.references and (found.name or not wanted.name):
        return found
    named = replace(
        found,
        references=_together(found.references, wanted.reference),
        hub=found.hub or wanted.hub,
        place=found.place or wanted.place,
        name=found.name or wanted.name,
        language=found.language or wanted.language,
    )
    with contextlib.suppress(RubriekError):  # a read-only cache: it is found by its address the next time
        cache.write(named)
    return named


def clear_unfinished(home: Path, key: str) -> None:
    """Remove the half-written folders that a killed process left. Only the holder of the lock may."""
    for pattern in (f".{key}.new", f".{key}.old", f"..{key}.new.*.partial"):
        for folder in home.glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


def _fetch(wanted: Wanted, target: Path, part: Path) -> tuple[Files, str]:
    address = wanted.address
    if address.startswith("file://"):
        file = Path(str(parse(address)))
        if not file.is_file():
            raise ModelNotFoundError(f"There is no file {file}.", hint="the hub's catalogue names it")
        if wanted.md5:
            checked(address, file, wanted.md5)
        return _unpacked(file, target), ""
    if _is_zip(address):
        archive = part.with_name(f"{part.name}.zip")
        fetched = _whole(address, archive, wanted, times_room=2)
        try:
            files = _unpacked(archive, target)
        except (SavedModelError, DownloadError):
            archive.unlink(missing_ok=True)
            if not fetched.resumed:
                raise
            # The part that an earlier process left may have been damaged: once more, from the start.
            fetched = _whole(address, archive, wanted, times_room=2)
            files = _unpacked(archive, target)
        archive.unlink(missing_ok=True)
        return files, fetched.tag or ""
    files = _fetch_folder(wanted, part)
    part.rename(target)
    return files, ""


def _is_zip(address: str) -> bool:
    parts = urllib.parse.urlsplit(address)
    return parts.path.endswith(".zip") or (bool(parts.query) and parts.scheme in ("http", "https"))


def _unpacked(archive: Path, target: Path) -> Files:
    with staged(target) as folder:
        return dict(unzip(archive, folder))


def _whole(
    address: str, file: Path, wanted: Wanted, *, times_room: int = 1, folder: Path | None = None
) -> Downloaded:
    what = wanted.name or PurePosixPath(urllib.parse.urlsplit(address).path).name
    fetched = download(address, file, what=what, md5=wanted.md5, times_room=times_room, folder=folder)
    assert fetched is not None, "no tag was said to be known"
    return fetched


def _fetch_folder(wanted: Wanted, part: Path) -> Files:
    """Fetch a folder file by file; what an earlier process finished is not fetched again."""
    root = wanted.address.rstrip("/")
    part.mkdir(exist_ok=True)
    web = root.startswith(("http://", "https://"))
    sizes = _files_of_bundle(wanted, root, part) if web else buckets.listed(root)
    if len(sizes) > MAX_FILES:
        raise DownloadError(
            f"{root} is no model.", expected=f"at most {MAX_FILES:,} files", found=f"{len(sizes):,}"
        )
    paths.check_names(sizes, error=DownloadError, where=root)
    check_room(part, sum(sizes.values()) - _bytes_below(part), root)
    files: Files = {}
    for name, size in sizes.items():
        file = part / name
        if not is_whole(file, size):
            _whole(f"{root}/{urllib.parse.quote(name) if web else name}", file, wanted, folder=part)
        files[name] = {"bytes": file.stat().st_size, "sha256": checks.sha256(file)}
    if RECORD in files:
        try:
            Bundle.open(part, verify=True)
        except BundleError:
            shutil.rmtree(part)
            raise
    return files


def _files_of_bundle(wanted: Wanted, root: str, part: Path) -> dict[str, int]:
    """Read from a bundle's record which files it has: web servers do not list folders."""
    file = part / RECORD
    try:
        _whole(f"{root}/{RECORD}", file, wanted)
        bundle = parse_record(part, checks.read_object(file, error=BundleError))
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"There is no model at {root}, or it may not be read.",
            expected=f"the address of a zip, or of a folder with {RECORD}",
            found=error.found,
            hint="web servers do not list folders, so that other folders cannot be fetched from them",
        ) from error
    except BundleError:
        file.unlink(missing_ok=True)
        raise
    return {RECORD: file.stat().st_size, **bundle.sizes}


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in _files_below(folder))


def _files_below(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
