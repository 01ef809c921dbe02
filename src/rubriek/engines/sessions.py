"""Sessions of an engine: opened when a call wants them, in each process, and lent to one call each."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rubriek.engines.inputs import check_logits
from rubriek.engines.mapped import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rubriek.engines import Precision

COPIES = 300 * 2**20
"""Bytes of weights that an engine may hold together, if it is to hold them more than once."""
LEFT_BEHIND: list[object] = []


class Session(Protocol):
    """What computes, with a number of threads of its own.

    Attributes
    ----------
    threads : int
        How many threads work on a call.
    calls : int
        How many calls have the session at the moment.
    """

    threads: int
    calls: int

    def logits(self, ids: NDArray[np.int32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
        """Compute logits, unchecked; calls that come at the same time wait for each other."""
        ...


AnySession = TypeVar("AnySession", bound=Session)


class SessionEngine(ABC, Generic[AnySession]):
    """An engine whose sessions have a fixed number of threads.

    Many batches are quickest with a thread for each, a lone one with all threads: no core waits for another,
    or none is idle. So there are sessions of one thread for many, as many as there are threads, and one with
    all threads for lone batches. Each is opened when a call first wants it, in each process: an engine may be
    made before a fork, and pickled. Where `COPIES` allows no more weights in memory, the call gets a session
    of the other kind. All give the same logits.

    Parameters
    ----------
    model_file : Path
        The ONNX file.
    precision : {"fp32", "bf16", "int8", "int8-bf16"}
        What to compute in.
    threads : int
        Cores to use.
    """

    name: str
    token_budget: int

    def __init__(self, model_file: Path, *, precision: Precision, threads: int) -> None:
        self.precision: Precision = precision
        self.threads = threads
        self._model_file = Path(model_file)
        self._forget()

    @property
    def parallel(self) -> int:
        """How many calls at the same time gain something: one, if all threads share the only session."""
        shared = self._sessions and all(session.threads > 1 for session in self._sessions)
        return 1 if shared and not self._room(1) else self.threads

    def run(
        self, ids: NDArray[np.int32], mask: NDArray[np.int32], *, alone: bool = False
    ) -> NDArray[np.float32]:
        """Compute logits; see `Engine.run`.

        Raises
        ------
        BundleError
            If the model file is missing or broken, or is no sequence classifier.
        EngineError
            If the run fails, a logit is not a finite number, or the processor lacks the precision.
        """
        with self._lent(self.threads if alone else 1) as session:
            return check_logits(session.logits(ids, mask), rows=len(ids))

    @abstractmethod
    def _room(self, threads: int) -> bool:
        """Say whether one more session with so many threads may be opened."""

    @abstractmethod
    def _open(self, threads: int) -> AnySession:
        """Open a session; never called twice at once."""

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._sessions: list[AnySession] = []
        self._process = os.getpid()

    @cached_property
    def _most_copies(self) -> int:
        """How many times the weights may be in memory."""
        return max(1, COPIES // max(1, sum(file.stat().st_size for file in files_of(self._model_file))))

    @contextmanager
    def _lent(self, threads: int) -> Iterator[AnySession]:
        """Lend a session for a call; one that no other call has, as long as there may be more of them."""
        if self._process != os.getpid():
            # Its threads stayed behind in the fork, and to end it would wait for them for ever.
            LEFT_BEHIND.append(self._sessions)
            self._forget()
        with self._lock:
            session = self._chosen(threads)
            session.calls += 1
        try:
            yield session
        finally:
            with self._lock:
                session.calls -= 1

    def _chosen(self, threads: int) -> AnySession:
        alike = [session for session in self._sessions if session.threads == threads]
        if free := [session for session in alike if not session.calls]:
            return free[0]
        wanted = 1 if threads > 1 else self.threads
        if len(alike) < wanted and self._room(threads):
            self._sessions.append(self._open(threads))
            return self._sessions[-1]
        return min(alike or self._sessions, key=lambda session: session.calls)

    def __getstate__(self) -> dict[str, Any]:
        left = ("_lock", "_sessions", "_process")
        return {name: value for name, value in vars(self).items() if name not in left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
