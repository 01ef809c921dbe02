"""ONNX Runtime on the CPU, the default engine."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.engines.cpu import int8_may_saturate
from rubriek.engines.inputs import check_logits, feed
from rubriek.engines.mapped import files_of
from rubriek.errors import BundleError, EngineError
from rubriek.onnx_runtime import ort

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rubriek.engines import Precision

INTEGERS: dict[str, type[np.integer[Any]]] = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
LEFT_BEHIND: list[object] = []
PACKED_NAME = "session.optimized_model_external_initializers_file_name"
PACKED = {
    "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
    "session.save_external_prepacked_constant_initializers": "1",
}
COPIES = 300 * 2**20
"""Bytes of weights that the sessions of an engine may hold together, if there is to be more than one."""
FATAL = 4  # ONNX Runtime's log level; what it would log of a failing run is in the exception too


class OnnxRuntimeEngine:
    """Runs a model file with ONNX Runtime.

    Many batches are quickest with a thread for each, a lone one with all threads: no core waits for another,
    or none is idle. ONNX Runtime fixes the number of threads with the session, so there is one for lone
    batches, and one for each of many: calls that share a session share its memory arena too, and are slower
    for it. Each is opened when a call first wants it, in each process: an engine may be made before a fork,
    and pickled. As many are opened as `COPIES` allows; of a large model that is one, as the first call wants
    it. All give the same logits.

    Measured on two cores (Zen 4), documents/s. BERT-base, 415 MB in fp32: a thread for each of two batches
    23.8, two threads for one 22.5; a headline takes 39 ms on one thread and 22 on two. In int8, two batches
    in sessions of their own 73, in one session 74 at first and 57 to 62 after two passes over the texts.
    Two threads for each of two batches are slower than all of these.

    Parameters
    ----------
    model_file : Path
        The ONNX file; external data beside it is found by the name in the file.
    precision : {"fp32", "int8"}
        The precision of the file's weights; ONNX Runtime computes in what the file says.
    threads : int
        Cores to use.

    Raises
    ------
    EngineError
        If the precision is not one that ONNX Runtime runs on CPUs.
    """

    # A batch whose activations stay in the cores' own caches is quickest.
    token_budget = 512

    def __init__(self, model_file: Path, *, precision: Precision, threads: int) -> None:
        if precision not in ("fp32", "int8"):
            raise EngineError(
                "ONNX Runtime does not compute in this precision on CPUs.",
                expected="fp32 or int8",
                found=precision,
                hint="use engine='openvino' for bf16",
            )
        self.name = f"onnxruntime {ort.__version__}"
        self.precision: Precision = precision
        self.threads = threads
        self._model_file = Path(model_file)
        self._forget()

    @property
    def parallel(self) -> int:
        """How many calls at the same time gain something: one, if all threads share the only session."""
        shared = self._sessions and all(session.threads > 1 for session in self._sessions)
        return 1 if shared and len(self._sessions) >= self._most else self.threads

    def run(
        self, ids: NDArray[np.int32], mask: NDArray[np.int32], *, alone: bool = False
    ) -> NDArray[np.float32]:
        """Compute logits; see `Engine.run`.

        Raises
        ------
        BundleError
            If the model file is missing or broken, or is no sequence classifier.
        EngineError
            If the run fails or a logit is not a finite number.
        """
        with self._lent(self.threads if alone else 1) as session:
            return check_logits(session.values(ids, mask, [session.logits])[0], rows=len(ids))

    def values(self, ids: NDArray[np.int32], mask: NDArray[np.int32], names: list[str]) -> list[NDArray[Any]]:
        """Compute any of the model's outputs, unchecked.

        Parameters
        ----------
        ids, mask : ndarray of int32, shape (rows, pieces)
            As for `run`.
        names : list of str
            Names of outputs of the graph.

        Returns
        -------
        list of ndarray

        Raises
        ------
        BundleError
            If the model file is missing or broken, or has inputs that a text classifier does not have.
        EngineError
            If the run fails.
        """
        with self._lent(1) as session:
            return session.values(ids, mask, names)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._sessions: list[Session] = []
        self._process = os.getpid()

    @contextmanager
    def _lent(self, threads: int) -> Iterator[Session]:
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

    def _chosen(self, threads: int) -> Session:
        alike = [session for session in self._sessions if session.threads == threads]
        if free := [session for session in alike if not session.calls]:
            return free[0]
        wanted = 1 if threads > 1 else self.threads
        if len(self._sessions) < self._most and len(alike) < wanted:
            self._sessions.append(Session(self._start(self._options(threads)), threads))
            return self._sessions[-1]
        return min(alike or self._sessions, key=lambda session: session.calls)

    @cached_property
    def _most(self) -> int:
        """How many sessions there may be."""
        return max(1, COPIES // max(1, sum(file.stat().st_size for file in files_of(self._model_file))))

    def pack(self, file: Path) -> None:
        """Write the model as the kernels of this processor want it, for many processes to map.

        An engine made of the file computes the same, and has no copy of the weights: they lie in the page
        cache once, however many processes use them. The file is for this kind of processor and this version
        of ONNX Runtime; next to it comes one with the weights, up to twice as large as the model.

        Parameters
        ----------
        file : Path
            The file to write.

        Raises
        ------
        BundleError
            If the model cannot be loaded, or the file not written.
        """
        options = self._options(1)
        options.optimized_model_filepath = str(file)
        for name, value in {**PACKED, PACKED_NAME: f"{file.name}.data"}.items():
            options.add_session_config_entry(name, value)
        self._start(options)

    def _start(self, options: ort.SessionOptions) -> ort.InferenceSession:
        if not self._model_file.is_file():
            raise BundleError("The model file is missing.", expected=str(self._model_file))
        try:
            return ort.InferenceSession(str(self._model_file), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(
                f"ONNX Runtime cannot load {self._model_file}.",
                found=str(error),
                hint="import the model again",
            ) from error

    def _options(self, threads: int) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.log_severity_level = FATAL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Between the parts of a call its threads wait actively: 5 to 30 % quicker. Between calls they sleep.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # A memory plan for every new shape would be kept for good; the arena alone stays level.
        options.enable_mem_pattern = False
        if self.precision == "int8" and int8_may_saturate():
            options.add_session_config_entry("session.x64quantprecision", "1")
        return options

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_lock", "_sessions", "_process"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()


class Session:
    """A session of ONNX Runtime.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The session.
    threads : int
        Its threads. Calls that would share more than one wait for each other.

    Attributes
    ----------
    logits : str
        The name of the output that classifies.
    calls : int
        How many calls have it at the moment.
    """

    def __init__(self, session: ort.InferenceSession, threads: int) -> None:
        self.threads = threads
        self.calls = 0
        outputs = [output.name for output in session.get_outputs()]
        self.logits = "logits" if "logits" in outputs else outputs[0]
        self._session = session
        self._inputs = {value.name: INTEGERS.get(value.type) for value in session.get_inputs()}
        self._turn: AbstractContextManager[Any] = nullcontext() if threads == 1 else threading.Lock()

    def values(self, ids: NDArray[np.int32], mask: NDArray[np.int32], names: list[str]) -> list[NDArray[Any]]:
        """Compute outputs of the graph; see `OnnxRuntimeEngine.values`."""
        batch = feed(self._inputs, ids, mask)
        try:
            with self._turn:
                values: list[NDArray[Any]] = self._session.run(names, batch)
        except Exception as error:  # ONNX Runtime's own errors have no other base
            raise EngineError(
                "ONNX Runtime could not run the model on a batch.",
                found=f"{error} (batch of {ids.shape[0]} x {ids.shape[1]} pieces)",
                hint="check that the tokenizer and the model belong together",
            ) from error
        return values
