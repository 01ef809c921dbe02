"""The process side of a contender: load, warm up, then answer one request a line until stdin ends.

Standard library only: contenders run in the environments of the peers, which share nothing else.
Requests and answers are JSON, one a line: ``{"do": "pass"}`` classifies all texts, ``{"do": "latency"}`` each
of some headlines alone, ``{"do": "more"}`` further texts, for their labels only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

WARM_UP = 48
"""Texts run before anything is measured: enough for compilers, thread pools and memory arenas to settle."""


class Contender(Protocol):
    """What a contender does; loading is its ``__init__(arguments)``."""

    about: dict[str, Any]
    """Versions and settings, for the report."""

    def classify(self, texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        """Labels of all texts, and what else is known of the run (padding share, stages)."""
        ...

    def classify_one(self, text: str) -> str:
        """The label of one text, by the call that the contender offers for one text."""
        ...


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument(
        "--texts", type=Path, required=True, help="JSON: {texts: [...], headlines: [...], more: [...]}"
    )
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--alone", action="store_true", help="warm up with single texts: no others will come")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    given.options = dict(option.split("=", 1) for option in given.option)
    return given


def protect_stdout() -> TextIO:
    """The real stdout; what libraries print goes to stderr from now on, and cannot break the answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def serve(kind: type[Any], *, warm_up: int = WARM_UP) -> None:
    answers = protect_stdout()
    given = arguments()
    data = json.loads(given.texts.read_text(encoding="utf-8"))
    started = time.perf_counter()
    contender: Contender = kind(given)
    if given.alone:
        for text in data["headlines"] * 3:  # the JVM compiles what was called often
            contender.classify_one(text)
    else:
        contender.classify(data["texts"][:warm_up])
    say(answers, about=contender.about, start_seconds=time.perf_counter() - started)
    for line in sys.stdin:
        asked = json.loads(line)["do"]
        if asked == "more":
            say(answers, labels=contender.classify(data["more"])[0])
        elif asked == "pass":
            started = time.perf_counter()
            labels, known = contender.classify(data["texts"])
            say(answers, seconds=time.perf_counter() - started, labels=labels, **known)
        else:
            say(answers, seconds=[_seconds(contender, text) for text in data["headlines"]])


def _seconds(contender: Contender, text: str) -> float:
    started = time.perf_counter()
    contender.classify_one(text)
    return time.perf_counter() - started


def say(answers: TextIO, **answer: object) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
