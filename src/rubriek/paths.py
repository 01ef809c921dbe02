"""Names of files that others choose, and the one place that opens such a file for writing.

Archives, listings of buckets, catalogues and records name files. A name is checked as a text first, so that
it means the same on every system; then the path that it leads to is resolved and must lie in the folder.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from rubriek.errors import RubriekError

MAX_NAME_BYTES = 1_000
"""Of a relative path in UTF-8."""
MAX_PART_BYTES = 230
"""Of a file's or folder's own name; systems take 255, and temporary names are up to 20 longer."""
MAX_DEPTH = 16

LEAVES = "a name that leaves it"

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
"""Opening a link is an error. Windows has no such flag; ordinary users cannot make links there."""

Mode: TypeAlias = Literal["xb", "wb", "ab"]
_Entries: TypeAlias = dict[str, tuple[str, "_Entries | None"]]

_FLAGS: dict[Mode, int] = {"xb": os.O_EXCL, "wb": os.O_TRUNC, "ab": os.O_APPEND}
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
_NAME_ERRORS = frozenset(
    {
        errno.EEXIST,
        errno.EILSEQ,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
    }
)
"""What a system raises over a name that it does not take; a full disk is another matter."""


def name_fault(name: str) -> str | None:
    """Return what is wrong with a relative name that others chose, as in "the zip holds ..."; else None.

    Examples
    --------
    >>> name_fault("a/../../b"), name_fault("a//b"), name_fault("onnx/model.onnx")
    ('a name that leaves it', 'a name with an empty part', None)
    """
    parts = name.split("/")
    if not name:
        return "a file without a name"
    if _SURROGATE.search(name):
        return "a name that is not Unicode text"
    if _CONTROL.search(name):
        return "a name with a control character"
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
        return LEAVES
    if "" in parts or "." in parts:
        return "a name with an empty part"
    if len(name.encode()) > MAX_NAME_BYTES or len(parts) > MAX_DEPTH:
        return "a name too long or too deep"
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return "a name too long or too deep"
    if any(_DEVICE.fullmatch(part) or part[-1] in ". " for part in parts):
        return "a name that Windows cannot write"
    return None


def name_clash(names: Iterable[str]) -> tuple[str, str] | None:
    """Find a name that cannot lie beside an earlier one, and say why not.

    Parameters
    ----------
    names : iterable of str
        Names without a fault; one that ends in ``/`` is a folder, which may occur again.

    Returns
    -------
    tuple of str or None
        What is wrong, as in "the zip holds ...", and the later of the two names.

    Examples
    --------
    >>> name_clash(["model.onnx", "Model.ONNX"])
    ('names that differ in case alone', 'Model.ONNX')
    >>> name_clash(["model", "model/part"])
    ('a file and a folder of one name', 'model/part')
    """
    top: _Entries = {}
    for name in names:
        *folders, file = name.split("/")
        entries = top
        for part in folders:
            spelling, below = entries.setdefault(_folded(part), (part, {}))
            if below is None:
                return "a file and a folder of one name", name
            if spelling != part:
                return "names that differ in case alone", name
            entries = below
        if not file:
            continue
        spelling, below = entries.setdefault(_folded(file), ("", None))
        if below is not None:
            return "a file and a folder of one name", name
        if spelling:
            return ("a file twice" if spelling == file else "names that differ in case alone"), name
        entries[_folded(file)] = (file, None)
    return None


def check_names(names: Iterable[str], *, error: type[RubriekError], where: str) -> None:
    """Raise ``error`` if names that others chose have a fault or clash; ``where`` is what holds them."""
    names = list(names)
    for name in names:
        if fault := name_fault(name):
            raise refused(where, fault, name, error)
    if clash := name_clash(names):
        raise refused(where, *clash, error)


def _folded(part: str) -> str:
    """Return what macOS and Windows take for the same name, whatever its case and its accents' encoding."""
    return unicodedata.normalize("NFC", part).casefold()


def is_below(path: Path, folder: Path) -> bool:
    """Tell whether a path, every link followed, lies in a folder."""
    return real(path).is_relative_to(real(folder))


def real(path: Path) -> Path:
    """Follow every link of a path, as far as there are any; `Path.resolve` fails on a loop of links."""
    return Path(os.path.realpath(path))


def open_below(folder: Path, name: str, mode: Mode, *, error: type[RubriekError], where: str) -> BinaryIO:
    """Open a file below a folder for writing; the folders between are made.

    Every file whose name comes from others is opened here, so that no way of making up the name goes past the
    check: it is made on the path that is opened, every link followed.

    Parameters
    ----------
    folder : Path
        Nothing outside it is written.
    name : str
        The relative name, with forward slashes.
    mode : {"xb", "wb", "ab"}
        Make a new file, replace one, or go on at its end.
    error : type
        The error to raise over the name. A full or read-only disk is an OSError.
    where : str
        What names the file, for the message.

    Returns
    -------
    binary file
    """
    fault = name_fault(name)
    path = folder / name
    if fault is None and not is_below(path, folder):
        fault = LEAVES
    if fault is not None:
        raise refused(where, fault, name, error)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | NO_FOLLOW | getattr(os, "O_BINARY", 0) | _FLAGS[mode]
        return os.fdopen(os.open(path, flags, 0o666), "ab" if mode == "ab" else "wb")
    except OSError as cause:
        if cause.errno not in _NAME_ERRORS:
            raise
        raise error(
            f"{where} names a file that cannot be written.",
            expected=f"a new name that this system takes, below {folder}",
            found=f"{_cut(name)}: {cause.strerror}",
        ) from cause


def refused(where: str, fault: str, name: str, error: type[RubriekError]) -> RubriekError:
    """Make the error over a name that has a fault or clashes with another."""
    return error(f"{where} holds {fault}.", expected="names of files below one folder", found=_cut(name))


def _cut(name: str) -> str:
    return repr(name) if len(name) <= 100 else f"{name[:100]!r}..."
