"""ONNX Runtime on the CPU, the default engine."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.engines.cpu import int8_may_saturate
from rubriek.engines.inputs import feed
from rubriek.engines.sessions import SessionEngine
from rubriek.errors import BundleError, EngineError, Worded
from rubriek.onnx_runtime import ort

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.engines import Precision

INTEGERS: dict[str, type[np.integer[Any]]] = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
PACKED_NAME = "session.optimized_model_external_initializers_file_name"
PACKED = {
    "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
    "session.save_external_prepacked_constant_initializers": "1",
}
FATAL = 4  # ONNX Runtime's log level; what it would log of a failing run is in the exception too


class OnnxRuntimeSession:
    """A session of ONNX Runtime.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The session.
    threads : int
        Its threads. Calls that would share more than one wait for each other.

    Attributes
    ----------
    output : str
        The name of the output that classifies.
    calls : int
        How many calls have it at the moment.
    """

    def __init__(self, session: ort.InferenceSession, threads: int) -> None:
        self.threads = threads
        self.calls = 0
        outputs = [output.name for output in session.get_outputs()]
        self.output = "logits" if "logits" in outputs else outputs[0]
        self._session = session
        self._inputs = {value.name: INTEGERS.get(value.type) for value in session.get_inputs()}
        self._turn: AbstractContextManager[Any] = nullcontext() if threads == 1 else threading.Lock()

    def logits(self, ids: NDArray[np.int32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
        """Compute logits; see `sessions.Session.logits`."""
        logits: NDArray[np.float32] = self.values(ids, mask, [self.output])[0]
        return logits

    def values(self, ids: NDArray[np.int32], mask: NDArray[np.int32], names: list[str]) -> list[NDArray[Any]]:
        """Compute outputs of the graph, unchecked; see `OnnxRuntimeEngine.values`."""
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


class OnnxRuntimeEngine(SessionEngine[OnnxRuntimeSession]):
    """Runs a model file with ONNX Runtime.

    A session has its weights for itself, and its memory arena: calls that share a session are slower for it.

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
    weight_bits : int, default 8
        Bits of the int8 weights; up to 7 the quickest kernel of every processor is exact.

    Raises
    ------
    EngineError
        If the precision is not one that ONNX Runtime runs on CPUs.
    """

    # A batch whose activations stay in the cores' own caches is quickest.
    token_budget = 512

    def __init__(self, model_file: Path, *, precision: Precision, threads: int, weight_bits: int = 8) -> None:
        if precision not in ("fp32", "int8"):
            raise EngineError(
                "ONNX Runtime does not compute in this precision on CPUs.",
                expected="fp32 or int8",
                found=precision,
                hint=Worded("use {} for bf16", ("engine", "openvino")),
            )
        self.name = f"onnxruntime {ort.__version__}"
        self.weight_bits = weight_bits
        super().__init__(model_file, precision=precision, threads=threads)

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

    def _room(self, threads: int) -> bool:
        return len(self._sessions) < self._most_copies

    def _open(self, threads: int) -> OnnxRuntimeSession:
        return OnnxRuntimeSession(self._start(self._options(threads)), threads)

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
        if self.precision == "int8" and int8_may_saturate(self.weight_bits):
            # An exact kernel, a third slower. Versions before 1.30 abort the process on this option.
            options.add_session_config_entry("session.x64quantprecision", "1")
        return options
