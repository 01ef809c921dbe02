"""Where a hub is written: a folder, or a bucket through fsspec.

A file appears whole or not at all. One that many write to is replaced only if it still is what was read.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, TypeVar

from filelock import FileLock

from rubriek import settings
from rubriek.errors import OfflineError, OptionError, PublishingError, RubriekError
from rubriek.hub import buckets
from rubriek.hub.progress import watcher
from rubriek.paths import check_names, open_below

T = TypeVar("T")

MOST_BYTES = 2**28
"""Of a file that is read as a whole; the catalogue of the Models Hub takes some 10 MB."""


class Storage(Protocol):
    """A place for the files of a hub, which have names with forward slashes."""

    address: str

    def read(self, name: str) -> tuple[bytes, str | None]:
        """Return a file's content and its version; nothing and None where there is no such file."""

    def size(self, name: str) -> int | None:
        """Return the bytes of a file; None where there is none."""

    def put(self, name: str, file: Path) -> None:
        """Copy a local file to the place."""

    def replace(self, name: str, data: bytes, version: str | None) -> bool:
        """Write a file if it still is of a version; tell whether it was."""


def open_storage(to: Path | str) -> Storage:
    """Open the place that a path or an address names.

    Parameters
    ----------
    to : path or str
        A folder, which need not exist, or ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Raises
    ------
    OptionError
        If it is an address of another kind.
    OfflineError
        If ``RUBRIEK_OFFLINE`` is set and the place is a bucket.
    MissingExtraError
        If the package for the bucket is not installed.
    """
    scheme, separator, path = str(to).partition("://")
    if not separator or scheme == "file":
        return Folder(Path(path if separator else to).expanduser().absolute())
    if scheme not in buckets.PACKAGES:
        raise OptionError(
            f"A hub cannot be written to {to}.",
            expected=f"a folder, or {' or '.join(f'{known}://bucket' for known in buckets.PACKAGES)}",
            found=f"{scheme}://",
        )
    if settings.offline():
        raise OfflineError(f"{to} is not in this machine.", hint="unset RUBRIEK_OFFLINE, or name a folder")
    return Bucket(str(to).rstrip("/"))


class Folder:
    """A folder; readers see each file as it was or as it is, never half of it."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._path = path

    def read(self, name: str) -> tuple[bytes, str | None]:
        """Return a file's content and its version."""
        try:
            data = (self._path / name).read_bytes()
        except FileNotFoundError:
            return b"", None
        except (OSError, ValueError) as error:  # a ValueError over a path that no system takes
            raise _refused(str(self._path / name), error) from error
        return _limited(data, name), hashlib.sha256(data).hexdigest()

    def size(self, name: str) -> int | None:
        """Return the bytes of a file; None where there is none."""
        file = self._path / name
        return file.stat().st_size if file.is_file() else None

    def put(self, name: str, file: Path) -> None:
        """Copy a local file to the place."""

        def copy(target: BinaryIO) -> None:
            with file.open("rb") as source:
                shutil.copyfileobj(source, target, 2**20)

        _writing(name, lambda: self._write(name, copy))

    def replace(self, name: str, data: bytes, version: str | None) -> bool:
        """Write a file if it still is of a version; tell whether it was."""
        return _writing(name, lambda: self._replace(name, data, version))

    def _replace(self, name: str, data: bytes, version: str | None) -> bool:
        target = self._path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if self.read(name)[1] != version:
                return False
            self._write(name, lambda target: target.write(data))
        return True

    def _write(self, name: str, fill: Callable[[BinaryIO], object]) -> None:
        check_names([name], error=PublishingError, where=self.address)
        unfinished = (PurePosixPath(name).parent / f".{secrets.token_hex(8)}.partial").as_posix()
        stream = open_below(self._path, unfinished, "xb", error=PublishingError, where=self.address)
        try:
            with stream:
                fill(stream)
                stream.flush()
                os.fsync(stream.fileno())
            (self._path / unfinished).replace(self._path / name)
        finally:
            (self._path / unfinished).unlink(missing_ok=True)


class Bucket:
    """A bucket. On S3, `replace` is safe against others that write at the same time; elsewhere it is not."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._system = buckets.file_system(address)
        self._conditional = address.startswith("s3://")

    def read(self, name: str) -> tuple[bytes, str | None]:
        """Return a file's content and its version."""
        place = self._place(name)
        try:
            facts = self._system.info(place)
            version = str(facts.get("ETag") or facts.get("etag") or "there")
            return _limited(self._system.cat_file(place), name), version
        except FileNotFoundError:
            return b"", None
        except Exception as error:  # see above
            raise _refused(place, error) from error

    def size(self, name: str) -> int | None:
        """Return the bytes of a file; None where there is none."""
        try:
            return int(self._system.info(self._place(name))["size"])
        except FileNotFoundError:
            return None
        except Exception as error:  # the packages behind fsspec raise errors of many kinds
            raise _refused(name, error) from error

    def put(self, name: str, file: Path) -> None:
        """Copy a local file to the place."""
        from fsspec.callbacks import Callback

        class Told(Callback):  # type: ignore[misc]  # untyped
            """Tells the watcher of transfers."""

            def call(self, *_: Any, **__: Any) -> None:
                watcher().progressed(self.value)

        watcher().started(name, file.stat().st_size, 0)
        try:
            _writing(name, lambda: self._system.put_file(str(file), self._place(name), callback=Told()))
        finally:
            watcher().ended()

    def replace(self, name: str, data: bytes, version: str | None) -> bool:
        """Write a file if it still is of a version; tell whether it was."""
        only = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        try:
            self._system.pipe_file(self._place(name), data, **(only if self._conditional else {}))
        except Exception as error:  # see above
            if _is_conflict(error):
                return False
            raise _refused(self._place(name), error) from error
        return True

    def _place(self, name: str) -> str:
        return f"{self.address}/{name}"


def _is_conflict(error: Exception) -> bool:
    said = f"{error!r} {error.__cause__!r}"
    return any(word in said for word in ("PreconditionFailed", "ConditionalRequestConflict", "(412)"))


def _limited(data: bytes, name: str) -> bytes:
    if len(data) > MOST_BYTES:
        raise PublishingError(f"{name} is too large.", expected=f"at most {MOST_BYTES:,} bytes", found="more")
    return data


def _writing(name: str, write: Callable[[], T]) -> T:
    try:
        return write()
    except RubriekError:
        raise
    except Exception as error:  # see above
        raise _refused(name, error) from error


def _refused(name: str, error: Exception) -> PublishingError:
    return PublishingError(
        f"{name} cannot be read or written.",
        found=f"{type(error).__name__}: {error}",
        hint="are the address, the rights and the credentials right?",
    )
