"""The cache on disk.

::

    models/NAME/           bundles: imported ones, and copies
    downloads/KEY/         what was fetched, unpacked and otherwise as it came (Spark NLP can load it too)
    downloads/KEY.json     its record: where from, when, under which names, checksums; written last
    catalogues/            the catalogues of hubs, to ask only whether they have changed
    locks/                 one process at a time fetches or imports a thing

What begins with a dot is not finished. It is continued or cleared away by whoever wants the same next.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rubriek import settings
from rubriek.errors import RubriekError
from rubriek.hub.download import replacing, unwritable
from rubriek.models.bundle import NAME, RECORD
from rubriek.models.importing import slug

log = logging.getLogger(__name__)

MODELS, DOWNLOADS, CATALOGUES, LOCKS = "models", "downloads", "catalogues", "locks"


@dataclass(frozen=True)
class Record:
    """What is known of something that was fetched.

    Attributes
    ----------
    key : str
        Its name in the cache.
    references : tuple of str
        What it was asked for by.
    address : str
        Where it came from.
    hub, place, name, language : str
        Of a model of a hub: where that is and what it calls the model; else empty.
    time : float
        When it was fetched, in seconds since 1970.
    revision : str
        The server's name for this content: an ETag, a commit, ...
    bundle : str
        The bundle in ``models`` that was made of it; empty where none was made yet.
    files : dict
        Size and SHA-256 of each file.
    """

    key: str
    references: tuple[str, ...]
    address: str
    hub: str = ""
    place: str = ""
    name: str = ""
    language: str = ""
    time: float = 0.0
    revision: str = ""
    bundle: str = ""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path | None:
        """Where its files lie; None where they do not lie here."""
        folders = [home / DOWNLOADS / self.key for home in settings.cache_folders()]
        return next((folder for folder in folders if folder.is_dir()), None)

    @property
    def file(self) -> Path:
        """Where the record lies, or would be written."""
        files = [home / DOWNLOADS / f"{self.key}.json" for home in settings.cache_folders()]
        return next((file for file in files if file.is_file()), files[0])


def key_of(address: str) -> str:
    """Make the name in the cache of what lies at an address: readable, and another for each address.

    Examples
    --------
    >>> key_of("https://example.org/models/news.zip")
    'news-16999b04'
    """
    path = urllib.parse.urlsplit(address).path.rstrip("/")
    return (
        f"{slug(Path(path.rpartition('/')[2] or 'model'))}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    )


def record(key: str) -> Record | None:
    """Return the record of a key, if what it describes is here."""
    return next((found for found in records() if found.key == key), None)


def records() -> Iterator[Record]:
    """Go through the records of what is here, by key; a record that cannot be read counts for nothing."""
    seen = set()
    for home in settings.cache_folders():
        for file in sorted((home / DOWNLOADS).glob("*.json")):
            found = None if file.name.startswith(".") or file.stem in seen else _read(file)
            if found and (found.folder or bundle_folder(found.bundle)):
                seen.add(found.key)
                yield found


def _read(file: Path) -> Record | None:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        known = {field.name for field in fields(Record)}
        found = Record(**{name: value for name, value in values.items() if name in known})
        texts = (found.address, found.hub, found.place, found.name, found.language, found.bundle)
        if not all(isinstance(text, str) for text in texts) or not isinstance(found.files, dict):
            return None
        return replace(
            found, key=file.stem, references=tuple(map(str, found.references)), time=float(found.time)
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def bundle_folder(name: str) -> Path | None:
    """Return the folder of a bundle in the cache, by its name."""
    if not NAME.fullmatch(name):  # a record that was tampered with leads nowhere
        return None
    folders = [home / MODELS / name for home in settings.cache_folders()]
    return next((folder for folder in folders if (folder / RECORD).is_file()), None)


def write(found: Record) -> None:
    """Write a record, in the first folder of the cache."""
    folder = writable(DOWNLOADS)
    try:
        with replacing(folder / f"{found.key}.json") as partial:
            partial.write_text(json.dumps(asdict(found), ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, error) from error


def writable(part: str) -> Path:
    """Return a part of the cache to write to, made if need be.

    Raises
    ------
    CacheError
        If it cannot be made.
    """
    folder = settings.cache_folder() / part
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


@contextlib.contextmanager
def locked(key: str) -> Iterator[None]:
    """Hold something for this process; wait while another holds it.

    The operating system keeps the lock and drops it when the process ends, however it ends.

    Raises
    ------
    CacheError
        If the cache cannot be written.
    """
    import filelock

    folder = writable(LOCKS)
    lock = filelock.FileLock(folder / f"{key}.lock")
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            log.info("waiting for another process that works on %s", key)
            lock.acquire(poll_interval=0.1)
    except RubriekError:
        raise
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(key: str) -> bool:
    """Tell whether a process holds something."""
    import filelock

    lock = filelock.FileLock(settings.cache_folder() / LOCKS / f"{key}.lock")
    try:
        with lock.acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True


def used(file: Path) -> None:
    """Note that something is used now: the time of its record. In a read-only cache nothing is noted."""
    with contextlib.suppress(OSError):
        if abs(time.time() - file.stat().st_mtime) > 60:
            os.utime(file)
