"""What the measurements ran on."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from rubriek.settings import usable_cores

HIDING = "hide_vnni"
"""In LD_PRELOAD when programs are to see a processor with AVX2 alone; see ``hide_vnni.c``."""
FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
PACKAGES = ("rubriek", "onnxruntime", "openvino", "tokenizers", "numpy", "pyarrow", "pyspark")


def describe() -> dict[str, Any]:
    """Date, CPU, cores, memory, operating system and the versions of rubriek's own environment."""
    cpu = dict(
        (part.strip() for part in line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    flags = {"avx2"} if hides_vnni() else set(cpu.get("flags", "").split())
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{cpu.get('model name', platform.machine())}, family {cpu.get('cpu family', '?')}, "
        f"model {cpu.get('model', '?')}" + (", its AVX512, VNNI and AMX hidden" if hides_vnni() else ""),
        "features": [feature for feature in FEATURES if feature in flags],
        "cores": usable_cores(),
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def hides_vnni() -> bool:
    """Whether this process and its children see a processor with AVX2 alone."""
    return HIDING in os.environ.get("LD_PRELOAD", "")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
