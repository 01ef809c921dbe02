"""`rubriek serve` as a process of its own, on a port that was free."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 60
MAIN = "from rubriek.cli import main; main()"


class Serving:
    """A running `rubriek serve`.

    Attributes
    ----------
    url : str
        Where it answers.
    log : list of dict
        What it has logged.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-W", "error", "-c", MAIN, "serve", "--port", "0", *arguments]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.log: list[dict[str, Any]] = []
        self._told = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            self.end()
            raise AssertionError(f"it did not start: {line!r} {self.log}")
        self.url = found[0]
        self.port = int(self.url.rpartition(":")[2])

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._told:
                self.log.append(json.loads(line) if line.startswith("{") else {"message": line})
                self._told.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def logged(self, message: str, times: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait until a line has been logged so many times, and return the last."""

        def fits(line: dict[str, Any]) -> bool:
            told = message in line["message"]
            return told and all(line.get(name) == value for name, value in fields.items())

        with self._told:
            assert self._told.wait_for(lambda: sum(map(fits, self.log)) >= times, PATIENCE), self.log
            return [line for line in self.log if fits(line)][-1]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end, and return its status."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def end(self) -> int:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            for stream in (self._process.stdout, self._process.stderr):
                assert stream is not None
                stream.close()


@contextmanager
def serving(*arguments: str) -> Iterator[Serving]:
    service = Serving(*arguments)
    try:
        yield service
    finally:
        service.end()
