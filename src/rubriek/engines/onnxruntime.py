"""ONNX Runtime on the CPU, the default engine."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from rubriek.errors import BundleError, EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.engines import Precision

_INTEGERS = {"tensor(int32)": np.dtype(np.int32), "tensor(int64)": np.dtype(np.int64)}


class OnnxRuntimeEngine:
    """Runs a model file with ONNX Runtime.

    The session is made on the first call in each process, so an engine can be made before a fork.

    Parameters
    ----------
    model_file : Path
        The ONNX file; external data beside it is found by its name in the file.
    precision : {"fp32", "int8"}
        The precision of the file's weights; ONNX Runtime computes in what the file says.
    threads : int
        Cores to use.

    Raises
    ------
    EngineError
        If the precision is not one that ONNX Runtime runs on CPUs.
    """

    token_budget = 2048

    def __init__(self, model_file: Path, *, precision: Precision, threads: int) -> None:
        if precision not in ("fp32", "int8"):
            raise EngineError(
                "ONNX Runtime does not compute in this precision on CPUs.",
                expected="fp32 or int8",
                found=precision,
                hint="use engine='openvino' for bf16",
            )
        self.name = f"onnxruntime {ort.__version__}"
        self.precision = precision
        self.threads = threads
        self.parallel = 1
        self._model_file = Path(model_file)
        self._lock = threading.Lock()
        self._session: ort.InferenceSession | None = None
        self._process = -1

    def run(self, ids: NDArray[np.int32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
        """Compute logits; see `Engine.run`.

        Raises
        ------
        BundleError
            If the model file is missing or broken, or is no sequence classifier.
        EngineError
            If the run fails or a logit is not a finite number.
        """
        session = self._open()
        given = {"input_ids": ids, "attention_mask": mask}
        feed = {}
        for value in session.get_inputs():
            feed[value.name] = given[value.name].astype(_INTEGERS[value.type], copy=False)
        logits: NDArray[np.float32] = session.run(None, feed)[0]
        if not np.isfinite(logits).all():
            raise EngineError("The model gave logits that are not finite numbers.")
        return logits

    def _open(self) -> ort.InferenceSession:
        with self._lock:
            if self._session is None or self._process != os.getpid():
                try:
                    self._session = ort.InferenceSession(self._model_file, self._options())
                except Exception as error:
                    raise BundleError("ONNX Runtime cannot load the model.", found=str(error)) from error
                self._process = os.getpid()
            return self._session

    def _options(self) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        return options
