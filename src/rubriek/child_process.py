"""Runs a function in a process of its own, with limits of time and memory that end that process and no other.

For steps in native code on files of others. Such code can abort, loop for ever or fill the memory, and
nothing inside a process stops it then.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

from rubriek import errors
from rubriek.errors import RubriekError

START = "import sys; sys.path[:] = sys.argv[1:]; from rubriek.child_process import serve; serve()"
WALL_CLOCK_FACTOR = 6
"""Wall-clock seconds for each second of processor time: on a busy machine a process waits for its turn."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)
"""Threads have stacks, which count as memory: with one thread a limit means the same on any machine."""
MAX_MESSAGE = 300


class ChildFailure(RubriekError):
    """The process reached a limit or broke down; ``found`` says how. The caller says what that means."""


def run_limited(function: str, *args: Any, seconds: float, megabytes: int) -> Any:
    """Call a function in a process of its own and return its result.

    The process starts afresh and is never forked, so it has no threads, locks or files of this one. Arguments
    and result travel as JSON, so that a process that was taken over can hand back data and nothing more.

    Parameters
    ----------
    function : str
        Dotted path of a function of a module, e.g. ``"rubriek.models.tokenizer_trial.try_out"``.
    *args : JSON values
        Its arguments.
    seconds : float
        Processor time that it may take. Where the system does not limit that (Windows), and for a process
        that waits, `WALL_CLOCK_FACTOR` times as many seconds on the clock.
    megabytes : int
        Memory that it may write to, the interpreter's own 20 MB included. Only Linux limits that.

    Returns
    -------
    JSON value

    Raises
    ------
    RubriekError
        What the function raised, if that was one of rubriek's errors.
    ChildFailure
        If it raised anything else, panicked, crashed or reached a limit.

    Examples
    --------
    >>> run_limited("math.gcd", 12, 18, seconds=10, megabytes=500)
    6
    >>> run_limited("math.gcd", "a", "b", seconds=10, megabytes=500)
    Traceback (most recent call last):
    ...
    rubriek.child_process.ChildFailure: The process for math.gcd failed.
      found:    TypeError: 'str' object cannot be interpreted as an integer
    """
    request = {"function": function, "args": args, "seconds": seconds, "megabytes": megabytes}
    try:
        # -P: the folder that happens to be the current one holds no modules.
        ended = subprocess.run(
            [sys.executable, "-P", "-c", START, *filter(None, sys.path)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=seconds * WALL_CLOCK_FACTOR,
            env={**os.environ, **ONE_THREAD},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failure(function, f"no result after {seconds * WALL_CLOCK_FACTOR:g} seconds") from None
    except OSError as error:
        raise _failure(function, f"{sys.executable} cannot be started: {error}") from error
    try:
        answer = json.loads(ended.stdout)
    except ValueError:
        raise _failure(function, _cause(ended, seconds, megabytes)) from None
    if "result" in answer:
        return answer["result"]
    if "rubriek" in answer:
        raise getattr(errors, answer["rubriek"])(answer.pop("message"), **answer["details"])
    raise _failure(function, answer["failure"])


def _failure(function: str, found: str) -> ChildFailure:
    return ChildFailure(f"The process for {function} failed.", found=found)


def _cause(ended: subprocess.CompletedProcess[bytes], seconds: float, megabytes: int) -> str:
    """Say why a process ended without an answer."""
    said = ended.stderr.decode("utf-8", "replace").strip()
    if ended.returncode == -getattr(signal, "SIGXCPU", 0):
        return f"it took more than {seconds:g} seconds"
    if "memory allocation of" in said or "bad_alloc" in said:  # so ends native code, in Rust and C++
        return _too_much(megabytes)
    with contextlib.suppress(ValueError):
        return f"it was ended by {signal.Signals(-ended.returncode).name}"
    return f"it ended with status {ended.returncode}: {said[-MAX_MESSAGE:]}"


def _too_much(megabytes: int) -> str:
    return f"it needed more than {megabytes:,} MB of memory"


def serve() -> None:
    """Answer the one request that stdin holds, on stdout: what the process does that `run_limited` starts."""
    # Ctrl-C reaches this process too, and there is nothing here to clean up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    request = json.load(sys.stdin)
    # Native code may write to stdout: only the answer goes there.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        answers.write(json.dumps(_answer(**request)).encode())


def _answer(function: str, args: list[Any], seconds: float, megabytes: int) -> dict[str, Any]:
    _limit(seconds, megabytes)
    module, _, name = function.rpartition(".")
    try:
        return {"result": getattr(importlib.import_module(module), name)(*args)}
    except RubriekError as error:
        kind = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        details = {"expected": error.expected, "found": error.found, "hint": error.hint}
        return {"rubriek": kind.__name__, "message": error.message, "details": details}
    except MemoryError:
        return {"failure": _too_much(megabytes)}
    except BaseException as error:  # panics of Rust libraries are no Exception
        return {"failure": f"{type(error).__name__}: {error}"[:MAX_MESSAGE]}


def _limit(seconds: float, megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows; the clock ends what takes too long
        return
    limits = {"RLIMIT_CPU": max(1, round(seconds)), "RLIMIT_CORE": 0}
    if sys.platform == "linux":
        # Not RLIMIT_AS: allocators reserve far more addresses than they ever use.
        limits["RLIMIT_DATA"] = megabytes * 10**6
    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(ValueError, OSError):  # a lower limit of the system's is kept
            resource.setrlimit(kind, (most, hard))
