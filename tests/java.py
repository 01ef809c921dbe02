"""Whether Java is there: tests that need it fail without it, rather than being left out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

OLDEST = 17


def require() -> None:
    """Fail the test unless Java is there and new enough, and say what to install."""
    home = os.environ.get("JAVA_HOME")
    command = shutil.which("java", path=f"{home}/bin" if home else None)
    found = "no java" if command is None else _version(command)
    number = re.search(r'version "(\d+)', found)
    if number is None or int(number[1]) < OLDEST:
        pytest.fail(
            f"Tests with Spark need Java {OLDEST} or newer; found {found.strip()}. On Debian and Ubuntu: "
            "apt-get install openjdk-17-jre-headless. Elsewhere, set JAVA_HOME.",
            pytrace=False,
        )


def _version(command: str) -> str:
    done = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.partition("\n")[0]
