from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rubriek.child_process import ChildFailure, run_limited
from rubriek.errors import ModelError, TokenizerError

GENEROUS = {"seconds": 20, "megabytes": 1000}
HERE = "test_child_process"
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")


def give(value):
    return [value, os.getpid()]


def refuse(kind):
    error = {"tokenizer": TokenizerError, "model": ModelError}[kind]
    raise error("No.", expected="yes", found="no", hint="say yes")


def write_to_stdout():
    os.write(1, b"noise")
    print("more noise")  # noqa: T201
    return "result"


def loop():
    while True:
        pass


def fill_memory():
    return len(bytearray(3 * 10**9))


def crash():
    os.abort()


def panic():
    class PanicException(BaseException):
        pass

    raise PanicException("called unwrap on " + "x" * 5000)


def leave():
    sys.exit(3)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.mark.parametrize("value", [None, "é\n", 3, [1.5, {"a": True}]])
def test_values_go_there_and_back_and_the_process_is_another_one(value):
    found, process = run_limited(f"{HERE}.give", value, **GENEROUS)
    assert found == value
    assert process != os.getpid()


@pytest.mark.parametrize(("kind", "error"), [("tokenizer", TokenizerError), ("model", ModelError)])
def test_errors_of_ours_arrive_as_they_were_raised(kind, error):
    with pytest.raises(error) as caught:
        run_limited(f"{HERE}.refuse", kind, **GENEROUS)
    assert type(caught.value) is error
    assert (caught.value.message, caught.value.expected) == ("No.", "yes")
    assert (caught.value.found, caught.value.hint) == ("no", "say yes")


def test_what_the_function_prints_is_not_taken_for_its_result():
    assert run_limited(f"{HERE}.write_to_stdout", **GENEROUS) == "result"


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("crash", "SIGABRT"),
        ("panic", "PanicException: called unwrap"),
        ("leave", "SystemExit: 3"),
        ("no_such_function", "AttributeError"),
        ("no_such_module.function", "ModuleNotFoundError"),
        pytest.param("fill_memory", r"more than 1,000 MB", marks=linux),
    ],
)
def test_other_ends_are_failures(function, found):
    with pytest.raises(ChildFailure, match=found) as caught:
        run_limited(function if "." in function else f"{HERE}.{function}", **GENEROUS)
    assert len(str(caught.value)) < 500


def test_a_process_that_takes_too_long_is_ended():
    with pytest.raises(ChildFailure, match=r"more than 1 seconds|no result after"):
        run_limited(f"{HERE}.loop", seconds=1, megabytes=1000)


def test_a_process_that_waits_for_ever_is_ended(monkeypatch):
    monkeypatch.setattr("rubriek.child_process.WALL_CLOCK_FACTOR", 1)
    with pytest.raises(ChildFailure, match="no result after"):
        run_limited("signal.pause", seconds=1, megabytes=1000)


def test_the_current_folder_holds_no_modules(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('foreign code ran')")
    code = "from rubriek.child_process import run_limited as run\n"
    code += "print(run('math.gcd', 4, 6, seconds=20, megabytes=1000))"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("2\n", "")


def test_a_python_that_cannot_be_started_is_named(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ChildFailure, match="/no/such/python cannot be started"):
        run_limited("math.gcd", 4, 6, **GENEROUS)
