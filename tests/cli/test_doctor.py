"""What is said about the machine is what the machine has."""

from __future__ import annotations

import importlib.util
import json
import re

import pyarrow
from click.testing import CliRunner

from rubriek import settings
from rubriek.cli import main
from rubriek.cli.doctor import cpu_features, cpu_name
from rubriek.engines.cpu import int8_kernel
from rubriek.installation import install_line

INTEL = """processor : 0
model name : Intel(R) Xeon(R) Platinum 8481C
flags : fpu avx2 fma avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8
processor : 1
"""


def doctor(*arguments: str):
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert result.exit_code == 0, result.output
    return result


def test_the_report_names_versions_cores_and_the_cache(cache):
    text = doctor().output
    assert f"pyarrow {pyarrow.__version__}" in text
    assert f"{settings.usable_cores()} usable" in text
    assert str(cache) in text


def test_the_json_is_one_object(cache):
    found = json.loads(doctor("--json").output)
    assert found["cache"] == {
        "folder": str(cache),
        "bytes": sum(p.stat().st_size for p in cache.rglob("*") if p.is_file()),
    }
    assert found["offline"] is False
    assert found["cores"]["usable"] == settings.usable_cores()


def test_a_missing_extra_is_told_with_the_line_that_installs_it(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else real(name))
    text = doctor().output
    assert install_line("openvino") in text
    assert "openvino" not in json.loads(doctor("--json").output)["engines"]


def test_what_int8_gains_is_measured_on_request():
    found = json.loads(doctor("--json").output)["int8"]
    assert found == {"kernel": int8_kernel(), "measured": None}
    assert f"int8       runs on {int8_kernel()} (--measure" in doctor().output
    assert re.search(rf"runs on {int8_kernel()}, \d+\.\d times as fast as fp32", doctor("--measure").output)
    assert json.loads(doctor("--measure", "--json").output)["int8"]["measured"] > 0


def test_offline_is_told(monkeypatch):
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    assert "never used" in doctor().output


def test_features_that_matter_are_picked_out(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(INTEL, encoding="utf-8")
    assert cpu_name(file) == "Intel(R) Xeon(R) Platinum 8481C"
    assert cpu_features(file) == [
        "avx2",
        "fma",
        "avx512f",
        "avx512_vnni",
        "avx512_bf16",
        "amx_int8",
        "amx_bf16",
    ]
    assert cpu_features(tmp_path / "none") == []
