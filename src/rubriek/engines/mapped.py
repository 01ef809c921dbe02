"""The files of a model, and the memory that they take where they are mapped."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

MAPPINGS = Path("/proc/self/maps")
DONT_NEED = 4
"""MADV_DONTNEED, see madvise(2)."""


def files_of(model_file: Path) -> list[Path]:
    """Return a model's file and those with its weights, which lie beside it under a longer name.

    Parameters
    ----------
    model_file : Path
        The ONNX file.

    Returns
    -------
    list of Path
    """
    return list(model_file.parent.glob(f"{model_file.name}*"))


def release_pages(file: Path) -> None:
    """Take the pages of a file that this process maps for reading out of its memory.

    They are still in the page cache, and come back when they are read again. Mappings that can be written to,
    or that this process has for itself alone, are left as they are. Does nothing where there is no Linux.

    Parameters
    ----------
    file : Path
        The file; it need not be mapped at all.
    """
    if sys.platform != "linux":
        return
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    name = str(file.resolve())
    for line in MAPPINGS.read_text(encoding="utf-8", errors="replace").splitlines():
        addresses, permissions, _offset, _device, _inode, *path = line.split(maxsplit=5)
        if permissions == "r--s" and path == [name]:
            start, end = (int(address, 16) for address in addresses.split("-"))
            advise(start, end - start, DONT_NEED)
