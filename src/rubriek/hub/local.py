"""Models on this machine: built in, in the cache, or at a path."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from rubriek import settings
from rubriek.errors import BundleError, ModelError, RubriekError, RubriekWarning
from rubriek.hub import cache
from rubriek.hub.download import unwritable
from rubriek.hub.unzipping import unpack
from rubriek.models import checks
from rubriek.models.bundle import MODEL, NAME, RECORD, Bundle
from rubriek.models.config_file import CONFIG
from rubriek.models.importing import format_of, import_model, is_saved, slug
from rubriek.models.staging import staged
from rubriek.models.weights import weight_files
from rubriek.sparknlp.formats.files import SavedFiles, open_saved

log = logging.getLogger(__name__)

BUNDLED = Path(__file__).parent.parent / "bundled"

IMPORTERS = 2
"""To be raised when an importer or the graph builder writes something else than before: what was imported is
then imported again."""


def homes() -> list[Path]:
    """Return the folders that hold bundles, in the order in which they are looked at."""
    return [BUNDLED, *(home / cache.MODELS for home in settings.cache_folders())]


def folders() -> Iterator[Path]:
    """Go through the bundles that are built in or in the cache, whether they can be used or not."""
    for home in homes():
        if home.is_dir():
            found = sorted(folder for folder in home.iterdir() if NAME.fullmatch(folder.name))
            yield from (folder for folder in found if (folder / RECORD).is_file())


def named(name: str) -> Bundle | None:
    """Open the bundle of a name, built in or in the cache."""
    for home in homes():
        if (home / name / RECORD).is_file():
            if home != BUNDLED:
                cache.used(home / name / RECORD)
            return Bundle.open(home / name)
    return None


def here(name: str) -> Bundle | None:
    """Open what a name stands for on this machine: a bundle that is called so, else what is at that path."""
    bundle = named(name)
    if bundle is None and (path := existing(Path(name))) is not None:
        return at(path)
    return bundle


def installed() -> list[Bundle]:
    """List the models that are built in or in the cache, by name.

    One that cannot be read is left out, and a `RubriekWarning` says why.

    Returns
    -------
    list of Bundle
    """
    found: dict[str, Bundle] = {}
    for folder in folders():
        try:
            found.setdefault(folder.name, Bundle.open(folder))
        except ModelError as error:
            warnings.warn(f"The model in {folder} cannot be used: {error}", RubriekWarning, stacklevel=2)
    return [found[name] for name in sorted(found)]


def existing(path: Path) -> Path | None:
    """Return a path if a model may be there: a folder or a zip."""
    try:
        path = path.expanduser()
        return path if path.is_dir() or is_saved(path) else None
    except (OSError, RuntimeError, ValueError):  # no possible path, or the home of a user who is not there
        return None


def at(path: Path, *, name: str | None = None) -> Bundle:
    """Open the bundle at a path; what is none yet is imported into the cache, once for each content.

    Parameters
    ----------
    path : Path
        A folder, or a zip of one.
    name : str, optional
        What the import is called, followed by a key of its content. Default: as the path is.

    Returns
    -------
    Bundle

    Raises
    ------
    ModelError
        If it holds no model that can be used.
    """
    if (path / RECORD).is_file():
        return Bundle.open(path)
    if path.is_file():
        files = open_saved(path)
        # What Spark NLP saved is read without being unpacked.
        if not {RECORD, CONFIG, MODEL}.isdisjoint(name.rpartition("/")[2] for name in files.names):
            return _of_zip(files, name or slug(path))
    return _once(path, f"{(name or slug(path))[:80]}-{_content_key(path, format_of(path))}")


def kept(folder: Path, *, name: str, move: bool = False) -> Bundle:
    """Copy or move a bundle into the cache, once for each content."""
    record = checks.sha256(folder / RECORD)
    return _once(folder, f"{name[:80]}-{record[:12]}", move=move)


def _once(source: Path, name: str, *, move: bool = False) -> Bundle:
    """Make the bundle of a name in the cache, if it is not there or damaged."""
    if (found := _intact(source, name)) is not None:
        return found
    with cache.locked(name):
        if (found := _intact(source, name)) is not None:
            return found
        target = cache.writable(cache.MODELS) / name
        log.info("importing %s into the cache, as %s", source, name)
        damaged = (target / RECORD).is_file()
        if not (source / RECORD).is_file():
            return import_model(source, target, name=name, overwrite=damaged)
        with staged(target, overwrite=damaged) as partial:
            if move:
                for file in source.iterdir():
                    file.rename(partial / file.name)
            else:
                shutil.copytree(source, partial, dirs_exist_ok=True)
        return Bundle.open(target, verify=True)


def _intact(source: Path, name: str) -> Bundle | None:
    folder = cache.bundle_folder(name)
    if folder is None:
        return None
    try:
        bundle = Bundle.open(folder)
    except BundleError as error:
        log.info("importing %s again, since its copy in the cache is damaged: %s", source, error.message)
        return None
    cache.used(folder / RECORD)
    return bundle


def _of_zip(files: SavedFiles, name: str) -> Bundle:
    home = cache.writable(cache.MODELS)
    try:
        with tempfile.TemporaryDirectory(dir=home, prefix=".", suffix=".unzipped") as folder:
            unpack(files, Path(folder))
            if (Path(folder) / RECORD).is_file():
                Bundle.open(folder, verify=True)
                return kept(Path(folder), name=name, move=True)
            return at(Path(folder), name=name)
    except RubriekError:
        raise
    except OSError as error:
        raise unwritable(home, error) from error


def _content_key(folder: Path, format_: str) -> str:
    """Make a short key of all that an importer may read."""
    digest = hashlib.sha256(f"{IMPORTERS} {format_}".encode())
    for file in _files_read(folder, format_):
        name = os.fsencode(file.relative_to(folder).as_posix())
        digest.update(b"\0" + name + f"\0{checks.sha256(file)}".encode())
    return digest.hexdigest()[:12]


def _files_read(folder: Path, format_: str) -> list[Path]:
    if folder.is_file():
        return [folder]
    if format_ == "huggingface":  # such folders hold checkpoints and other frameworks' weights, too
        files = {*folder.glob("*.json"), *folder.glob("*.txt"), *weight_files(folder)}
    else:
        files = set(folder.rglob("*"))
    return sorted(path for path in files if path.is_file())
