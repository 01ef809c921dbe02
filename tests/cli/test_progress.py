"""Progress shows on a terminal and nowhere else."""

from __future__ import annotations

import functools
import io
import os
import struct
import sys

import pytest

from rubriek.cli import progress as module
from rubriek.cli.progress import progress, tracked
from rubriek.statistics import Statistics


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, quiet: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    # Wide enough for the speeds of a run that takes no time at all
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(module, "tqdm", functools.partial(module.tqdm, mininterval=0, miniters=1))
    with progress(quiet=quiet) as bar:
        bar.started(1000, 400)
        bar.progressed(Statistics(documents=400, tokens=9000))
        bar.progressed(Statistics(documents=650, tokens=12000))
    return stream.getvalue()


def test_a_terminal_sees_how_far_how_fast_and_how_long(monkeypatch):
    text = shown(Terminal(), monkeypatch)
    assert "40%" in text
    assert "650/1,000" in text
    assert "documents/s" in text
    assert "tokens/s" in text
    assert " left" in text


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 80), (24, 0), (1, 80)])
def test_a_terminal_that_reports_no_size_sees_a_bar(rows, columns, monkeypatch):
    import fcntl
    import termios

    inner, outer = os.openpty()
    fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    with os.fdopen(outer, "w", encoding="utf-8") as terminal, os.fdopen(inner, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress(quiet=True) as quiet:
            quiet.started(10, 4)
        with progress(quiet=False) as bar:
            bar.started(10, 4)
            assert b"40%" in screen.read(1000)
            assert bar.rows == 10


def test_what_is_answered_is_known_without_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress(quiet=True) as silent:
        silent.started(1000, 400)
        silent.progressed(Statistics(documents=650))
    assert (silent.rows, silent.answered) == (1000, 650)


def test_a_pipe_and_a_quiet_user_see_nothing(monkeypatch):
    assert shown(io.StringIO(), monkeypatch) == ""
    assert shown(Terminal(), monkeypatch, quiet=True) == ""


@pytest.mark.parametrize(("stream", "seen"), [(Terminal(), True), (io.StringIO(), False)])
def test_the_parts_of_a_task_come_back_and_a_terminal_sees_them_counted(stream, seen, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(tracked(["a", "b"], "Rounding weights")) == ["a", "b"]
    assert ("Rounding weights" in stream.getvalue()) is seen
    assert seen or not stream.getvalue()
