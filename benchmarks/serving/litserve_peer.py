"""LitServe with its batching: up to 8 requests in order of arrival, after 10 ms at the latest."""

from __future__ import annotations

import argparse
from typing import Any

import litserve
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.contenders.plain_onnxruntime import PlainModel
from benchmarks.serving.peer import arguments, entries

BATCH, WAIT_SECONDS = 8, 0.01


class Api(litserve.LitAPI):
    def __init__(self, given: argparse.Namespace) -> None:
        super().__init__(max_batch_size=BATCH, batch_timeout=WAIT_SECONDS)
        self.given = given

    def setup(self, device: str) -> None:
        self.model = PlainModel(self.given.model, self.given.max_length)

    def decode_request(self, request) -> str:  # noqa: ANN001 -- LitServe takes it for the body's type
        return str(request["inputs"])

    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def predict(self, texts: list[str]) -> NDArray[np.float32]:
        return self.model.logits(texts)

    def unbatch(self, output: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return list(output)

    def encode_response(self, output: NDArray[np.float32]) -> list[dict[str, Any]]:
        return entries(self.model.labels, output)


def main() -> None:
    given = arguments(
        f"litserve {litserve.__version__}, ONNX Runtime {onnxruntime.__version__}, batches of at "
        f"most {BATCH}, timeout {WAIT_SECONDS} s, one worker"
    )
    server = litserve.LitServer(Api(given), accelerator="cpu")
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
