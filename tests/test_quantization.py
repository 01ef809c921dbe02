from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

import tiny
from rubriek.engines.onnxruntime import OnnxRuntimeEngine
from rubriek.errors import EngineError, OptionError, UnsupportedModelError
from rubriek.models.graph import build_bert_classifier
from rubriek.models.quantization import _steps, dequantize_graph, quantize_graph


@pytest.fixture(scope="module")
def rows(data):
    lines = (data / "tiny-a" / "expected.jsonl").read_text().splitlines()
    return [np.array([json.loads(line)["input_ids"]], np.int32) for line in lines]


@pytest.fixture(scope="module")
def fp32(tiny_a):
    return onnx.load(tiny_a.model_file)


@pytest.fixture(scope="module")
def int8(fp32, rows):
    return quantize_graph(fp32, [(ids, np.ones_like(ids)) for ids in rows[::2]])


@pytest.fixture
def classify(tmp_path):
    def run(model, rows, precision):
        file = tmp_path / "model.onnx"
        onnx.save(model, file)
        engine = OnnxRuntimeEngine(file, precision=precision, threads=1)
        return np.concatenate([engine.run(ids, np.ones_like(ids)) for ids in rows])

    return run


def test_int8_agrees_with_fp32_on_texts_it_did_not_see(fp32, int8, rows, classify):
    expected, found = classify(fp32, rows[1::2], "fp32"), classify(int8, rows[1::2], "int8")
    assert (expected.argmax(1) == found.argmax(1)).all()
    assert 0 < np.abs(expected - found).max() < 0.5  # logits reach 6


def test_int8_is_a_quarter_of_the_size(fp32, int8):
    assert int8.ByteSize() < 0.35 * fp32.ByteSize()


def test_scores_of_int8_do_not_depend_on_the_neighbours(int8, rows, tmp_path):
    onnx.save(int8, tmp_path / "model.onnx")
    engine = OnnxRuntimeEngine(tmp_path / "model.onnx", precision="int8", threads=1)
    width = max(ids.shape[1] for ids in rows)
    ids, mask = (np.zeros((len(rows), width), np.int32) for _ in range(2))
    for place, row in enumerate(rows):
        ids[place, : row.shape[1]], mask[place, : row.shape[1]] = row[0], 1
    alone = np.concatenate([engine.run(row, np.ones_like(row)) for row in rows])
    # A sum on the edge of two int8 steps may round either way; such a step moves these logits by far less.
    np.testing.assert_allclose(engine.run(ids, mask), alone, atol=0.05)


def test_back_in_fp32_only_the_rounding_of_weights_is_left(fp32, int8, rows, classify):
    restored = dequantize_graph(int8)
    onnx.checker.check_model(restored, full_check=True)
    operators = {node.op_type for node in restored.graph.node}
    assert not operators & {"QuantizeLinear", "DequantizeLinear"}
    expected, found = classify(fp32, rows, "fp32"), classify(restored, rows, "fp32")
    assert np.abs(expected - found).max() < np.abs(expected - classify(int8, rows, "int8")).max()


def multiplied(model):
    """The int8 weights that are multiplied, by name."""
    return {
        tensor.name.replace(".rounded", ""): onnx.numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.name.endswith((".weight.int8", ".weight.rounded.int8"))
    }


def test_no_weight_is_so_large_that_a_product_could_saturate(int8):
    weights = multiplied(int8)
    assert len(weights) > 8
    largest = [int(np.abs(values.astype(int)).max()) for values in weights.values()]
    assert max(largest) == 64
    assert min(largest) > 40


def test_quantizing_again_what_int8_stands_for_changes_next_to_nothing(int8, rows):
    again = quantize_graph(dequantize_graph(int8), [(ids, np.ones_like(ids)) for ids in rows[::2]])
    before, after = multiplied(int8), multiplied(again)
    assert before.keys() == after.keys()
    assert np.mean([np.mean(before[name] == after[name]) for name in before]) > 0.99


