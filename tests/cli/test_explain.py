"""`rubriek explain` shows words in colour, and the same as JSON."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import rubriek
from rubriek.cli import main

TEXT = "De koning opent een museum in Assen"


def run(*arguments: str, status: int = 0, **settings: object):
    result = CliRunner().invoke(main, ["explain", *arguments], **settings)
    assert result.exit_code == status, result.output
    return result.output


def test_words_are_coloured_and_the_strongest_listed():
    output = run(TEXT, color=True)
    assert "\x1b[32m\x1b[1mkoning\x1b[0m" in output
    assert "Koningshuis" in output
    listed = output.partition("strongest words")[2].splitlines()[1]
    assert listed.split()[0] == "koning"


def test_without_colours_the_text_is_as_it_was():
    assert run(TEXT).splitlines()[0] == TEXT


def test_json_is_what_python_gives():
    told = json.loads(run(TEXT, "--json", "--label", "Politiek", "--spans", "3"))
    wanted = rubriek.load("nl-news").explain(TEXT, label="Politiek", spans=3)
    assert told["label"] == "Politiek"
    assert told["score"] == pytest.approx(wanted.score, abs=1e-5)
    assert [span["text"] for span in told["spans"]] == [span.text for span in wanted.spans]


def test_stdin_is_read_and_what_was_cut_is_told():
    output = run("-", "--max-length", "8", input=TEXT)
    assert "not read" in output
    assert "cut" in output


def test_a_text_cannot_reach_the_terminal():
    assert "\x1b" not in run("De \x1b[31mkoning\x1b]0;x\x07 lacht", color=False)


def test_a_text_without_words(tiny_a):
    assert "label" in run("...", "--model", str(tiny_a.folder))


def test_a_label_that_is_not_there_is_a_misuse():
    assert "did you mean 'Politiek'" in run(TEXT, "--label", "Politik", status=2)
