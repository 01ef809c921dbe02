"""Feeds parsers with changed files and tells what should not have happened.

    scripts/fuzz --minutes N [--parser NAME]

A find is any exception outside rubriek's errors, a crash, a file outside the case's folder, more than 5
seconds of processor time or more than 1 GB of memory. The smallest file of each kind of find is kept in
``tests/fuzz/corpus/PARSER/``, which the ordinary tests read again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from fuzz_worker import MAX_SECONDS

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
PATIENCE = 90
"""Seconds on the clock after which a worker hangs: it waits, and its processor time does not run out."""


@dataclass
class Findings:
    """What came of the cases of a parser."""

    parser: str
    cases: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    finds: dict[str, bytes] = field(default_factory=dict)


class Crash(Exception):
    """The process of a case ended or hung."""


class Worker:
    """A process that runs cases; one that ends is started again."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, parser: str, **case: Any) -> dict[str, Any]:
        """Run a case: ``seed`` and ``number``, or ``file``. A ``copy`` is written instead, if asked for.

        Raises
        ------
        Crash
            If the process ends or hangs.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"parser": parser, **case}) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
            line = process.stdout.readline() if ready else ""
        except OSError:
            line = ""
        if line:
            return dict(json.loads(line))
        hung = process.poll() is None and not self._ends(process)
        status = "no answer" if hung else f"status {process.wait()}"
        said = self._said()
        self._end()
        raise Crash(f"the process ended: {status}{said}")

    def _ends(self, process: subprocess.Popen[str]) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return True
        return False

    def _said(self) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return f" ({lines[-1][:200]})" if lines else ""

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            home = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-"))
            self._errors = Path(home, "errors")
            with self._errors.open("wb") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, str(HERE / "fuzz_worker.py"), home],
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


def fuzz(worker: Worker, parser: str, *, seed: int, numbers: Iterator[int] | range) -> Findings:
    """Run cases of a parser, and collect what should not have happened."""
    found = Findings(parser)
    began = time.monotonic()
    for number in numbers:
        try:
            answer = worker.run(parser, seed=seed, number=number)
        except Crash as crash:
            answer = {"find": str(crash), "seconds": 0.0}
        found.cases += 1
        found.slowest = max(found.slowest, answer["seconds"])
        if answer["find"] is not None:
            _keep(worker, found, answer["find"], seed=seed, number=number)
    found.seconds = time.monotonic() - began
    return found


def replay(worker: Worker, parser: str, file: Path, *, seconds: float = MAX_SECONDS) -> str | None:
    """Run a kept file; say what is wrong, or None."""
    try:
        found: str | None = worker.run(parser, file=str(file), seconds=seconds)["find"]
    except Crash as crash:
        return str(crash)
    return found


def _keep(worker: Worker, found: Findings, find: str, **case: int) -> None:
    """Keep the smallest file of a kind; numbers in messages make no other kind."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "case")
        worker.run(found.parser, copy=str(file), **case)
        data = file.read_bytes()
    kind = next((kind for kind in found.finds if _alike(kind, find)), find)
    if kind not in found.finds or len(data) < len(found.finds[kind]):
        found.finds[kind] = data


def _alike(one: str, other: str) -> bool:
    places = [re.findall(r"\w+\.py:\d+", find) for find in (one, other)]
    kinds = [find.partition(":")[0] for find in (one, other)]
    return kinds[0] == kinds[1] and places[0] == places[1] and (bool(places[0]) or one == other)


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
            share = time.monotonic() + asked.minutes * 60 / len(names)
            click.echo(f"{name}, seed {seed} ...", nl=False, err=True)
            found = fuzz(worker, name, seed=seed, numbers=_until(share))
            click.echo(f" {found.cases:,} cases, {len(found.finds)} kinds of finds", err=True)
            results.append(found)
            for find, data in found.finds.items():
                click.echo(f"  {_save(name, data)}: {find}", err=True)
    _print(results)
    sys.exit(any(found.finds for found in results))


def _until(end: float) -> Iterator[int]:
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


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
