"""Runs cases in a process of its own: one that crashes, hangs or fills the memory takes only this one along.

Requests come as lines of JSON on stdin. Finds go as lines to stdout, and a line without one ends the answer.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

MAX_SECONDS = 5.0
"""Of processor time, for one case."""
MAX_WAIT = 90.0
"""Seconds on the clock after which a case hangs, though it computes nothing."""
MAX_BYTES = 10**9
"""Of memory that a case may add to what the process has."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.mkdir": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2, "os.truncate": 1, "os.chmod": 1}
"""Audit events of changes to the file system, and how many of their arguments are paths."""
STEPS_SHOWN = 2
INPUT, NUMBER = "input", "number"
ITSELF = "the harness itself"
"""A parser that runs its file, for tests of what is found."""


class Outside:
    """Finds and stops changes to the file system outside some folders; native code is not seen."""

    def __init__(self, *folders: Path) -> None:
        self.folders = tuple(f"{folder.resolve()}{os.sep}" for folder in folders)
        self.found: list[str] = []
        self.active = False
        sys.addaudithook(self.look)

    def look(self, event: str, arguments: tuple[Any, ...]) -> None:
        paths: tuple[Any, ...] = ()
        if event == "open":
            path, mode, flags = arguments
            writes = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool(flags & WRITING)
            paths = (path,) if writes else ()
        elif event in CHANGES:
            paths = arguments[: CHANGES[event]]
            if event == "os.symlink":
                paths = paths[1:]
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike):
                place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
                if not f"{place}{os.sep}".startswith(self.folders) and place != os.devnull:
                    self.found.append(f"{event} {place}")
                    if self.active:
                        raise PermissionError(f"{place} is outside")


def main(home: Path) -> None:
    """Answer requests until there are no more."""
    _stay_inside(home)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # native code may write to stdout
    warnings.simplefilter("ignore")
    import fuzz_parsers

    fuzz_parsers.SHARED_HOME.append(home / "shared")
    outside = Outside(home / "case", home / "tmp")
    for line in sys.stdin:
        for answer in _answer(json.loads(line), home, outside):
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def _stay_inside(home: Path) -> None:
    for name in ("tmp", "home"):
        (home / name).mkdir(parents=True)
    os.chdir(home)
    tempfile.tempdir = str(home / "tmp")
    changed = {"HOME": "home", "RUBRIEK_CACHE": "case/cache", "TMPDIR": "tmp"}
    os.environ |= {name: str(home / folder) for name, folder in changed.items()}
    os.environ |= {"RUBRIEK_OFFLINE": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "RAYON_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True


def make(parser: str, seed: int, number: int) -> bytes:
    """Make a case; the same numbers give the same bytes."""
    from fuzz_parsers import PARSERS

    random = Random(f"{parser} {seed} {number}")
    data = random.choice(_seeds(parser))
    for _ in range(random.choice((1, 1, 2, 3))):
        data = PARSERS[parser].mutate(random, data)
    return data


@cache
def _seeds(parser: str) -> list[bytes]:
    from fuzz_parsers import PARSERS

    with tempfile.TemporaryDirectory() as folder:
        return PARSERS[parser].seeds(Path(folder))


def _answer(request: dict[str, Any], home: Path, outside: Outside) -> Iterator[dict[str, Any]]:
    """Run a file, or the cases of some numbers; what runs is written down first, for the case of a crash."""
    from fuzz_parsers import PARSERS

    parser, seconds = request["parser"], request["seconds"]
    read = _run_code if parser == ITSELF else PARSERS[parser].read
    if parser != ITSELF:
        _prepare(parser)
    slowest = 0.0
    for number in range(request["first"], request["end"]):
        data = (
            Path(request["file"]).read_bytes() if "file" in request else make(parser, request["seed"], number)
        )
        (home / INPUT).write_bytes(data)
        (home / NUMBER).write_text(str(number))
        folder = home / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        outside.found.clear()
        outside.active = True
        before = time.process_time()
        find = _find(read, data, folder, seconds)
        slowest = max(slowest, time.process_time() - before)
        outside.active = False
        if outside.found:
            find = f"a file outside: {outside.found[0]}"
        if find is not None:
            yield {"find": find, "data": base64.b64encode(data).decode()}
    yield {"slowest": slowest}


@cache
def _prepare(parser: str) -> None:
    """Run the seeds, so that no case pays for what is imported and made once."""
    from fuzz_parsers import PARSERS, SHARED_HOME

    for number, data in enumerate(_seeds(parser)):
        folder = SHARED_HOME[0] / f"seed-{parser}-{number}"
        folder.mkdir(parents=True)
        find = _find(PARSERS[parser].read, data, folder)
        if find is not None:
            raise AssertionError(f"seed {number} of {parser}: {find}")


def _run_code(data: bytes, folder: Path) -> None:
    exec(data, {"folder": folder})


def _find(read: Any, data: bytes, folder: Path, seconds: float = MAX_SECONDS) -> str | None:
    """Run one case; say what is wrong with it, or None."""
    from rubriek.errors import RubriekError

    with _limits(seconds):
        try:
            read(data, folder)
        except RubriekError:
            return None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # panics of Rust libraries are no Exception
            return _signature(error)
    return None


class _limits:
    """Limits of time and memory. A signal ends what takes too long: no handler runs in native code."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        # Their signals end the process.
        signal.setitimer(signal.ITIMER_PROF, self.seconds)
        signal.setitimer(signal.ITIMER_REAL, MAX_WAIT)
        self.set(_data_bytes() + MAX_BYTES)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.set(-1)

    def set(self, limit: int) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _data_bytes() -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData")
    )
    return int(line.split()[1]) * 1024


def _signature(error: BaseException) -> str:
    """Name an error and the last of our lines that it went through, so that one fault counts once."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "rubriek" in frame.filename]
    return f"{type(error).__name__}: {str(error)[:120]} ({' '.join(ours[-STEPS_SHOWN:])})"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
