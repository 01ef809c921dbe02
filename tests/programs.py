"""Programs that pip does not bring. Tests that need a missing one are left out, and with CI set they fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import NoReturn

import pytest

OLDEST_JAVA = 17
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def require_java() -> None:
    """See that the Java which Spark would start is there and new enough."""
    home = os.environ.get("JAVA_HOME")
    command = shutil.which("java", path=f"{home}/bin" if home else None)
    found = "no java" if command is None else _version(command)
    number = re.search(r'version "(\d+)', found)
    if number is None or int(number[1]) < OLDEST_JAVA:
        _missing(
            f"Java {OLDEST_JAVA} or newer (or JAVA_HOME)",
            found=found.strip(),
            package="openjdk-17-jre-headless",
        )


def require_chromium() -> str:
    """The path of Chromium."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    return program or _missing("Chromium", found="none", package="chromium")


def require_systemd_analyze() -> str:
    """The path of systemd-analyze."""
    return shutil.which("systemd-analyze") or _missing("systemd-analyze", found="none", package="systemd")


def _missing(program: str, *, found: str, package: str) -> NoReturn:
    message = (
        f"needs {program}; found {found}. On Debian and Ubuntu: "
        f"apt-get install --no-install-recommends {package}"
    )
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def _version(command: str) -> str:
    done = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.partition("\n")[0]
