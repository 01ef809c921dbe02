"""Several server processes on one socket: started together, replaced when one dies, ended together."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from rubriek import settings
from rubriek.errors import OptionError, RubriekError, ServiceError
from rubriek.server import logs, metrics, running
from rubriek.server.running import Deployment

log = logging.getLogger("rubriek.server")

SPAWN = multiprocessing.get_context("spawn")
"""A fresh interpreter for each: engines and threads do not survive a fork."""

PAUSE = 1.0
"""Seconds before a worker that died is replaced."""


class Workers:
    """The processes, and the one that looks after them.

    Parameters
    ----------
    deployment : Deployment
        What to serve; its threads are shared out.
    count : int
        How many.
    listening : socket
        Where all of them answer; the system hands each connection to one.
    log_level : str
        Of the workers' logs.
    on_start : callable
        Called once when all are ready.

    Raises
    ------
    OptionError
        If there are fewer threads than workers.
    """

    def __init__(
        self,
        deployment: Deployment,
        count: int,
        listening: socket.socket,
        log_level: str,
        on_start: Callable[[], None],
    ) -> None:
        threads = deployment.threads or settings.usable_cores()
        if threads < count:
            raise OptionError(
                f"{count} workers cannot share {threads} threads.",
                expected=f"at most {threads} workers",
                hint="each worker needs a thread of its own; one worker uses all threads",
            )
        self._deployment = replace(deployment, threads=threads // count)
        self._count = count
        self._listening = listening
        self._log_level = log_level
        self._on_start = on_start
        self._processes: list[BaseProcess] = []
        self._ending = False
        self._wake, self._woken = SPAWN.Pipe()

    def run(self) -> None:
        """Answer until SIGTERM or SIGINT.

        Raises
        ------
        ServiceError
            If one of them fails to start.
        """
        folder = tempfile.mkdtemp(prefix="rubriek-metrics-")
        os.environ[metrics.FOLDER] = folder
        try:
            handlers = {number: signal.signal(number, self._signalled) for number in SIGNALS}
            try:
                self._start_all()
                self._look_after()
            finally:
                self._end()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        finally:
            del os.environ[metrics.FOLDER]
            shutil.rmtree(folder, ignore_errors=True)

    def _start_all(self) -> None:
        coming = [self._start() for _ in range(self._count)]
        for ready in coming:
            wait([ready, self._woken])
            if self._ending:
                return
            try:
                ready.recv_bytes()
            except EOFError as error:  # it has died
                raise ServiceError("A worker failed to start.", hint="its log, above, says why") from error
        self._on_start()

    def _start(self) -> Connection:
        ready, started = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(
            target=_work, args=(self._deployment, self._listening, self._log_level, started), name="rubriek"
        )
        process.start()
        started.close()
        self._processes.append(process)
        return ready

    def _look_after(self) -> None:
        while not self._ending:
            wait([*(process.sentinel for process in self._processes), self._woken])
            for process in [process for process in self._processes if not process.is_alive()]:
                self._processes.remove(process)
                mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
                # One that dies at once, again and again, must not take the machine with it.
                if not self._ending and not self._woken.poll(PAUSE):
                    log.error(
                        "a worker died; another takes its place", extra={"fields": {"pid": process.pid}}
                    )
                    self._start()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._ending = True
            self._wake.send(b"")
            return
        for process in self._processes:
            if process.is_alive() and process.pid is not None:
                os.kill(process.pid, number)

    def _end(self) -> None:
        self._ending = True
        self._listening.close()  # the worker that is last to close its own has accepted whoever has connected
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()


SIGNALS = [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def _work(deployment: Deployment, listening: socket.socket, log_level: str, started: Connection) -> None:
    """Be a worker."""
    logs.set_up(log_level)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in SIGNALS:  # until it answers, only SIGTERM concerns it; Ctrl-C is for the parent to pass on
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)

    def ready() -> None:
        with contextlib.suppress(OSError):  # nobody waits for one that takes another's place
            started.send_bytes(b"ready")

    try:
        running.run(deployment, listening, ready)
    except RubriekError as error:
        log.error("%s", error)
        raise SystemExit(1) from error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
