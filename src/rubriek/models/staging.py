"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from rubriek.errors import ModelError, RubriekError

PARTIAL = ".partial"
STALE_SECONDS = 24 * 3600
"""How old what a killed writer left must be: a living one is surely done."""


def refuse_existing(target: Path, *, overwrite: bool = False, mark: str = "rubriek.json") -> None:
    """Raise `ModelError` if there is something at ``target`` already.

    ``overwrite`` allows a folder that holds the file ``mark``, or an empty one, to be replaced, and nothing
    else: a mistyped target must not cost anybody a folder of other things.
    """
    try:
        if not target.exists() and not target.is_symlink():
            return
    except OSError as error:  # a name that the system does not take
        raise _not_made(target, error) from error
    if not overwrite:
        raise ModelError(
            f"There is something at {target} already.",
            expected="a path where nothing is yet",
            hint="choose another target, or ask for it to be overwritten",
        )
    replaceable = target.is_dir() and not target.is_symlink()
    if not replaceable or not ((target / mark).is_file() or not any(target.iterdir())):
        raise ModelError(
            f"{target} is not a model of this kind, so it is not overwritten.",
            expected=f"a folder with {mark}, or an empty one",
            hint="choose another target, or remove it yourself",
        )


@contextlib.contextmanager
def staged(
    target: Path, *, overwrite: bool = False, mark: str = "rubriek.json", durable: bool = True
) -> Iterator[Path]:
    """Give a temporary folder beside ``target`` that becomes ``target`` when the block ends without an error.

    Everything is on the disk before the rename, so that whatever happens there is the old folder, or none, or
    the whole new one. After an error the temporary folder is removed.

    Parameters
    ----------
    target : Path
        The folder to make; its parents are made too.
    overwrite : bool, default False
        Replace what is there, if it holds the file ``mark`` or nothing.
    mark : str, default "rubriek.json"
        A file that every folder of the kind to write has.
    durable : bool, default True
        Have every file on the disk first. Thousands of files that can be made again need not wait for that.

    Yields
    ------
    Path
        The folder to write into.

    Raises
    ------
    ModelError
        If there is something at ``target`` that may not be replaced, or nothing can be written there.
    """
    target = target.absolute()
    refuse_existing(target, overwrite=overwrite, mark=mark)
    try:
        _clear_stale(target)
        folder = target.parent / f".{target.name}.{secrets.token_hex(8)}{PARTIAL}"
        folder.mkdir(parents=True)
    except (OSError, ValueError) as error:  # a ValueError over a name that is not Unicode
        raise _not_made(target, error) from error
    try:
        yield folder
        if durable:
            _sync(folder)
        _put(folder, target, overwrite=overwrite, mark=mark)
    except RubriekError:
        raise
    except OSError as error:
        raise ModelError(f"{target} cannot be written.", found=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # gone already when all went well


def _not_made(target: Path, error: OSError | ValueError) -> ModelError:
    return ModelError(f"{target} cannot be made.", found=getattr(error, "strerror", None) or str(error))


def _put(folder: Path, target: Path, *, overwrite: bool, mark: str) -> None:
    refuse_existing(target, overwrite=overwrite, mark=mark)  # somebody else may have been quicker
    if target.exists():
        aside = folder.with_suffix(".replaced")
        target.rename(aside)
        try:
            folder.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    else:
        folder.rename(target)
    _sync_one(target.parent)


def _clear_stale(target: Path) -> None:
    """Remove what writers of the same target that were killed have left; they may be gigabytes."""
    if not target.parent.is_dir():
        return
    for folder in target.parent.iterdir():
        ours = folder.name.startswith(f".{target.name}.") and folder.name.endswith(PARTIAL)
        with contextlib.suppress(FileNotFoundError):  # its writer may be done by now
            if ours and time.time() - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync_one(path)


def _sync_one(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders, and syncs only what is open for writing
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
