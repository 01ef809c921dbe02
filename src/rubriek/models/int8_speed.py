"""Measures what int8 gains on this processor."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from rubriek.engines.cpu import EXACT_BITS, int8_kernel
from rubriek.engines.onnxruntime import OnnxRuntimeEngine
from rubriek.models.bert_weights import expected_shapes
from rubriek.models.graph import BertConfig, build_bert_classifier
from rubriek.models.huggingface import save_model
from rubriek.models.quantization import quantize_graph

# As wide as BERT-base, since the width decides what int8 gains; the last layer computes one row only.
_CONFIG = BertConfig(
    hidden_size=768,
    num_hidden_layers=2,
    num_attention_heads=12,
    intermediate_size=1536,
    vocab_size=100,
    max_position_embeddings=128,
    num_labels=9,
)
_ROWS, _PIECES = 4, 128
_ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Int8Speed:
    """What int8 gains.

    Attributes
    ----------
    kernel : str
        The instructions that int8 products run on, e.g. ``"AVX512 VNNI"``.
    fp32, int8 : float
        Seconds that a thread takes for the same batch.
    """

    kernel: str
    fp32: float
    int8: float

    @property
    def gain(self) -> float:
        """How many times as fast int8 is."""
        return self.fp32 / self.int8


def measure_int8_speed() -> Int8Speed:
    """Measure int8 against fp32 on one thread, with a small network as wide as BERT-base; some seconds.

    Returns
    -------
    Int8Speed

    Raises
    ------
    MissingExtraError
        If the package ``onnx`` is not installed.

    Examples
    --------
    >>> measure_int8_speed().int8 > 0
    True
    """
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(float(name.endswith("LayerNorm.weight")), 0.05, shape).astype(np.float32)
        for name, shape in expected_shapes(_CONFIG)
    }
    ids = random.integers(0, _CONFIG.vocab_size, (_ROWS, _PIECES)).astype(np.int32)
    mask = np.ones_like(ids)
    fp32 = build_bert_classifier(_CONFIG, weights)
    seconds: dict[str, list[float]] = {"fp32": [], "int8": []}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in seconds}
        save_model(fp32, files["fp32"])
        save_model(quantize_graph(fp32, [(ids, mask)]), files["int8"])
        engines = (
            OnnxRuntimeEngine(files["fp32"], precision="fp32", threads=1),
            OnnxRuntimeEngine(files["int8"], precision="int8", threads=1, weight_bits=EXACT_BITS),
        )
        for engine in engines:
            engine.run(ids, mask)
        for _ in range(_ROUNDS):  # in turn, so that a slow moment hits both
            for engine in engines:
                start = time.perf_counter()
                engine.run(ids, mask)
                seconds[engine.precision].append(time.perf_counter() - start)
    return Int8Speed(int8_kernel(), median(seconds["fp32"]), median(seconds["int8"]))
