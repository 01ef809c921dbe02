from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

import tiny
from rubriek.models import import_model, quantize
from rubriek.models.graph import BertConfig, build_bert_classifier
from rubriek.models.row_spacing import CONFLICT, SPARE, space_rows, unspace_rows

WIDTH = CONFLICT
EXPORTED_GELU = [
    helper.make_node("Add", ["bias", "inner"], ["biased"]),
    helper.make_node("Constant", [], ["root"], value=numpy_helper.from_array(np.float32(2**0.5))),
    helper.make_node("Div", ["biased", "root"], ["scaled"]),
    helper.make_node("Erf", ["scaled"], ["curve"]),
    helper.make_node("Add", ["curve", "one"], ["raised"]),
    helper.make_node("Mul", ["biased", "raised"], ["share"]),
    helper.make_node("Mul", ["share", "half"], ["active"]),
]


def a_network(between=None, *, width=WIDTH, outputs=("y",), **changes):
    """A feed-forward network 8 -> width -> 4, as exporters write it, its first matrix ``up``."""
    random = np.random.default_rng(0)
    shapes = {"up": (8, width), "bias": (width,), "down": (width, 4)}
    arrays = {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {"one": np.float32(1), "half": np.array([0.5], np.float32), **changes}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "up"], ["inner"]),
            *(EXPORTED_GELU if between is None else between),
            helper.make_node("MatMul", ["active", "down"], ["y"]),
        ],
        "feed_forward",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "pieces", 8])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", "pieces", None])
            for name in outputs
        ],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
        value_info=[helper.make_tensor_value_info("inner", TensorProto.FLOAT, ["rows", "pieces", width])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def answers(model, **given):
    onnx.checker.check_model(model)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)


def widths(model):
    return {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}


def test_an_exported_network_is_spaced_and_answers_the_same():
    model = a_network()
    x = np.random.default_rng(1).normal(0, 1, (2, 5, 8)).astype(np.float32)
    before = answers(model, x=x)
    space_rows(model)
    assert widths(model)["up"] == [8, WIDTH + SPARE]
    assert widths(model)["bias"] == [WIDTH + SPARE]
    assert widths(model)["down"] == [WIDTH + SPARE, 4]
    np.testing.assert_allclose(answers(model, x=x), before, rtol=1e-5, atol=1e-5)


def test_what_was_spaced_is_taken_back_to_the_last_bit():
    model, original = a_network(), a_network()
    space_rows(model)
    assert model != original
    unspace_rows(model)
    del original.graph.value_info[:]  # the stated shapes between the products are not kept
    assert model == original


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_a_bert_is_spaced_in_every_layer_and_answers_the_same(activation):
    config = BertConfig(
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=2 * CONFLICT,
        vocab_size=20,
        max_position_embeddings=16,
        num_labels=3,
        hidden_act=activation,
    )
    model = build_bert_classifier(config, tiny.random_weights(config, 0))
    ids = np.array([[2, 5, 6, 3], [2, 7, 3, 0]], np.int32)
    given = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int32)}
    before = answers(model, **given)
    space_rows(model)
    assert sum(dims == [8, 2 * CONFLICT + SPARE] for dims in widths(model).values()) == 3
    np.testing.assert_allclose(answers(model, **given), before, rtol=1e-5, atol=1e-5)


SOFTMAX = [helper.make_node("Softmax", ["inner"], ["active"])]
SHARED = [helper.make_node("Relu", ["inner"], ["active"]), helper.make_node("MatMul", ["x", "up"], ["other"])]
MIXED = [
    helper.make_node("ReduceMean", ["x", "last"], ["mean"], keepdims=1),
    helper.make_node("Add", ["inner", "mean"], ["active"]),
]
DIVIDED = [helper.make_node("Div", ["one", "inner"], ["active"])]
RELU = [helper.make_node("Relu", ["inner"], ["active"])]
LAST_TWICE = [*RELU, helper.make_node("MatMul", ["active", "down_too"], ["other"])]


@pytest.mark.parametrize(
    "model",
    [
        a_network(width=WIDTH + 8),
        a_network(outputs=("y", "active")),
        a_network(outputs=("y", "inner")),
        a_network(SOFTMAX),
        a_network(SHARED),
        a_network(MIXED, last=np.array([-1])),
        a_network(DIVIDED),
        a_network(LAST_TWICE, down_too=np.ones((WIDTH, 4), np.float32)),
        a_network(RELU, up=np.ones((8, WIDTH), np.float16)),
        a_network(bias=np.ones((5, WIDTH), np.float32)),
        a_network(RELU, down=np.ones((WIDTH + 1, 4), np.float32)),
    ],
    ids=[
        "no conflict",
        "active is an output",
        "inner is an output",
        "channels together",
        "matrix read twice",
        "another value",
        "divided by",
        "read by two products",
        "fp16",
        "bias of rows",
        "widths that contradict",
    ],
)
def test_what_is_something_else_is_left_alone(model):
    before = model.SerializeToString()
    space_rows(model)
    assert model.SerializeToString() == before


def test_a_matrix_with_too_few_values_is_left_for_the_engine_to_refuse():
    model = a_network(RELU)
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    before = model.SerializeToString()
    space_rows(model)
    assert model.SerializeToString() == before


def test_a_damaged_graph_is_left_for_the_engine_to_refuse():
    nameless = a_network(RELU)
    del nameless.graph.node[1].output[:]
    negative = a_network(RELU, up=np.ones((1, WIDTH), np.float32))
    negative.graph.initializer[0].dims[:] = [-1, -WIDTH]
    for model in (nameless, negative):
        before = model.SerializeToString()
        space_rows(model)
        assert model.SerializeToString() == before


def test_channels_that_are_in_use_are_not_taken_out():
    model = a_network(width=WIDTH + SPARE)
    before = model.SerializeToString()
    unspace_rows(model)
    assert model.SerializeToString() == before


def test_an_import_spaces_the_rows_and_quantizing_takes_the_channels_out(tmp_path):
    folder = tiny.huggingface_folder(tmp_path / "hf", inner=CONFLICT)
    fp32 = import_model(folder, tmp_path / "fp32")
    stored = widths(onnx.load(fp32.model_file))
    assert stored["bert.encoder.layer.0.intermediate.weight"] == [8, CONFLICT + SPARE]
    assert fp32.encoder["intermediate_size"] == CONFLICT
    int8 = quantize(
        fp32, tmp_path / "int8", sample=["de minister zegt", "Amsterdam", "a b c"], min_agreement=0
    )
    stored = widths(onnx.load(int8.model_file))
    assert stored["bert.encoder.layer.0.intermediate.weight.int8"] == [8, CONFLICT]
