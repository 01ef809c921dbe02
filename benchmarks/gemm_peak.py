"""The fastest fp32 matrix product this machine does: the yardstick for the share of its peak.

The best of ONNX Runtime and numpy on large squares, with as many threads as usable cores. It runs in a
process of its own (``fp32_gemm_peak``): variables such as OPENBLAS_CORETYPE, which some machines set, would
make numpy's kernels slower, so they are removed for this process alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

SIZES = (1024, 2048, 3072)
SECONDS = 1.0
"""For each library and size; the fastest single product in that time counts."""


def fp32_gemm_peak() -> dict[str, float]:
    """GFLOP/s by library, measured now in a fresh process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gemm_peak"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    peak: dict[str, float] = json.loads(done.stdout)
    return peak


def _measure() -> dict[str, float]:
    import numpy as np

    random = np.random.default_rng(0)
    peak: dict[str, float] = {}
    for size in SIZES:
        left, right = (random.standard_normal((size, size), np.float32) for _ in range(2))
        session = _matmul_session(right)
        products: dict[str, Callable[[], object]] = {
            "numpy": lambda left=left, right=right: left @ right,
            "onnxruntime": lambda left=left, session=session: session.run(None, {"left": left}),
        }
        for library, product in products.items():
            peak[library] = max(peak.get(library, 0.0), 2 * size**3 / _fastest(product) / 1e9)
    return peak


def _fastest(product: Callable[[], object]) -> float:
    product()
    end = time.perf_counter() + SECONDS
    best = float("inf")
    while time.perf_counter() < end:
        started = time.perf_counter()
        product()
        best = min(best, time.perf_counter() - started)
    return best


def _matmul_session(right: Any) -> Any:
    """A product with a constant right side, as in a network, so that the library may arrange it once."""
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["left", "right"], ["product"])],
        "gemm",
        [helper.make_tensor_value_info("left", onnx.TensorProto.FLOAT, right.shape)],
        [helper.make_tensor_value_info("product", onnx.TensorProto.FLOAT, right.shape)],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


if __name__ == "__main__":
    print(json.dumps(_measure()))
