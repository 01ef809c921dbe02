"""``rubriek doctor``: what this machine and this installation can do."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from rubriek.cli.options import as_json_option
from rubriek.engines import PRECISIONS
from rubriek.engines.cpu import int8_kernel
from rubriek.installation import install_line

_CORE = (
    "numpy", "onnxruntime", "tokenizers", "pyarrow", "narwhals", "huggingface-hub", "httpx2", "fsspec",
    "click", "tqdm",
)  # fmt: skip
_EXTRAS = {
    "models": ("onnx", "importing and quantizing models"),
    "openvino": ("openvino", "the engine openvino"),
    "pandas": ("pandas", "pandas frames"),
    "polars": ("polars", "Polars frames"),
    "spark": ("pyspark", "Spark DataFrames; Java 17 or newer, too"),
    "sparknlp": ("regex", "Spark NLP's tokenisation"),
    "serve": ("starlette", "rubriek serve"),
    "site": ("jinja2", "rubriek hub site"),
    "s3": ("s3fs", "models in S3"),
    "gs": ("gcsfs", "models in Google's storage"),
}
# What decides how fast matrix products are: AVX2 and AVX-512 for fp32, VNNI for int8, BF16 and AMX for both.
_FEATURES = (
    "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16",
    "asimd", "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip


@click.command(short_help="Show what this machine and installation can do.")
@click.option(
    "--measure", is_flag=True, help="Measure how much faster int8 is here than fp32; takes some seconds."
)
@as_json_option
def doctor(measure: bool, as_json: bool) -> None:
    """Show versions, CPU features, usable cores, engines and the cache: what to add to a bug report.

    \b
    Examples:
      rubriek doctor
      rubriek doctor --measure
    """  # noqa: D301 -- click reads \b
    found = examined()
    if measure:
        from rubriek.models.int8_speed import measure_int8_speed

        found["int8"]["measured"] = measure_int8_speed().gain
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    from rubriek.cli.terminal import facts, size

    missing = found["missing_extras"]
    values = {
        "rubriek": f"{found['rubriek']} in {found['folder']}",
        "python": f"{found['python']} ({found['platform']})",
        "packages": ", ".join(f"{name} {version}" for name, version in found["packages"].items()),
        "processor": found["cpu"]["name"],
        "int8": _int8(found["int8"]),
        "features": " ".join(found["cpu"]["features"]) or "unknown",
        "cores": f"{found['cores']['usable']} usable: {_why(found['cores'])}",
        "engines": "; ".join(f"{name} ({', '.join(kinds)})" for name, kinds in found["engines"].items()),
        "cache": f"{found['cache']['folder']} ({size(found['cache']['bytes'])})",
        "network": "never used: RUBRIEK_OFFLINE is set" if found["offline"] else "allowed",
    }
    for line in facts(values):
        click.echo(line)
    for extra, purpose in missing.items():
        click.echo(f"for {purpose}: {install_line(extra)}")


def examined() -> dict[str, Any]:
    """Gather what there is to say, as JSON values."""
    import rubriek
    from rubriek import settings

    cache = settings.cache_folder()
    return {
        "rubriek": rubriek.__version__,
        "folder": str(Path(rubriek.__file__).parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {
            name: _version(name) for name in (*_CORE, *(p for p, _ in _EXTRAS.values())) if _version(name)
        },
        "missing_extras": {
            extra: purpose
            for extra, (package, purpose) in _EXTRAS.items()
            if importlib.util.find_spec(package) is None
        },
        "cpu": {"name": cpu_name(), "features": cpu_features()},
        "int8": {"kernel": int8_kernel(), "measured": None},
        "cores": {
            "usable": settings.usable_cores(),
            "machine": _machine_cores(),
            "affinity": settings.affinity_cores(),
            "quota": settings.quota_cores(),
        },
        "engines": _engines(),
        "cache": {"folder": str(cache), "bytes": _bytes(cache)},
        "offline": settings.offline(),
    }


def _int8(found: dict[str, Any]) -> str:
    if found["measured"] is None:
        return f"runs on {found['kernel']} (--measure: how much faster that is than fp32)"
    return f"runs on {found['kernel']}, {found['measured']:.1f} times as fast as fp32 (measured, one thread)"


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return the features that matter for matrix products; empty where the system does not tell."""
    for line in _lines(cpuinfo):
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            there = set(value.split())
            return [feature for feature in _FEATURES if feature in there]
    return []


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name."""
    for line in _lines(cpuinfo):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _machine_cores() -> int:
    return os.cpu_count() or 1


def _why(cores: dict[str, Any]) -> str:
    parts = [f"the machine has {cores['machine']}"]
    if cores["affinity"] != cores["machine"]:
        parts.append(f"this process is bound to {cores['affinity']}")
    if cores["quota"] is not None:
        parts.append(f"its cgroup gets the time of {cores['quota']:g}")
    return ", ".join(parts)


def _engines() -> dict[str, list[str]]:
    engines = {f"onnxruntime {_version('onnxruntime')}": ["fp32", "int8"]}
    if importlib.util.find_spec("openvino") is not None:
        engines[f"openvino {_version('openvino')}"] = list(PRECISIONS)
    return engines


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
