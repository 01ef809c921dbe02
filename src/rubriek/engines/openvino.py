"""OpenVINO on the CPU (extra ``openvino``): the only engine that computes in bf16."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.engines import stored
from rubriek.engines.cpu import int8_may_saturate
from rubriek.engines.inputs import feed
from rubriek.engines.mapped import files_of, release_pages
from rubriek.engines.sessions import SessionEngine
from rubriek.errors import BundleError, EngineError, Worded, need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rubriek.engines import Precision

PURPOSE = "The engine 'openvino'"
# What OpenVINO computes in where the graph does not say int8. Left alone it takes bf16 wherever it can.
HINTS: Mapping[Precision, str] = {"fp32": "f32", "bf16": "bf16", "int8": "f32", "int8-bf16": "bf16"}
# Compiled kernels are kept for so many shapes; the default, 5,000, lets memory grow for hours.
KEPT_SHAPES = 32
# Lengths that bring every kernel that texts commonly need, so that a session arranges the weights for all of
# them when it opens. Rare shapes may have kernels of their own: AVX2 has one for a lone text of fewer than 8
# pieces. Arranging weights for that takes memory (113 MB for BERT-base) that few processes ever use.
FIRST_CALLS = (8, 64)
# Two threads that ask OpenVINO for its first dtype at once may wait for each other for ever, one with the
# global lock of Python and one with that of OpenVINO's table.
ONE_AT_A_TIME = threading.Lock()


class OpenVinoSession:
    """A request to a compiled model, which other sessions may share.

    Parameters
    ----------
    compiled : openvino.CompiledModel
        The model.
    threads : int
        Threads that work on a call.

    Attributes
    ----------
    calls : int
        How many calls have the session at the moment.
    """

    def __init__(self, compiled: Any, threads: int) -> None:
        self.compiled = compiled
        self.threads = threads
        self.calls = 0
        self._request = compiled.create_infer_request()
        with ONE_AT_A_TIME:
            self._inputs: dict[str, type[np.integer[Any]]] = {
                value.get_any_name(): value.get_element_type().to_dtype().type for value in compiled.inputs
            }
        self._turn = threading.Lock()

    def logits(self, ids: NDArray[np.int32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
        """Compute logits; see `sessions.Session.logits`."""
        batch = feed(self._inputs, ids, mask)
        with self._turn:
            try:
                self._request.infer(batch, share_inputs=True)
            except RuntimeError as error:
                raise EngineError(
                    "OpenVINO could not run the model on a batch.",
                    found=f"{error} (batch of {ids.shape[0]} x {ids.shape[1]} pieces)",
                    hint="check that the tokenizer and the model belong together",
                ) from error
            # The request's own tensor is written again by its next call.
            logits: NDArray[np.float32] = self._request.get_output_tensor(0).data.copy()
        return logits


class OpenVinoEngine(SessionEngine[OpenVinoSession]):
    """Runs a model file with OpenVINO.

    Sessions of one thread are streams of one compiled model, and share its weights; that with all threads has
    a model of its own.

    Measured on two cores (Zen 4), BERT-base in int8, documents/s: a stream for each of two batches 74 to 78,
    one stream with two threads 70 to 74; a headline takes 11 to 15 ms on two threads and 20 on one.

    Parameters
    ----------
    model_file : Path
        The ONNX file.
    precision : {"fp32", "bf16", "int8", "int8-bf16"}
        What to compute in; the last two need int8 weights in the file.
    threads : int
        Cores to use.
    weight_bits : int, default 8
        Bits of the int8 weights; up to 7 the products are exact on every processor.

    Raises
    ------
    EngineError
        If the processor cannot compute in this precision.
    MissingExtraError
        If OpenVINO is not installed.
    """

    token_budget = 1024

    def __init__(self, model_file: Path, *, precision: Precision, threads: int, weight_bits: int = 8) -> None:
        openvino = need("openvino", extra="openvino", purpose=PURPOSE)
        if stored(precision) == "int8" and int8_may_saturate(weight_bits):
            raise EngineError(
                "OpenVINO's int8 products may overflow on this processor.",
                expected="weights of 7 bits, or a processor with VNNI or AMX",
                found=f"weights of {weight_bits} bits, and neither",
                hint=Worded(
                    "quantize the model again, which gives weights of 7 bits, or use {}",
                    ("engine", "onnxruntime"),
                ),
            )
        self.name = f"openvino {openvino.__version__.split('-')[0]}"
        super().__init__(model_file, precision=precision, threads=threads)

    def _room(self, threads: int) -> bool:
        kinds = {session.threads for session in self._sessions}
        return threads in kinds or len(kinds) < self._most_copies

    def _open(self, threads: int) -> OpenVinoSession:
        for session in self._sessions:
            if session.threads == threads:
                return OpenVinoSession(session.compiled, threads)
        session = OpenVinoSession(self._start(streams=self.threads // threads), threads)
        # OpenVINO copies weights into an order that suits a kernel: when it compiles, and when a shape first
        # needs another kernel. After that it hardly reads the file again.
        self._release_file()
        for pieces in FIRST_CALLS:
            with suppress(EngineError):  # a model may read fewer pieces
                session.logits(np.zeros((1, pieces), np.int32), np.ones((1, pieces), np.int32))
        self._release_file()
        return session

    def _release_file(self) -> None:
        for file in files_of(self._model_file):
            release_pages(file)

    def _start(self, *, streams: int) -> Any:
        if not self._model_file.is_file():
            raise BundleError("The model file is missing.", expected=str(self._model_file))
        openvino = need("openvino", extra="openvino", purpose=PURPOSE)
        core = openvino.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if HINTS[self.precision] == "bf16" and "BF16" not in capabilities:
            raise EngineError(
                "This processor does not compute in bf16.",
                expected="AVX512_BF16 or AMX",
                found=", ".join(capabilities),
                hint=f"use precision={stored(self.precision)!r}",
            )
        properties = {
            "INFERENCE_PRECISION_HINT": HINTS[self.precision],
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": streams,
            # Where the process may run is the caller's business.
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": KEPT_SHAPES,
        }
        try:
            return core.compile_model(core.read_model(self._model_file), "CPU", properties)
        except RuntimeError as error:
            raise BundleError(
                f"OpenVINO cannot load {self._model_file}.", found=str(error), hint="import the model again"
            ) from error
