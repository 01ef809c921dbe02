"""Progress shows on a terminal and nowhere else."""

from __future__ import annotations

import functools
import io
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


def test_a_pipe_and_a_quiet_user_see_nothing(monkeypatch):
    assert shown(io.StringIO(), monkeypatch) == ""
    assert shown(Terminal(), monkeypatch, quiet=True) == ""


@pytest.mark.parametrize(("stream", "seen"), [(Terminal(), True), (io.StringIO(), False)])
def test_the_parts_of_a_task_come_back_and_a_terminal_sees_them_counted(stream, seen, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(tracked(["a", "b"], "Rounding weights")) == ["a", "b"]
    assert ("Rounding weights" in stream.getvalue()) is seen
    assert seen or not stream.getvalue()
