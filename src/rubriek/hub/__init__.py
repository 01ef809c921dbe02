"""Finds models: built in, in the cache, or at a path."""

from __future__ import annotations

import difflib
import hashlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from rubriek import settings
from rubriek.errors import BundleError, ModelError, ModelNotFoundError, RubriekWarning
from rubriek.models import checks
from rubriek.models.bundle import NAME, RECORD, Bundle
from rubriek.models.importing import format_of, import_model, is_saved, slug
from rubriek.models.weights import weight_files

__all__ = ["installed", "resolve"]

log = logging.getLogger(__name__)

BUNDLED = Path(__file__).parent.parent / "bundled"

IMPORTERS = 1
"""To be raised when an importer or the graph builder writes something else than before: what `resolve`
imported is then imported again."""


def resolve(ref: Path | str) -> Bundle:
    """Find a model, and import it if it is not a bundle yet.

    Parameters
    ----------
    ref : str or path
        The name of a model that is built in or in the cache, or else the path of a bundle, a Hugging Face
        folder, an ONNX folder, or a folder or zip that Spark NLP saved. All but bundles are imported into the
        cache, once for each content; a line of the log (INFO) says so. Write ``./name`` for a folder that is
        called like a model.

    Returns
    -------
    Bundle

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the message names the nearest and what there is.
    ModelError
        If there is one that cannot be used.

    Examples
    --------
    >>> resolve("no-such-model")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelNotFoundError: There is no model 'no-such-model'.
    ...
    """
    if isinstance(ref, str) and NAME.fullmatch(ref):
        for home in _homes():
            if (home / ref / RECORD).is_file():
                return Bundle.open(home / ref)
    path = _existing(ref)
    if path is None:
        raise _not_found(ref)
    if (path / RECORD).is_file():
        return Bundle.open(path)
    return _import_once(path)


def _existing(ref: Path | str) -> Path | None:
    try:
        path = Path(ref).expanduser()
        return path if str(ref) and (path.is_dir() or is_saved(path)) else None
    except (OSError, RuntimeError):  # too long for a path, or the home of a user who is not there
        return None


def installed() -> list[Bundle]:
    """List the models that are built in or in the cache, by name.

    One that cannot be read is left out, and a `RubriekWarning` says why.

    Returns
    -------
    list of Bundle
    """
    found: dict[str, Bundle] = {}
    for folder in _folders():
        try:
            found.setdefault(folder.name, Bundle.open(folder))
        except ModelError as error:
            warnings.warn(f"The model in {folder} cannot be used: {error}", RubriekWarning, stacklevel=2)
    return [found[name] for name in sorted(found)]


def _homes() -> tuple[Path, Path]:
    return BUNDLED, settings.cache_folder() / "models"


def _folders() -> Iterator[Path]:
    for home in _homes():
        if home.is_dir():
            folders = sorted(folder for folder in home.iterdir() if NAME.fullmatch(folder.name))
            yield from (folder for folder in folders if (folder / RECORD).is_file())


def _not_found(ref: Path | str) -> ModelNotFoundError:
    names = sorted({folder.name for folder in _folders()})
    near = difflib.get_close_matches(Path(ref).name, names, n=3)
    looks_like_path = os.sep in str(ref)
    return ModelNotFoundError(
        f"There is no folder at {ref}." if looks_like_path else f"There is no model {str(ref)!r}.",
        expected=f"one of {', '.join(names)}, or a path" if names else "the path of a model",
        hint=f"did you mean {' or '.join(map(repr, near))}?" if near else "rubriek models list",
    )


def _import_once(folder: Path) -> Bundle:
    name = f"{slug(folder)[:80]}-{_content_key(folder)}"
    target = settings.cache_folder() / "models" / name
    damaged = (target / RECORD).is_file()
    if damaged:
        try:
            return Bundle.open(target)
        except BundleError as error:
            log.info("importing %s again, since its copy in the cache is damaged: %s", folder, error.message)
    log.info("importing %s into the cache, as %s", folder, name)
    try:
        return import_model(folder, target, name=name, overwrite=damaged)
    except ModelError:
        if (target / RECORD).is_file():  # another process was quicker
            return Bundle.open(target)
        raise


def _content_key(folder: Path) -> str:
    """Make a short key of all that an importer may read."""
    format_ = format_of(folder)
    digest = hashlib.sha256(f"{IMPORTERS} {format_}".encode())
    for file in _files_read(folder, format_):
        digest.update(f"\0{file.relative_to(folder).as_posix()}\0{checks.sha256(file)}".encode())
    return digest.hexdigest()[:12]


def _files_read(folder: Path, format_: str) -> list[Path]:
    if folder.is_file():
        return [folder]
    if format_ == "huggingface":  # such folders hold checkpoints and other frameworks' weights, too
        files = {*folder.glob("*.json"), *folder.glob("*.txt"), *weight_files(folder)}
    else:
        files = set(folder.rglob("*"))
    return sorted(path for path in files if path.is_file())
