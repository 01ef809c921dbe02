"""OpenVINO on the CPU (extra ``openvino``): the quickest engine for int8, and the only one for bf16."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rubriek.engines.cpu import int8_may_saturate
from rubriek.engines.inputs import check_logits, feed
from rubriek.engines.mapped import files_of, release_pages
from rubriek.errors import BundleError, EngineError, need

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from rubriek.engines import Precision

PURPOSE = "The engine 'openvino'"
# What OpenVINO computes in where the graph does not say int8. Left alone it takes bf16 wherever it can.
HINTS: Mapping[Precision, str] = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
CORES_PER_STREAM = 4
LEFT_BEHIND: list[object] = []
# Compiled kernels are kept for so many shapes; the default, 5,000, lets memory grow for hours.
KEPT_SHAPES = 64


class OpenVinoEngine:
    """Runs a model file with OpenVINO.

    The model is compiled on the first call in each process: an engine may be made before a fork, and pickled.

    Parameters
    ----------
    model_file : Path
        The ONNX file.
    precision : {"fp32", "bf16", "int8"}
        What to compute in; int8 needs int8 weights in the file.
    threads : int
        Cores to use.

    Raises
    ------
    EngineError
        If the processor cannot compute in this precision.
    MissingExtraError
        If OpenVINO is not installed.
    """

    token_budget = 1024

    def __init__(self, model_file: Path, *, precision: Precision, threads: int) -> None:
        openvino = need("openvino", extra="openvino", purpose=PURPOSE)
        if precision == "int8" and int8_may_saturate():
            raise EngineError(
                "OpenVINO's int8 products may overflow on this processor.",
                expected="VNNI or AMX",
                found="neither",
                hint="use engine='onnxruntime', which has exact kernels for it, or precision='fp32'",
            )
        self.name = f"openvino {openvino.__version__.split('-')[0]}"
        self.precision: Precision = precision
        self.threads = threads
        # One stream on a few cores is as quick as a stream for each, and answers one text sooner.
        self.parallel = max(1, threads // CORES_PER_STREAM)
        self._model_file = Path(model_file)
        self._forget()

    def run(
        self, ids: NDArray[np.int32], mask: NDArray[np.int32], *, alone: bool = False
    ) -> NDArray[np.float32]:
        """Compute logits; see `Engine.run`.

        Raises
        ------
        BundleError
            If the model file is missing or broken, or is no sequence classifier.
        EngineError
            If the run fails, a logit is not a finite number, or the processor has no bf16.
        """
        compiled = self._open()
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = compiled.create_infer_request()
        batch = feed(self._inputs, ids, mask)
        try:
            request.infer(batch, share_inputs=True)
        except RuntimeError as error:
            raise EngineError(
                "OpenVINO could not run the model on a batch.",
                found=f"{error} (batch of {ids.shape[0]} x {ids.shape[1]} pieces)",
                hint="check that the tokenizer and the model belong together",
            ) from error
        # The request's own tensor is written again by its next call.
        return check_logits(request.get_output_tensor(0).data.copy(), rows=len(ids))

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._requests = threading.local()
        self._compiled: Any = None
        self._inputs: dict[str, type[np.integer[Any]]] = {}
        self._process = os.getpid()

    def _open(self) -> Any:
        if self._process != os.getpid():
            # Its threads stayed behind in the fork, and to end it would wait for them for ever.
            LEFT_BEHIND.append((self._compiled, self._requests))
            self._forget()
        with self._lock:
            if self._compiled is None:
                compiled = self._start()
                # Under the lock: two threads that ask OpenVINO for its first dtype at once may wait for each
                # other for ever, one with Python's global lock and one with that of OpenVINO's table.
                self._inputs = {
                    value.get_any_name(): value.get_element_type().to_dtype().type
                    for value in compiled.inputs
                }
                self._compiled = compiled
            return self._compiled

    def _start(self) -> Any:
        if not self._model_file.is_file():
            raise BundleError("The model file is missing.", expected=str(self._model_file))
        openvino = need("openvino", extra="openvino", purpose=PURPOSE)
        core = openvino.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if self.precision == "bf16" and "BF16" not in capabilities:
            raise EngineError(
                "This processor does not compute in bf16.",
                expected="AVX512_BF16 or AMX",
                found=", ".join(capabilities),
                hint="use precision='fp32' or an int8 model",
            )
        properties = {
            "INFERENCE_PRECISION_HINT": HINTS[self.precision],
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": self.parallel,
            # Where the process may run is the caller's business.
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": KEPT_SHAPES,
        }
        try:
            compiled = core.compile_model(core.read_model(self._model_file), "CPU", properties)
        except RuntimeError as error:
            raise BundleError(
                f"OpenVINO cannot load {self._model_file}.", found=str(error), hint="import the model again"
            ) from error
        # It has arranged the weights for its kernels by now, and hardly reads those in the file again.
        for file in files_of(self._model_file):
            release_pages(file)
        return compiled

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_lock", "_requests", "_compiled", "_inputs", "_process"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
