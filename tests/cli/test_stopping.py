"""Whatever ends the command, it ends in one line, and leaves nothing in the temporary directory."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from rubriek.cli import main
from rubriek.errors import JobError
from rubriek.jobs import scratch
from rubriek.jobs.lock import locked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs signals")

INTERRUPTED = """
import os, signal, sys
from rubriek.__main__ import main

module = sys.argv.pop(1)

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
main()
"""

READING = """
import shutil
copy = shutil.copyfileobj

def told(source, target):
    print("*", flush=True)
    copy(source, target)

shutil.copyfileobj = told
from rubriek.__main__ import main
main()
"""


def python(code: str, *arguments: object, **settings) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **settings)


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def news(tmp_path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("text\nKoning opent museum\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "module",
    ["click", "rubriek.cli.classify", "rubriek.jobs", "pyarrow", "numpy", "tokenizers", "onnxruntime"],
)
def test_ctrl_c_while_it_starts_is_one_line(module, news, tiny_a):
    with python(INTERRUPTED, module, "classify", news, "-m", tiny_a.folder) as child:
        stdout, stderr = child.communicate(timeout=120)
    assert (child.returncode, stdout, stderr) == (130, "", "Interrupted.\n")


def test_ctrl_c_stays_ignored_where_it_was(news, tiny_a):
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    with python(ignoring + INTERRUPTED, "numpy", "classify", news, "-m", tiny_a.folder) as child:
        child.communicate(timeout=120)
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("number", "status", "message"),
    [(signal.SIGTERM, 143, "Terminated.\n"), (signal.SIGINT, 130, "Interrupted.\n")],
)
def test_what_was_read_of_stdin_does_not_stay(number, status, message, temporary):
    with python(READING, "classify", "-") as child:
        assert child.stdout.readline() == "*\n"
        assert list(temporary.iterdir()) != []
        child.send_signal(number)
        assert child.wait(timeout=120) == status
        assert child.stderr.read() == message
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_has_left_is_cleared_away_by_the_next(temporary):
    with python(READING, "classify", "-") as child:
        assert child.stdout.readline() == "*\n"
        child.kill()
    (left,) = temporary.iterdir()
    with scratch.scratch_folder():
        assert left.exists()  # so soon it might be one that is not held yet
    long_ago = time.time() - 3600
    os.utime(left / "lock", (long_ago, long_ago))
    foreign = temporary / "rubriek-job-of-something-else"
    foreign.mkdir()
    held = temporary / "rubriek-job-held"
    with locked(held):
        os.utime(held / "lock", (long_ago, long_ago))
        with scratch.scratch_folder() as folder:
            assert not left.exists()
            assert folder.stat().st_mode & 0o077 == 0
        assert sorted(temporary.iterdir()) == [held, foreign]


def test_a_full_temporary_directory_is_told_with_the_way_out(monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfileobj", full)
    result = CliRunner().invoke(main, ["classify", "-"], input="tekst\n")
    assert result.exit_code == 1
    assert "temporary directory" in result.stderr
    assert "TMPDIR" in result.stderr


def test_no_temporary_directory_at_all_is_told(monkeypatch):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(JobError, match="TMPDIR"), scratch.scratch_folder():
        pass


@pytest.mark.parametrize(
    ("closed", "arguments", "status", "message"),
    [
        ("<&-", ["-"], 1, "stdin is closed"),
        (">&-", ["IN", "-o", "-"], 1, "stdout is closed"),
        (">&-", ["IN", "-o", "OUT", "--json"], 1, "stdout is closed"),
        (">&-", ["IN", "-o", "OUT"], 0, ""),
        ("2>&-", ["IN", "-o", "OUT"], 0, ""),
        ("2>&-", ["IN.absent"], 1, ""),
        ("<&- >&- 2>&-", ["IN", "-o", "OUT"], 0, ""),
    ],
)
def test_closed_streams(closed, arguments, status, message, news, tmp_path, tiny_a):
    output = tmp_path / "uit.csv"
    places = [word.replace("IN", str(news)).replace("OUT", str(output)) for word in arguments]
    command = [sys.executable, "-m", "rubriek", "classify", *places, "-m", str(tiny_a.folder)]
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    if "OUT" in arguments:
        assert output.read_text(encoding="utf-8").startswith("text,label,")
        assert len(output.read_text(encoding="utf-8").splitlines()) == 2
