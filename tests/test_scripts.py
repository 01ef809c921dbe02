"""scripts/ set up what they need where they may, and say what they could not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMANDS = ("bash", "env", "sed", "head", "grep", "cp", "true")
JAVA = """#!/bin/sh
echo 'openjdk version "17.0.15" 2025-04-15' >&2
"""
# Puts what it "installs" into the folder where it is itself.
APT_GET = """#!/bin/bash
echo "apt-get $*" >> "$LOG"
case "$*" in *install*) cp "$DOWNLOADS"/* "${0%/*}" ;; esac
"""

Machine = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Runs scripts/system-packages tests on a machine that has no Java and no Chromium."""
    programs, downloads = tmp_path / "programs", tmp_path / "downloads"
    programs.mkdir()

    def run(*, user: int, sudo: int | None = None, apt: bool = True, ci: bool = False):
        def write(name: str, text: str, folder: Path = programs) -> None:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o755)

        for command in COMMANDS:
            (programs / command).symlink_to(shutil.which(command))
        write("id", f"#!/bin/sh\necho {user}\n")
        write("systemd-analyze", "#!/bin/sh\n")
        write("java", JAVA, downloads)
        write("chromium", "#!/bin/sh\n", downloads)
        if apt:
            write("apt-get", APT_GET)
        if sudo is not None:
            write("sudo", f'#!/bin/bash\n[ {sudo} = 0 ] || exit {sudo}\nshift\nexec "$@"\n')
        return subprocess.run(
            [programs / "bash", ROOT / "scripts" / "system-packages", "tests"],
            env={"PATH": str(programs), "LOG": str(tmp_path / "log"), "DOWNLOADS": str(downloads)}
            | ({"CI": "true"} if ci else {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


PACKAGES = "openjdk-17-jre-headless chromium"


@pytest.mark.parametrize("ci", [True, False])
@pytest.mark.parametrize("rights", [{"user": 0}, {"user": 1000, "sudo": 0}], ids=["root", "sudo"])
def test_missing_packages_are_installed_where_that_is_allowed(machine, tmp_path, rights, ci):
    done = machine(**rights, ci=ci)
    assert done.returncode == 0, done.stderr
    assert f"Installing {PACKAGES}" in done.stderr
    update, install = (tmp_path / "log").read_text().splitlines()
    assert "update" in update
    assert install.endswith(PACKAGES)


@pytest.mark.parametrize(
    "rights",
    [{"user": 1000}, {"user": 1000, "sudo": 1}, {"user": 0, "apt": False}],
    ids=["no sudo", "sudo wants a password", "no apt-get"],
)
def test_elsewhere_the_line_is_shown_and_only_ci_fails(machine, tmp_path, rights):
    done = machine(**rights)
    assert done.returncode == 0
    assert f"apt-get install --no-install-recommends {PACKAGES}" in done.stderr
    assert not (tmp_path / "log").exists()


def test_in_ci_a_missing_package_is_a_failure(machine):
    done = machine(user=1000, ci=True)
    assert done.returncode == 1
    assert f"Missing, and not installed: {PACKAGES}" in done.stderr


def test_a_test_whose_program_is_missing_is_listed_as_not_run_and_fails_in_ci(tmp_path):
    (tmp_path / "java").write_text(JAVA.replace("17.0.15", "11.0.2"), encoding="utf-8")
    (tmp_path / "java").chmod(0o755)
    file = "tests/spark/test_spark_cluster.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", file]
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "JAVA_HOME")}
    environment |= {"PATH": str(tmp_path)}
    outside, inside = (
        subprocess.run(
            command, cwd=ROOT, env=environment | ci, capture_output=True, text=True, timeout=120, check=False
        )
        for ci in ({}, {"CI": "true"})
    )
    assert outside.returncode == 0, outside.stdout
    heading, reason, tests, _count = outside.stdout.splitlines()[-4:]
    assert "NOT RUN" in heading
    assert "openjdk-17-jre-headless" in reason
    assert "11.0.2" in reason
    assert tests.strip().startswith(f"{file}: ")
    assert inside.returncode == 1
    assert "openjdk-17-jre-headless" in inside.stdout
