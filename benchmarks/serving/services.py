"""The services that are compared: how each is started, asked and ended.

All answer the same request, ``POST /predict`` of text-embeddings-inference: ``{"inputs": text,
"truncate": true}`` gives a list of labels with scores. So the generator sends all of them the same bytes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from benchmarks.peers import (
    ROOT,
    free_port,
    install_line,
    python_of,
    tei_binary,
    tei_command,
    tei_environment,
)
from benchmarks.texts import MAX_LENGTH
from rubriek.settings import usable_cores

PATH = "/predict"
START_SECONDS = 90
STOP_SECONDS = 20
RUBRIEK, RUBRIEK_WORKERS, TEI, FASTAPI, LITSERVE = (
    "rubriek",
    "rubriek, a worker a core",
    "text-embeddings-inference",
    "FastAPI, a call a request",
    "LitServe",
)


def _rubriek(model: Path, port: int) -> list[str]:
    program = str(Path(sys.executable).with_name("rubriek"))
    return [program, "serve", "--model", str(model), "--host", "127.0.0.1", "--port", str(port)]


def _rubriek_workers(model: Path, port: int) -> list[str]:
    return [*_rubriek(model, port), "--workers", str(usable_cores())]


def _peer(module: str) -> Callable[[Path, int], list[str]]:
    def command(model: Path, port: int) -> list[str]:
        line = [str(python_of("serving")), "-m", f"benchmarks.serving.{module}", "--model", str(model)]
        return [*line, "--port", str(port), "--max-length", str(MAX_LENGTH)]

    return command


@dataclass(frozen=True)
class Service:
    """One of those compared.

    Attributes
    ----------
    kind : str
        Its name, without that of the model.
    model : {"base", "nl-news"}
        Which of the benchmark's models it serves.
    form : {"onnx", "fp32", "int8"}
        In which form; see `benchmarks.models.Forms`.
    command : callable
        Folder of the model, port: the command line that serves it.
    needs : tuple of str
        What must be installed; see `benchmarks.peers.install_line`.
    """

    kind: str
    model: str
    form: str
    command: Callable[[Path, int], list[str]]
    environment: Callable[[], Mapping[str, str]] = field(default=dict)
    needs: tuple[str, ...] = ()

    @property
    def precision(self) -> str:
        return "int8" if self.form == "int8" else "fp32"

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.model} {self.precision}"

    @property
    def is_rubriek(self) -> bool:
        return self.kind in (RUBRIEK, RUBRIEK_WORKERS)

    def missing(self) -> str | None:
        """The line that installs what it lacks; None when it can run."""
        return next((line for line in map(install_line, self.needs) if line), None)


SERVICES = (
    Service(RUBRIEK, "base", "fp32", _rubriek),
    Service(RUBRIEK_WORKERS, "base", "fp32", _rubriek_workers),
    Service(TEI, "base", "onnx", tei_command, tei_environment, ("tei", "transformers")),
    Service(FASTAPI, "base", "onnx", _peer("fastapi_peer"), needs=("serving", "transformers")),
    Service(LITSERVE, "base", "onnx", _peer("litserve_peer"), needs=("serving", "transformers")),
    Service(RUBRIEK, "base", "int8", _rubriek),
    Service(RUBRIEK, "nl-news", "int8", _rubriek),
)


class ServiceEnded(Exception):
    """A service's process ended, or did not answer in time."""


class Running:
    """A service that answers. Used as a context: at the end it and all that it started are gone."""

    def __init__(self, service: Service, model: Path, log: TextIO) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            service.command(model.resolve(), self.port),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **service.environment()},
            start_new_session=True,
        )

    def __enter__(self) -> Running:
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if (status := self.process.poll()) is not None:
                raise ServiceEnded(f"ended with exit status {status}")
            if time.monotonic() > end:
                raise ServiceEnded(f"gave no label within {START_SECONDS} s: {self.found}")
            time.sleep(0.2)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request("POST", PATH, body_of("Is er iemand?"), {"Content-Type": "application/json"})
            response = connection.getresponse()
            self.found = f"{response.status} {response.read(200)!r}"
            return response.status == http.client.OK
        except (OSError, http.client.HTTPException) as error:
            self.found = str(error)
            return False
        finally:
            connection.close()

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):  # what is left of all that it started, in its group
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def body_of(text: str) -> bytes:
    """The question about one text."""
    return json.dumps({"inputs": text, "truncate": True}, ensure_ascii=False).encode()


def version_of(service: Service) -> str:
    """What the report says of a service's version and settings."""
    if service.kind == TEI:
        command = [str(tei_binary()), "--version"]
    elif service.is_rubriek:
        command = [service.command(Path(), 0)[0], "--version"]
    else:
        command = [*service.command(Path(), 0)[:3], "--version"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return " ".join(told.split())
