"""What the measurements ran on."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from rubriek.settings import usable_cores

FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
PACKAGES = ("rubriek", "onnxruntime", "openvino", "tokenizers", "numpy", "pyarrow", "pyspark")


def describe() -> dict[str, Any]:
    """Date, CPU, cores, memory, operating system and the versions of rubriek's own environment."""
    cpu = dict(
        (part.strip() for part in line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    flags = set(cpu.get("flags", "").split())
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{cpu.get('model name', platform.machine())}, family {cpu.get('cpu family', '?')}, "
        f"model {cpu.get('model', '?')}",
        "features": [feature for feature in FEATURES if feature in flags],
        "cores": usable_cores(),
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
