"""What is read of an ONNX file without onnx: how many logits it gives, and whether it has loops."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from rubriek.models.onnx_summary import count_logits, loop_in


def write(file, *outputs):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs]
    node = helper.make_node("Identity", ["input_ids"], [outputs[0][0]])
    onnx.save(helper.make_model(helper.make_graph([node], "g", [], values)), file)
    return file


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([("logits", ["rows", 3])], 3),
        ([("scores", [None, 70_000])], 70_000),
        ([("hidden", ["rows", 8]), ("logits", ["rows", 3])], 3),
        ([("logits", ["rows", "labels"])], None),
        ([("logits", ["rows", 3, 4])], None),
        ([("logits", None)], None),
    ],
)
def test_the_logits_are_counted(tmp_path, outputs, expected):
    assert count_logits(write(tmp_path / "model.onnx", *outputs)) == expected


def test_a_loop_is_found_at_any_depth(tmp_path, tiny_a):
    def value(name):
        return helper.make_tensor_value_info(name, TensorProto.BOOL, [])

    loop = helper.make_node("Loop", ["n", "go"], [], body=helper.make_graph([], "body", [], []))
    inside = helper.make_graph([loop], "then", [], [])
    choice = helper.make_node("If", ["go"], ["out"], then_branch=inside, else_branch=inside)
    function = helper.make_function("own", "F", [], [], [loop], [helper.make_opsetid("", 20)])
    plain = helper.make_graph([helper.make_node("Identity", ["go"], ["out"])], "g", [], [value("out")])
    for graph, functions in (
        (helper.make_graph([loop], "g", [], [value("out")]), []),
        (helper.make_graph([choice], "g", [], [value("out")]), []),
        (plain, [function]),
    ):
        file = tmp_path / "model.onnx"
        onnx.save(helper.make_model(graph, functions=functions), file)
        assert loop_in(file) == "Loop"
    assert loop_in(tiny_a.model_file) is None


def test_every_model_of_ours_says_how_many_it_gives(tiny_a):
    assert count_logits(tiny_a.model_file) == len(tiny_a.labels)


def test_what_cannot_be_read_is_left_to_the_engine(tmp_path):
    file = tmp_path / "model.onnx"
    assert count_logits(file) is None
    for content in (b"", b"no graph", b"\x3a\xff\xff\xff\xff\x0f", b"\x80" * 50, b"\x08\x00" * 1_000_001):
        file.write_bytes(content)
        assert count_logits(file) is None


@given(at=st.integers(0), byte=st.integers(0, 255), end=st.integers(0))
def test_a_damaged_file_gives_a_number_or_none(tmp_path_factory, at, byte, end):
    file = write(tmp_path_factory.getbasetemp() / "damaged.onnx", ("logits", ["rows", 3]))
    content = bytearray(file.read_bytes())
    content[at % len(content)] = byte
    file.write_bytes(content[: max(1, end % (len(content) + 1))])
    found = count_logits(file)
    assert found is None or found > 0
