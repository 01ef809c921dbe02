"""What the processor can do, as far as engines choose by it."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# Each multiplies uint8 by int8 and adds in 32 bits; the names are those of Linux.
EXACT_INT8 = frozenset({"avx_vnni", "avx512_vnni", "amx_int8"})


def cpu_flags() -> frozenset[str]:
    """Read the processor's features under their Linux names; empty where Linux does not tell."""
    try:
        found = re.search(r"^flags\s*:(.*)$", CPU_INFO.read_text(), re.MULTILINE)
    except OSError:
        return frozenset()
    return frozenset(found[1].split()) if found else frozenset()


@cache
def int8_may_saturate() -> bool:
    """Say whether int8 products may overflow silently.

    x86 processors without VNNI add pairs of uint8 x int8 products in 16 bits, which saturates
    (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When and why do I need to
    try U8U8?"). Where the features cannot be read, an x86 processor counts as one of them.
    """
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
    return x86 and not cpu_flags() & EXACT_INT8
