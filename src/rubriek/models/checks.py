"""Reading files of others: JSON with limits, names that stay inside their folder, checksums."""

from __future__ import annotations

import contextlib
import hashlib
import math
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

from rubriek import paths
from rubriek.errors import ModelError
from rubriek.strict_json import parse

JSON_LIMIT = 16 * 2**20
"""Bytes of a JSON file of a model; config.json and rubriek.json take a few thousand."""


LFS_POINTER = b"version https://git-lfs"
"""How a file begins that Git puts in the place of a large one."""


WEB_PAGE = (b"<!doctype html", b"<html")
"""How a page begins that a browser or a script saved under the name of the file it was to fetch."""


def refuse_stand_in(file: Path, error: type[ModelError]) -> None:
    """Raise ``error`` if a pointer of Git LFS or a web page lies in a file's place.

    A file that cannot be read is left to its reader.
    """
    with contextlib.suppress(OSError), file.open("rb") as stream:
        start = stream.read(256)
        if start.lstrip().lower().startswith(WEB_PAGE):
            raise error(
                f"{file} is a web page.",
                expected="the file itself",
                hint="download it again; a page often says that one has to log in first",
            )
        if start.startswith(LFS_POINTER):
            raise error(
                f"{file} is a pointer of Git LFS.",
                expected="the file itself",
                found=f"{file.stat().st_size:,} bytes that say where it lies",
                hint="fetch it: git lfs install, then git lfs pull in the clone",
            )


def read_bytes(file: Path, *, limit: int, error: type[ModelError]) -> bytes:
    """Read a whole file of at most ``limit`` bytes, or raise ``error``."""
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as cause:
        raise error(f"{file} cannot be read.", found=cause.strerror or str(cause)) from cause
    if len(data) > limit:
        raise error(f"{file} is too large.", expected=f"at most {limit:,} bytes", found="more")
    if data.startswith(LFS_POINTER) or data[:256].lstrip().lower().startswith(WEB_PAGE):
        refuse_stand_in(file, error)
    return data


def read_object(file: Path, *, error: type[ModelError], limit: int = JSON_LIMIT) -> Fields:
    """Read a JSON object from a file, or raise ``error``."""
    return Fields(
        parse_object(read_bytes(file, limit=limit, error=error), str(file), error), str(file), error
    )


def parse_object(data: bytes, where: str, error: type[ModelError]) -> dict[str, Any]:
    """Parse a JSON object in UTF-8; a key that stands twice is refused, since readers differ on it."""
    try:
        value = parse(data)
    except ValueError as cause:
        raise error(f"{where} is not JSON.", expected="a JSON object in UTF-8", found=str(cause)) from cause
    if not isinstance(value, dict):
        raise error(f"{where} is not a JSON object.", expected="an object, {...}", found=shown(value))
    return value


def listing(folder: Path, *, most: int = 12) -> str:
    """Name what lies in a folder, for an error message."""
    names = sorted(path.name for path in folder.iterdir())
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest if names else "nothing"


def shown(value: object, *, most: int = 80) -> str:
    """Write a value for an error message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= most else text[:most] + "…"


class Fields:
    """The fields of a JSON object, each read with the type and range that it must have.

    Every method takes the field's name and raises ``error`` with file, field, expected and found.

    Examples
    --------
    >>> fields = Fields({"layers": "two"}, "config.json", ModelError)
    >>> fields.integer("layers", least=1)
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelError: config.json: the field 'layers' is wrong.
      expected: a whole number of at least 1
      found:    'two'
    """

    def __init__(self, values: dict[str, Any], where: str, error: type[ModelError]) -> None:
        self.values = values
        self.where = where
        self.error = error

    def __contains__(self, name: str) -> bool:
        """Tell whether the field is there and not null."""
        return self.values.get(name) is not None

    def wrong(self, name: str, expected: str, *, hint: str | None = None) -> ModelError:
        """Make the error that says a field is wrong, or missing."""
        if name not in self.values:
            return self.error(f"{self.where}: the field '{name}' is missing.", expected=expected, hint=hint)
        found = shown(self.values[name])
        return self.error(
            f"{self.where}: the field '{name}' is wrong.", expected=expected, found=found, hint=hint
        )

    def text(self, name: str, *, most: int = 1000, choices: tuple[str, ...] = ()) -> str:
        """Read a string that is not empty."""
        value = self.values.get(name)
        if choices:
            if value not in choices:
                raise self.wrong(name, f"one of {', '.join(choices)}")
        elif not is_text(value) or not 0 < len(value) <= most:
            raise self.wrong(name, f"a text of 1 to {most} characters")
        return str(value)

    def integer(self, name: str, *, least: int, most: int = 2**31 - 1) -> int:
        """Read a whole number."""
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            span = f"of at least {least}" if most == 2**31 - 1 else f"from {least} to {most}"
            raise self.wrong(name, f"a whole number {span}")
        return value

    def number(self, name: str, *, least: float, most: float) -> float:
        """Read a finite number."""
        value = self.values.get(name)
        if not is_number(value, least, most):
            raise self.wrong(name, f"a number from {least:g} to {most:g}")
        return float(self.values[name])

    def boolean(self, name: str, *, default: bool | None = None) -> bool:
        """Read true or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def texts(self, name: str, *, most: int) -> tuple[str, ...]:
        """Read a list of strings."""
        value = self.values.get(name)
        if not isinstance(value, list) or len(value) > most or not all(is_text(item) for item in value):
            raise self.wrong(name, f"a list of at most {most:,} texts")
        return tuple(value)

    def fields(self, name: str) -> Fields:
        """Read an object."""
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "an object, {...}")
        return Fields(value, f"{self.where}: {name}", self.error)


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether a JSON value is a string that can be written; half a surrogate pair cannot."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def is_number(value: object, least: float, most: float) -> bool:
    """Tell whether a JSON value is a finite number in a range; ``true`` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return least <= value <= most and math.isfinite(value)


def inside(folder: Path, name: str, *, error: type[ModelError], where: str) -> Path:
    """Return the path of a file that another file names, refusing every name that leaves the folder.

    Links are followed and must end in the folder too, or in the ``blobs`` folder of a Hugging Face cache,
    which keeps its files there (``models--x/snapshots/HASH/`` beside ``models--x/blobs/``).

    Parameters
    ----------
    folder : Path
        Where the file must be.
    name : str
        The relative name, with forward slashes.
    error : type
        The error to raise.
    where : str
        The file that names it, for the message.

    Returns
    -------
    Path

    Examples
    --------
    >>> inside(Path("model"), "../secret", error=ModelError, where="index.json")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelError: index.json names a file outside its folder.
      expected: a relative path below model
      found:    '../secret'
    """
    # Exporters write "./weights" and "a//b"; whoever makes a file of a name needs it spelled in one way.
    plain = str(PurePosixPath(name))
    path = folder / plain
    if paths.name_fault(plain) is not None or not _is_inside(path, folder):
        raise error(
            f"{where} names a file outside its folder.",
            expected=f"a relative path below {folder}",
            found=shown(name),
        )
    return path


def _is_inside(path: Path, folder: Path) -> bool:
    blobs = paths.real(folder).parent.parent / "blobs"
    return paths.is_below(path, folder) or paths.real(path).parent == blobs


def sha256(file: Path) -> str:
    """Compute a file's SHA-256 as hexadecimal digits, or raise `ModelError` where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as cause:
        raise ModelError(f"{file} cannot be read.", found=cause.strerror or str(cause)) from cause
