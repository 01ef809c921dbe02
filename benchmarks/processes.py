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
        self, contender: Contender, model: Path | str, texts: Path, max_length: int, log: TextIO
    ) -> None:
        command = [str(python_of(contender.environment)), "-m", f"benchmarks.contenders.{contender.module}"]
        command += ["--model", str(model), "--texts", str(texts), "--max-length", str(max_length)]
        command += [f"--option={name}={value}" for name, value in contender.options.items()]
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

    def ask(self, what: str) -> dict[str, Any]:
        """Ask for a pass or for latencies; the answer tells the share of the CPU that others used, too."""
        assert self.process.stdin is not None
        others, started = self._cpu_of_others(), time.perf_counter()
        self.process.stdin.write(json.dumps({"do": what}) + "\n")
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
        kilobytes = 0
        for process in _family(self.process.pid):
            for line in _read(f"/proc/{process}/status").splitlines():
                if line.startswith("VmHWM"):
                    kilobytes += int(line.split()[1])
        return kilobytes * 1024

    def _cpu_of_others(self) -> float:
        """CPU seconds used by anything but this worker since the machine started, steal included."""
        _, user, nice, system, _, _, irq, softirq, steal, *_ = _read("/proc/stat").splitlines()[0].split()
        everyone = sum(map(int, (user, nice, system, irq, softirq, steal)))
        own = 0
        for process in _family(self.process.pid):
            if fields := _read(f"/proc/{process}/stat").rpartition(")")[2].split():
                own += int(fields[11]) + int(fields[12])
        return (everyone - own) / TICKS

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def _family(process: int) -> list[int]:
    """A process and all that descend from it."""
    family = [process]
    for task in Path(f"/proc/{process}/task").glob("*"):
        for child in _read(f"{task}/children").split():
            family += _family(int(child))
    return family


def _read(file: str) -> str:
    """What the kernel says; nothing of a process or thread that has ended meanwhile."""
    try:
        return Path(file).read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""
