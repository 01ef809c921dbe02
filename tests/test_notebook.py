"""The notebook is executed as it stands, by a kernel of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "rubriek.ipynb"
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> list[dict]:
    """The cells, with what they gave."""
    folder = tmp_path_factory.mktemp("notebook")
    given, written = folder / "given.ipynb", folder / "executed.ipynb"
    given.write_bytes(NOTEBOOK.read_bytes())
    folders = {"IPYTHONDIR": str(folder / "ipython"), "MPLCONFIGDIR": str(folder / "matplotlib")}
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(given), str(folder), str(written)],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env=os.environ | folders | {"JUPYTER_PLATFORM_DIRS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(written.read_text("utf-8"))["cells"]


def told(cell: dict) -> str:
    texts = []
    for output in cell["outputs"]:
        data = output.get("data", {})
        texts += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    return "".join("".join(text) for text in texts)


def test_it_runs_and_says_what_it_promises(executed):
    by_code = {"".join(cell["source"]): told(cell) for cell in executed if cell["cell_type"] == "code"}
    all_told = "\n".join(by_code.values())
    assert "Koningshuis, 99.0%; 12 tokens, cut: False" in all_told
    assert "Cultuur &amp; Media" in all_told
    assert "truncate: Politiek" in all_told
    assert "cut: True, windows: 1" in all_told
    assert re.search(r'rgb\(46 125 50 / 0\.60\)"[^>]*>koning</span>', all_told)


def test_it_draws_a_chart(executed):
    outputs = [output for cell in executed for output in cell.get("outputs", [])]
    assert [output for output in outputs if "image/png" in output.get("data", {})]
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_it_is_kept_without_results_and_says_that_its_items_are_invented():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert all(
        cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if "outputs" in cell
    )
    assert any("invented" in cell["source"] for cell in cells)
