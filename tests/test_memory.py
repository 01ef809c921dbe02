from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from rubriek.engines.onnxruntime import OnnxRuntimeEngine
from rubriek.engines.openvino import OpenVinoEngine
from rubriek.models.bert_weights import expected_shapes
from rubriek.models.graph import BertConfig, build_bert_classifier


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


# The first round fills arenas and kernel caches; a leak of 10 KiB a call would add 28 MiB in two more.
@pytest.mark.parametrize("engine_class", [OnnxRuntimeEngine, OpenVinoEngine])
def test_memory_stays_level_over_thousands_of_shapes(engine_class, tmp_path):
    config = BertConfig(64, 2, 2, 128, 100, 256, 3)
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(0, 0.02, shape).astype(np.float32) for name, shape in expected_shapes(config)
    }
    onnx.save(build_bert_classifier(config, weights), tmp_path / "model.onnx")
    engine = engine_class(tmp_path / "model.onnx", precision="fp32", threads=1)

    def run(shapes):
        for rows, pieces in shapes:
            ids = np.ones((rows, pieces), np.int32)
            engine.run(ids, ids)

    shapes = [(rows, pieces) for pieces in range(3, 257) for rows in range(1, 513 // pieces + 1) if rows < 16]
    random.shuffle(shapes)
    assert len(shapes) > 1000
    run([(512 // pieces, pieces) for pieces in (3, 20, 100, 256)])
    run(shapes)
    before = resident_mib()
    run(shapes[::-1])
    run(shapes)
    assert resident_mib() - before < 20