def test_channels_with_huge_values_do_not_coarsen_the_others(classify):
    config = tiny.sizes(["x"] * 30, 3)
    weights = tiny.random_weights(config)
    for name in weights:
        if name.endswith("intermediate.dense.bias"):
            weights[name][3] += 200
    model = build_bert_classifier(config, weights)
    random = np.random.default_rng(0)
    texts = [random.integers(0, 30, (1, 12), dtype=np.int32) for _ in range(40)]
    int8 = quantize_graph(model, [(ids, np.ones_like(ids)) for ids in texts])
    expected, found = classify(model, texts, "fp32"), classify(int8, texts, "int8")
    assert np.abs(expected - found).mean() < 0.1 * expected.std()


def test_a_matrix_that_layers_share_stays_as_it_is(fp32, rows, classify):
    model = onnx.ModelProto()
    model.CopyFrom(fp32)
    query = next(
        node for node in model.graph.node if node.name.endswith("layer.1.attention.self.query.matmul")
    )
    query.input[1] = query.input[1].replace("layer.1", "layer.0")
    int8 = quantize_graph(model, [(ids, np.ones_like(ids)) for ids in rows[::2]])
    assert query.input[1] in {tensor.name for tensor in int8.graph.initializer}
    assert np.abs(classify(model, rows, "fp32") - classify(int8, rows, "int8")).max() < 0.5


def test_no_texts_to_measure_on(fp32):
    with pytest.raises(OptionError, match="no text"):
        quantize_graph(fp32, [])


@pytest.mark.parametrize("value", [np.nan, 1e30])
def test_a_model_that_gives_no_numbers_is_refused(value):
    config = tiny.sizes(["x"] * 30, 3)
    weights = tiny.random_weights(config)
    weights["bert.embeddings.LayerNorm.weight"][:] = value
    ids = np.ones((1, 4), np.int32)
    with pytest.raises(EngineError, match="no numbers"):
        quantize_graph(build_bert_classifier(config, weights), [(ids, ids)])


def test_a_graph_without_int8_weights_cannot_be_turned_back(fp32):
    with pytest.raises(UnsupportedModelError, match="int8"):
        dequantize_graph(fp32)


def test_the_sample_is_shown_batch_by_batch(fp32, rows):
    taken = []

    def track(items, what):
        for item in items:
            taken.append(what)
            yield item

    good, bad = rows[0], np.full_like(rows[0], 10**9)
    with pytest.raises(EngineError):
        quantize_graph(fp32, [(ids, np.ones_like(ids)) for ids in (good, bad, good)], track)
    assert taken == ["Measuring activations"] * 2


def test_a_rare_large_value_does_not_coarsen_the_steps_of_all_others():
    rows = np.random.default_rng(0).normal(0, 1, (256, 50)).astype(np.float32)
    high = rows.max(axis=0)
    high[7] = 40  # seen once, not in these rows
    whole = (high.max() - rows.min()) / 255
    scale, zero = _steps(rows.min(axis=0), high, rows, np.ones(50, np.float32))
    assert scale < 0.6 * whole
    assert zero * scale > 0.8 * -rows.min()  # the lower end has no such value


def test_a_range_that_is_used_throughout_stays_whole():
    rows = np.random.default_rng(0).uniform(-1, 3, (256, 50)).astype(np.float32)
    scale, zero = _steps(rows.min(axis=0), rows.max(axis=0), rows, np.ones(50, np.float32))
    assert scale == pytest.approx(4 / 255, rel=0.01)
    assert zero == 64


def test_a_large_value_that_matters_keeps_its_range():
    rows = np.random.default_rng(0).normal(0, 1, (256, 50)).astype(np.float32)
    rows[:, 7] = 40
    importance = np.ones(50, np.float32)
    assert _steps(rows.min(axis=0), rows.max(axis=0), rows, importance)[0] > 40 / 255
    importance[7] = 0
    assert _steps(rows.min(axis=0), rows.max(axis=0), rows, importance)[0] < 20 / 255
