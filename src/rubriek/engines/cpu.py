"""What the processor can do, as far as engines choose by it."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
X86 = frozenset({"x86_64", "amd64", "i386", "i686"})
EXACT_BITS = 7
"""Weights of so many bits are exact on every processor: 2 x 255 x 64 fits 16 bits."""
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
def int8_kernel() -> str:
    """Name the instructions that int8 products run on here."""
    flags = cpu_flags()
    if platform.machine().lower() not in X86:
        return "i8mm" if "i8mm" in flags else "dot products" if "asimddp" in flags else "no int8 instructions"
    named = {"amx_int8": "AMX", "avx512_vnni": "AVX512 VNNI", "avx_vnni": "AVX VNNI", "avx512bw": "AVX512"}
    found = next((name for flag, name in named.items() if flag in flags), "AVX2")
    return found if flags & EXACT_INT8 else f"{found} without VNNI"


def int8_may_saturate(weight_bits: int) -> bool:
    """Say whether int8 products may overflow silently.

    x86 processors without VNNI add pairs of uint8 x int8 products in 16 bits, which saturates
    (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When and why do I need to
    try U8U8?"). Weights of 7 bits are too small for that. Where the features cannot be read, an x86 processor
    counts as one of them.

    Parameters
    ----------
    weight_bits : int
        Bits of the int8 weights.
    """
    x86 = platform.machine().lower() in X86
    return weight_bits > EXACT_BITS and x86 and not cpu_flags() & EXACT_INT8
