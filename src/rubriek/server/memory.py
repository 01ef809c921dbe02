"""Memory that is no longer needed goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Give back what was freed: the allocator keeps it, however much it was."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not need it
        if trim is not None:
            trim(0)
