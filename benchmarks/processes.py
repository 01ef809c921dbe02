"""A contender's process seen from outside: questions, answers, memory, and who else used the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, TextIO

from benchmarks.contenders import Contender
from benchmarks.peers import ROOT, python_of

TICKS = os.sysconf("SC_CLK_TCK")


class WorkerEnded(Exception):
    """A contender's process ended before it answered."""


class Worker:
    """A contender, loaded and warm. Idle workers wait on a pipe and use no CPU."""

    def __init__(
        self,
        contender: Contender,
        model: Path | str,
        texts: Path,
        max_length: int,
        log: TextIO,
        *,
        alone: bool = False,
    ) -> None:
        command = [str(python_of(contender.environment)), "-m", f"benchmarks.contenders.{contender.module}"]
        command += ["--model", str(model), "--texts", str(texts), "--max-length", str(max_length)]
        command += [f"--option={name}={value}" for name, value in contender.options.items()]
        command += ["--alone"] * alone
        self.contender = contender
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
        self.about = self._answer()

    def ask(self, what: str, **more: str) -> dict[str, Any]:
        """Ask for a pass or for latencies; the answer tells the share of the CPU that others used, too."""
        assert self.process.stdin is not None
        others, started = self._cpu_of_others(), time.perf_counter()
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        seconds = (time.perf_counter() - started) * len(os.sched_getaffinity(0))
        answer["others"] = max(0.0, (self._cpu_of_others() - others) / seconds)
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise WorkerEnded(f"ended with exit status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def peak_memory(self) -> int:
        """Largest resident memory in bytes so far, of the process and its children together."""
        return memory(self.process.pid, "VmHWM")

    def _cpu_of_others(self) -> float:
        """CPU seconds used by anything but this worker since the machine started, steal included."""
        return cpu_seconds_of_all() - cpu_seconds(self.process.pid)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*"):
        for child in read(f"{task}/children").split():
            found += family(int(child))
    return found


def cpu_seconds(process: int) -> float:
    """CPU seconds used so far by a process and all that descend from it."""
    ticks = 0
    for one in family(process):
        if fields := read(f"/proc/{one}/stat").rpartition(")")[2].split():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def cpu_seconds_of_all() -> float:
    """CPU seconds used by anything since the machine started, steal included."""
    _, user, nice, system, _, _, irq, softirq, steal, *_ = read("/proc/stat").splitlines()[0].split()
    return sum(map(int, (user, nice, system, irq, softirq, steal))) / TICKS


def memory(process: int, what: str) -> int:
    """Bytes of a process and all that descend from it: VmRSS is what they hold now, VmHWM was the most."""
    kilobytes = 0
    for one in family(process):
        for line in read(f"/proc/{one}/status").splitlines():
            if line.startswith(what):
                kilobytes += int(line.split()[1])
    return kilobytes * 1024


def last_words(log: TextIO) -> str:
    """The last line at the margin of what a process printed: of a traceback, the error itself."""
    log.seek(0)
    lines = [line for line in log.read().splitlines() if line.strip() and not line[0].isspace()]
    return lines[-1] if lines else "nothing on stderr"


def read(file: str) -> str:
    """What the kernel says; nothing of a process or thread that has ended meanwhile."""
    try:
        return Path(file).read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""
