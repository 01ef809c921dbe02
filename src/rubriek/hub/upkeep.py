"""What is in the cache, and how to check it and make room."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rubriek import settings
from rubriek.errors import ModelError, ModelNotFoundError
from rubriek.hub import cache, local
from rubriek.hub.download import unwritable
from rubriek.hub.references import BareName, LocalPath, parse
from rubriek.models import checks
from rubriek.models.bundle import RECORD, Bundle
from rubriek.models.staging import STALE_SECONDS

DAY = 24 * 3600.0


@dataclass(frozen=True)
class Kept:
    """Something in the cache.

    Attributes
    ----------
    name : str
        A bundle's name, or a download's key.
    kind : {"model", "original", "leftover"}
        A bundle; what one was made of, or a pipeline, as it was fetched; what a process did not finish.
    folder : Path
        Where it lies; a file for some leftovers.
    bytes : int
        Its size.
    used : float or None
        When it was last used, in seconds since 1970; None where nothing tells.
    origin : str
        What it was asked for by; empty where it was not fetched.
    """

    name: str
    kind: str
    folder: Path
    bytes: int
    used: float | None
    origin: str = ""


def contents() -> list[Kept]:
    """List the models of the cache and the originals of those that were fetched; built-in ones are not in it.

    Returns
    -------
    list of Kept
        Models first.
    """
    records = list(cache.records())
    origins = {
        record.bundle: record.references[0] for record in records if record.bundle and record.references
    }
    models = [
        Kept(
            name=folder.name,
            kind="model",
            folder=folder,
            bytes=_bytes(folder),
            used=_time(folder / RECORD),
            origin=origins.get(folder.name, ""),
        )
        for folder in local.folders()
        if folder.parent != local.BUNDLED
    ]
    originals = [
        Kept(
            name=record.key,
            kind="original",
            folder=record.folder,
            bytes=_bytes(record.folder),
            used=_time(record.file),
            origin=record.references[0] if record.references else record.address,
        )
        for record in records
        if record.folder is not None
    ]
    return models + originals


def remove(ref: str) -> list[Kept]:
    """Remove a model from the cache, and what it was made of.

    Parameters
    ----------
    ref : str
        Its name, or what it was asked for by.

    Returns
    -------
    list of Kept
        What was removed.

    Raises
    ------
    ModelNotFoundError
        If it is not in the cache.
    ModelError
        If it is built in, or a path.
    CacheError
        If it cannot be removed.
    """
    reference = parse(ref)
    if isinstance(reference, BareName) and (local.BUNDLED / ref / RECORD).is_file():
        raise ModelError(f"The model {ref!r} is built in and cannot be removed.")
    found = contents()
    records = list(cache.records())
    names = {kept.name for kept in found if ref in (kept.name, kept.origin)}
    names |= {
        record.bundle or record.key
        for record in records
        if str(reference) in record.references or record.name == str(reference)
    }
    records = [record for record in records if {record.key, record.bundle} & names]
    names |= {record.key for record in records} | {record.bundle for record in records if record.bundle}
    chosen = [kept for kept in found if kept.name in names]
    if not chosen:
        raise ModelNotFoundError(
            f"The cache holds no model {ref!r}.",
            expected=", ".join(kept.name for kept in found if kept.kind == "model") or "there is none",
            hint="what lies elsewhere is not removed" if isinstance(reference, LocalPath) else None,
        )
    for record in records:  # first: without it a download counts for nothing, however far this gets
        _delete(record.file)
    for kept in chosen:
        _delete(kept.folder)
    return chosen


def prune(*, unused_days: float | None = None, originals: bool = False, dry_run: bool = False) -> list[Kept]:
    """Remove what is not needed: always what killed processes left and what no record tells of.

    Parameters
    ----------
    unused_days : float, optional
        Also models that were not used for so many days.
    originals : bool, default False
        Also what models were made of, which the models do not need.
    dry_run : bool, default False
        Remove nothing, only tell.

    Returns
    -------
    list of Kept
        What was removed.
    """
    chosen = [kept for kept in _leftovers() if not _is_busy(kept)]
    made = {record.key for record in cache.records() if cache.bundle_folder(record.bundle)}
    home = settings.cache_folder()
    for kept in contents():
        if home not in kept.folder.parents:
            continue  # of a folder that is only read
        old = unused_days is not None and kept.used is not None and _age(kept.used) > unused_days * DAY
        if old or (originals and kept.kind == "original" and kept.name in made):
            chosen.append(kept)
    if not dry_run:
        for kept in chosen:
            _forget(kept, made)
            _delete(kept.folder)
    return chosen


def _forget(kept: Kept, made: set[str]) -> None:
    """Remove the record of a download that nothing is left of."""
    if kept.kind == "original" and kept.name not in made:
        _delete(settings.cache_folder() / cache.DOWNLOADS / f"{kept.name}.json")
    if kept.kind == "model":
        for record in cache.records():
            if record.bundle == kept.name and record.folder is None:
                _delete(record.file)


def verify(ref: str | None = None) -> Iterator[tuple[Kept, ModelError | None]]:
    """Compare the files of models with the checksums that were noted when they were written.

    Parameters
    ----------
    ref : str, optional
        The name of one. Default: all that is built in or in the cache.

    Yields
    ------
    Kept, and ModelError or None
        What was looked at, and what is wrong with it.

    Raises
    ------
    ModelNotFoundError
        If there is none of that name.
    """
    built_in = [
        Kept(folder.name, "model", folder, _bytes(folder), None)
        for folder in local.folders()
        if folder.parent == local.BUNDLED
    ]
    found = [kept for kept in built_in + contents() if ref in (None, kept.name, kept.origin)]
    if not found:
        raise ModelNotFoundError(f"There is no model {ref!r} here.", hint="rubriek models list")
    records = {record.key: record for record in cache.records()}
    for kept in found:
        try:
            if kept.kind == "model":
                Bundle.open(kept.folder, verify=True)
            else:
                _verify_files(records[kept.name], kept.folder)
        except ModelError as error:
            yield kept, error
        else:
            yield kept, None


def _verify_files(record: cache.Record, folder: Path) -> None:
    for name, noted in record.files.items():
        file = checks.inside(folder, name, error=ModelError, where=str(record.file))
        found = checks.sha256(file) if file.is_file() else "no file"
        expected = noted.get("sha256") if isinstance(noted, dict) else None
        if found != expected:
            raise ModelError(
                f"{file} is not the file that was fetched.",
                expected=f"SHA-256 {expected}",
                found=found if found == "no file" else f"SHA-256 {found}",
                hint=f"rubriek models pull --refresh {record.references[0]}" if record.references else None,
            )


def _leftovers() -> Iterator[Kept]:
    home = settings.cache_folder()
    records = {record.key for record in cache.records()}
    for part in (cache.MODELS, cache.DOWNLOADS, cache.CATALOGUES):
        for path in sorted((home / part).glob("*")):
            orphan = part == cache.DOWNLOADS and path.name.removesuffix(".json") not in records
            if path.name.startswith(".") or path.name.endswith(".new") or orphan:
                yield Kept(path.name, "leftover", path, _bytes(path), _time(path))


def _is_busy(kept: Kept) -> bool:
    """Tell whether a process may still be writing it: it holds a lock, or has begun not long ago."""
    for lock in (settings.cache_folder() / cache.LOCKS).glob("*.lock"):
        if lock.stem in kept.name and cache.is_locked(lock.stem):
            return True
    return kept.folder.parent.name == cache.MODELS and _age(kept.used or 0) < STALE_SECONDS


def _age(moment: float) -> float:
    """Return how long ago something was; a clock that went backwards makes nothing old."""
    return max(0.0, time.time() - moment)


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            aside = path.with_name(
                f".{path.name.lstrip('.')}.removed"
            )  # gone at once, also for other processes
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
            shutil.rmtree(aside)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _time(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
