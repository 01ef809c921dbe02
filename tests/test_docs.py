"""The code in README.md and docs/ is run as it stands, a file after the other, in a copy of the examples."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rubriek

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCK = re.compile(
    r"(?P<note><!-- not run: .+? -->\n)?^```(?P<kind>python|console)\n(?P<code>.*?)^```$", re.M | re.S
)


def blocks(page: Path, kind: str) -> list[str]:
    """Code blocks of a kind; one under a ``<!-- not run: why -->`` is left out."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [match["code"] for match in found if match["kind"] == kind and not match["note"]]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def run_in(workplace: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands of the shell where this Python's programs are found first."""
    programs = Path(sys.executable).parent
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=workplace,
        env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_python_runs(page, workplace):
    code = "\n".join(blocks(page, "python"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=workplace,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "console")], ids=lambda page: page.name
)
def test_rubriek_commands_run(page, workplace):
    lines = [line for code in blocks(page, "console") for line in code.splitlines()]
    commands = [
        line for line in lines if re.match(r"(\w+=\S+ )*rubriek |cat .*\| rubriek |echo .*\| rubriek ", line)
    ]
    for command in commands:
        done = run_in(workplace, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_install_lines_name_a_clone_or_the_wheel_and_extras_that_exist():
    # There is no release: a bare name would ask the package index for one.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wheel = re.escape(f"rubriek-{rubriek.__version__}-py3-none-any.whl")
    source = re.compile(rf"'?(\.|\S*\b{wheel})(\[(?P<extras>[\w,]+)\])?(['` ]|$)")
    found = 0
    for page in PAGES:
        for install in re.findall(r"(?:pip|pipx) install .*|uvx --from .*", page.read_text(encoding="utf-8")):
            words = re.sub(r"^\S+ \S+ (-\S+ )*", "", install)
            match = source.match(words)
            assert match, f"{page.name}: {install}"
            assert set((match["extras"] or "models").split(",")) <= set(project["optional-dependencies"])
            found += 1
    assert found > 10


def test_the_readme_shows_what_the_demo_prints(workplace):
    """Scores may differ a little between processors, and a label where two scores are all but equal."""
    _, commands = (ROOT / "scripts" / "demo").read_text(encoding="utf-8").split("scripts/install\n")
    done = run_in(workplace, commands.replace(".venv/bin/", ""))
    assert done.returncode == 0, done.stderr
    [shown] = re.findall(r"^```text\n(title .*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    rows, printed_rows = (
        [re.split(r" {2,}", line) for line in text.splitlines()] for text in (shown, done.stdout)
    )
    assert [row[:2] for row in rows[:9]] == [row[:2] for row in printed_rows[:9]]
    assert sum(row[2] == printed[2] for row, printed in zip(rows[:9], printed_rows[:9], strict=True)) >= 8
    for row, printed in zip(rows[1:9], printed_rows[1:9], strict=True):
        assert float(row[3]) == pytest.approx(float(printed[3]), abs=0.05)
    right, printed_right = (int(text.split(" of 225 ")[0].split()[-1]) for text in (shown, done.stdout))
    assert right == pytest.approx(printed_right, abs=3)
