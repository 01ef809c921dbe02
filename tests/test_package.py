from __future__ import annotations

import os
import subprocess
import sys

import pytest

import rubriek

HEAVY = ("numpy", "pyarrow", "onnxruntime", "tokenizers", "pandas", "polars", "onnx", "openvino", "torch")


def loaded_after(code: str) -> set[str]:
    report = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_importing_it_loads_nothing_heavy():
    assert loaded_after("import rubriek; rubriek.__version__") == set()


def test_its_help_loads_nothing_heavy():
    assert loaded_after("import rubriek.cli") == set()


def test_classifying_a_list_loads_no_extra(tiny_a):
    code = f"import rubriek; rubriek.load({str(tiny_a.folder)!r}).predict(['koning'])"
    # pandas is not among them: pyarrow imports it by itself in `pyarrow.array`, where it is installed
    assert loaded_after(code) & {"polars", "onnx", "openvino", "torch"} == set()


def test_what_it_exports():
    assert all(hasattr(rubriek, name) for name in rubriek.__all__)
    assert set(rubriek.__all__) <= set(dir(rubriek))
    with pytest.raises(AttributeError, match="nothing"):
        rubriek.nothing  # noqa: B018


def test_classifying_leaves_nothing_at_home_and_the_environment_as_it_was(tmp_path, tiny_a):
    code = f"""
import os
before = dict(os.environ)
import rubriek
rubriek.load({str(tiny_a.folder)!r}).predict(['koning'])
assert dict(os.environ) == before
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run(
        [sys.executable, "-c", code], env={**environment, "HOME": str(tmp_path)}, check=True, timeout=60
    )
    assert list(tmp_path.rglob("*")) == []
