"""Feeds parsers with changed files and tells what should not have happened.

    scripts/fuzz --minutes N [--parser NAME]

A find is any exception outside rubriek's errors, a crash, a file outside the case's folder, more than 5
seconds of processor time or more than 1 GB of memory. The smallest file of each kind of find is kept in
``tests/fuzz/corpus/PARSER/``, which the ordinary tests read again.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from fuzz_worker import INPUT, MAX_SECONDS, NUMBER

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
AT_ONCE = 100
"""Cases for each request: a process that answers each waits for its turn most of the time."""
MAX_CASES = 10**9
ERRORS = "errors"


@dataclass
class Findings:
    """What came of the cases of a parser."""

    parser: str
    cases: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    finds: dict[str, bytes] = field(default_factory=dict)

    def keep(self, find: str, data: bytes) -> None:
        """Keep the smallest file of each kind of find."""
        kind = next((kind for kind in self.finds if _alike(kind, find)), find)
        if kind not in self.finds or len(data) < len(self.finds[kind]):
            self.finds[kind] = data


class Crash(Exception):
    """The process of a case ended."""

    def __init__(self, said: str, number: int = 0, data: bytes = b"") -> None:
        super().__init__(said)
        self.number = number
        self.data = data


class Worker:
    """A process that runs cases; one that ends is started again."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, parser: str, *, seconds: float = MAX_SECONDS, **cases: Any) -> Iterator[dict[str, Any]]:
        """Run a ``file``, or the cases ``first`` to ``end`` of a ``seed``; yield the finds and a last line.

        Raises
        ------
        Crash
            If the process ends.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({"parser": parser, "seconds": seconds, **cases}) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            answer = json.loads(line)
            yield answer
            if "find" not in answer:
                return
        said = f"the process ended: status {process.wait()}{self._said()}"
        number, data = (self._home / NUMBER, self._home / INPUT)
        crash = Crash(said, int(number.read_text()), data.read_bytes()) if number.is_file() else Crash(said)
        self._end()
        raise crash

    def _said(self) -> str:
        lines = (self._home / ERRORS).read_text(errors="replace").strip().splitlines()
        return f" ({lines[-1][:200]})" if lines else ""

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
            with (self._home / ERRORS).open("wb") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, str(HERE / "fuzz_worker.py"), str(self._home)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._stack.close()


def fuzz(worker: Worker, parser: str, *, seed: int, cases: int, until: float = math.inf) -> Findings:
    """Run cases of a parser, some at a time, and collect what should not have happened."""
    found = Findings(parser)
    began = time.monotonic()
    while found.cases < cases and time.monotonic() < until:
        end = min(cases, found.cases + AT_ONCE)
        try:
            for answer in worker.run(parser, seed=seed, first=found.cases, end=end):
                if "find" in answer:
                    found.keep(answer["find"], base64.b64decode(answer["data"]))
                else:
                    found.slowest = max(found.slowest, answer["slowest"])
            found.cases = end
        except Crash as crash:
            found.keep(str(crash), crash.data)
            found.cases = max(found.cases, crash.number) + 1
    found.seconds = time.monotonic() - began
    return found


def replay(worker: Worker, parser: str, file: Path, *, seconds: float = MAX_SECONDS) -> str | None:
    """Run a kept file; say what is wrong, or None."""
    try:
        answers = list(worker.run(parser, seconds=seconds, file=str(file), first=0, end=1))
    except Crash as crash:
        return str(crash)
    return next((str(answer["find"]) for answer in answers if "find" in answer), None)


def _alike(one: str, other: str) -> bool:
    """Whether two finds are of one fault: the same error at the same lines, or else with the same words."""
    (kind, places), (other_kind, other_places) = (
        (find.partition(":")[0], re.findall(r"\w+\.py:\d+", find)) for find in (one, other)
    )
    if kind != other_kind or places != other_places:
        return False
    return bool(places) or re.sub(r"0x\w+|\d+", "", one) == re.sub(r"0x\w+|\d+", "", other)


def main() -> None:
    """Fuzz for some minutes, all parsers in turn or one, and print a table."""
    from fuzz_parsers import PARSERS

    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--minutes", type=float, required=True, help="how long, all parsers together")
    arguments.add_argument("--parser", choices=sorted(PARSERS), help="only this one (default: all)")
    arguments.add_argument("--seed", type=int, help="the same cases again (default: others each time)")
    asked = arguments.parse_args()
    seed = int.from_bytes(os.urandom(4)) if asked.seed is None else asked.seed
    names = [asked.parser] if asked.parser else list(PARSERS)
    results = []
    with Worker() as worker:
        for name in names:
            until = time.monotonic() + asked.minutes * 60 / len(names)
            click.echo(f"{name}, seed {seed} ...", nl=False, err=True)
            found = fuzz(worker, name, seed=seed, cases=MAX_CASES, until=until)
            click.echo(f" {found.cases:,} cases, {len(found.finds)} kinds of finds", err=True)
            results.append(found)
            for find, data in found.finds.items():
                click.echo(f"  {_save(name, data)}: {find}", err=True)
    _print(results)
    sys.exit(any(found.finds for found in results))


def _save(parser: str, data: bytes) -> Path:
    folder = CORPUS / parser
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / hashlib.sha256(data).hexdigest()[:12]
    file.write_bytes(data)
    return file


def _print(results: list[Findings]) -> None:
    click.echo(f"{'parser':<18}{'cases':>10}{'a second':>10}{'slowest s':>11}{'finds':>7}")
    for found in results:
        speed = found.cases / max(found.seconds, 0.001)
        numbers = f"{found.cases:>10,}{speed:>10,.0f}{found.slowest:>11.2f}{len(found.finds):>7}"
        click.echo(f"{found.parser:<18}{numbers}")


if __name__ == "__main__":
    main()
