"""How a model comes to Spark's workers: with rubriek itself, by a path they all see, or through Spark."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

from rubriek import hub
from rubriek.errors import BundleError, ModelNotFoundError
from rubriek.models.bundle import RECORD, Bundle

_SENT: WeakKeyDictionary[Any, dict[tuple[object, ...], Placed]] = WeakKeyDictionary()
_SENDING = threading.Lock()


@dataclass(frozen=True)
class Placed:
    """A model as a worker finds it; small, and equal for equal models.

    Attributes
    ----------
    kind : {"built in", "path", "archive"}
        Whether it comes with rubriek, lies at a path, or was sent through Spark.
    place : str
        Its name there, or its path.
    fingerprint : str
        SHA-256 of its rubriek.json, which holds the checksums of all its other files.
    """

    kind: Literal["built in", "path", "archive"]
    place: str
    fingerprint: str

    def open(self) -> Bundle:
        """Open the model where it is found, every checksum compared.

        Raises
        ------
        BundleError, ModelNotFoundError
            If it is not there, or is not the one that the driver meant.
        """
        folder = self._folder()
        if not (folder / RECORD).is_file():
            raise ModelNotFoundError(
                f"This worker has no model at {folder}.",
                hint="a path has to be seen by every node; without distribute=False Spark sends the model",
            )
        found = fingerprint(folder)
        if found != self.fingerprint:
            raise BundleError(
                f"The model at {folder} is not the one that the driver uses.",
                expected=f"{RECORD} with SHA-256 {self.fingerprint}",
                found=found,
                hint="install the driver's version of rubriek on the workers"
                if self.kind == "built in"
                else "copy the model to every node again",
            )
        return Bundle.open(folder, verify=True)

    def _folder(self) -> Path:
        if self.kind == "built in":
            return hub.BUNDLED / self.place
        if self.kind == "path":
            return Path(self.place)
        from pyspark import SparkFiles

        return Path(SparkFiles.get(self.place))


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of a bundle's record, and so of the bundle."""
    return hashlib.sha256((folder / RECORD).read_bytes()).hexdigest()


def send(session: Any, bundle: Bundle, *, distribute: bool = True) -> Placed:
    """Bring a model to the workers of a session, once for as long as its files stay what they are.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Classic or Connect.
    bundle : Bundle
        The model; its checksums are compared first, so that a corrupt one fails here.
    distribute : bool, default True
        Send it through Spark. False: every node sees it at its path.

    Returns
    -------
    Placed

    Raises
    ------
    BundleError, ModelNotFoundError
        If it is not what was written, or no longer there.
    """
    folder = bundle.folder.resolve()
    key = (folder, distribute, *_stamps(bundle))
    with _SENDING:
        sent = _SENT.setdefault(session, {})
        if key not in sent:
            bundle.verify()
            sent[key] = _place(session, bundle, distribute)
        return sent[key]


def _stamps(bundle: Bundle) -> list[int]:
    try:
        return [(bundle.folder / name).stat().st_mtime_ns for name in (RECORD, *sorted(bundle.checksums))]
    except OSError:
        Bundle.open(bundle.folder)  # says what is missing
        raise


def _place(session: Any, bundle: Bundle, distribute: bool) -> Placed:
    folder = bundle.folder.resolve()
    mark = fingerprint(folder)
    if folder.parent == hub.BUNDLED.resolve():
        return Placed("built in", folder.name, mark)
    if not distribute or _same_machine(session):
        return Placed("path", str(folder), mark)
    name = f"rubriek-{mark[:32]}"
    _add(session, f"{_archive(bundle, name)}#{name}")
    return Placed("archive", name, mark)


def is_connect(value: Any) -> bool:
    """Tell whether a session or a DataFrame is one of Spark Connect."""
    return type(value).__module__.startswith("pyspark.sql.connect")


def _same_machine(session: Any) -> bool:
    """Tell whether the workers run beside the driver, and see its files."""
    if is_connect(session):
        return False
    master = session.sparkContext.master
    return bool(master == "local" or master.startswith("local["))


def _add(session: Any, archive: str) -> None:
    # Spark unpacks an archive once for each executor, and removes it with the application.
    if is_connect(session):
        session.addArtifacts(archive, archive=True)
    else:
        session.sparkContext.addArchive(archive)


@cache
def _outbox() -> Path:
    """Make a folder that lasts as long as this process: executors that start later fetch from it, too."""
    folder = tempfile.mkdtemp(prefix="rubriek-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _archive(bundle: Bundle, name: str) -> Path:
    file = _outbox() / f"{name}.zip"
    if not file.exists():
        partial = file.with_suffix(".partial")
        # Weights hardly shrink, and packing them would take longer than sending them.
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for member in (RECORD, *sorted(bundle.checksums)):
                archive.write(bundle.folder / member, member)
        partial.rename(file)
    return file
