"""Rewrites a bundle's graph so that the ONNX Runtimes inside Spark NLP 5.1 to 7.0 run it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from rubriek.engines import Stored
from rubriek.errors import ModelError, UnsupportedModelError
from rubriek.models.onnx_graph import IDS, LOGITS, MASK, TYPES, nodes, precision_of, read_graph
from rubriek.onnx_runtime import ort

OPSET = 17
"""The lowest with LayerNormalization; ONNX Runtime 1.15, the oldest in question, knows 19."""
NEWEST_OPSET, NEWEST_IR = 19, 9
"""What ONNX Runtime 1.15 reads; a graph of an opset in between stays as it is."""

INPUTS = (IDS, MASK, TYPES)

WIDENED = frozenset(
    {
        "Cast",
        "Constant",
        "ConstantOfShape",
        "DequantizeLinear",
        "Equal",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Shape",
        "Size",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators that after opset 17 only took more types, or attributes that onnx's checker would then refuse."""

GELU = {
    "gelu.half": 0.5,
    "gelu.one": 1.0,
    "gelu.erf": math.sqrt(0.5),
    "gelu.tanh": math.sqrt(2 / math.pi),
    "gelu.cubic": 0.044715,
}

MOST_DIFFERENCE: dict[Stored, float] = {"fp32": 1e-4, "int8": 1e-1}
"""Between logits of the two graphs, as a share of the largest: other operators round otherwise, and what is
rounded to integers after that may end one step off."""


def portable(file: Path) -> onnx.ModelProto:
    """Rewrite a graph for Spark NLP.

    Its inputs become ``input_ids``, ``attention_mask`` and ``token_type_ids``, all int64, as Spark NLP feeds
    them; the last is not used, since a text to classify is always of type 0. Its output becomes ``logits``.
    Operators that are newer than the oldest ONNX Runtime in question are written out in older ones. The
    result is run beside the original before it is returned.

    Parameters
    ----------
    file : Path
        The graph of a bundle.

    Returns
    -------
    onnx.ModelProto
        With all tensors inside.

    Raises
    ------
    UnsupportedModelError
        If it uses an operator that those versions do not have.
    ModelError
        If the rewritten graph does not give the logits of the original.
    """
    model, _ = read_graph(file)
    _lower_opset(model)
    _rename_borders(model)
    model.ir_version = min(model.ir_version, NEWEST_IR)
    _compare(file, model)
    return model


def _lower_opset(model: onnx.ModelProto) -> None:
    stated = next((one for one in model.opset_import if one.domain in ("", "ai.onnx")), None)
    if stated is None or stated.version <= NEWEST_OPSET:
        return
    _write_out_gelu(model)
    for node in nodes(model):
        if node.domain in ("", "ai.onnx") and node.op_type not in WIDENED:
            now, then = (_since(node.op_type, version) for version in (stated.version, OPSET))
            if now != then:
                raise UnsupportedModelError(
                    "The model uses an operator that Spark NLP's ONNX Runtime does not have.",
                    expected=f"operators of opset {OPSET}",
                    found=f"{node.op_type}, of opset {now}",
                    hint=f"export the model with opset {OPSET}, and import it again",
                )
    stated.version = OPSET


def _since(operator: str, opset: int) -> int | None:
    try:
        return int(onnx.defs.get_schema(operator, opset).since_version)
    except onnx.defs.SchemaError:
        return None


def _write_out_gelu(model: onnx.ModelProto) -> None:
    graph = model.graph
    written: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "Gelu" and node.domain == "":
            kind = next((one.s for one in node.attribute if one.name == "approximate"), b"none")
            written += _gelu(node, tanh=kind == b"tanh")
        else:
            written.append(node)
    if len(written) == len(graph.node):
        return
    used = {name for node in written for name in node.input}
    graph.initializer.extend(
        numpy_helper.from_array(np.float32(value), name) for name, value in GELU.items() if name in used
    )
    del graph.node[:]
    graph.node.extend(written)


def _gelu(node: NodeProto, *, tanh: bool) -> list[NodeProto]:
    """Write x * 0.5 * (1 + erf(x / sqrt 2)), or its approximation by tanh."""
    x, result = node.input[0], node.output[0]
    made: list[NodeProto] = []

    def step(operator: str, name: str, *inputs: str) -> str:
        output = result if name == "" else f"{result}.gelu.{name}"
        made.append(helper.make_node(operator, list(inputs), [output], name=output))
        return output

    if tanh:
        square = step("Mul", "square", x, x)
        bent = step("Add", "bent", step("Mul", "scaled", square, "gelu.cubic"), "gelu.one")
        inner = step("Mul", "inner", step("Mul", "x", x, "gelu.tanh"), bent)
        curve = step("Tanh", "curve", inner)
    else:
        curve = step("Erf", "curve", step("Mul", "x", x, "gelu.erf"))
    share = step("Mul", "share", step("Add", "raised", curve, "gelu.one"), "gelu.half")
    step("Mul", "", x, share)
    return made


def _rename_borders(model: onnx.ModelProto) -> None:
    graph = model.graph
    # An imported graph may make its token types itself, and then calls them like the input to come.
    _rename(model, TYPES, f"{TYPES}.zeros")
    casts = []
    for value in list(graph.input):
        kind = value.type.tensor_type.elem_type
        if kind != TensorProto.INT64:
            inner = f"{value.name}.narrow"
            _rename(model, value.name, inner)
            casts.append(helper.make_node("Cast", [value.name], [inner], name=inner, to=kind))
    _rename(model, graph.output[0].name, LOGITS)
    graph.output[0].name = LOGITS
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *rest])
    del graph.input[:]
    graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in INPUTS
    )


def _rename(model: onnx.ModelProto, name: str, new: str) -> None:
    """Rename a value in all nodes; the borders of the graph are the caller's."""
    for node in nodes(model):
        node.input[:] = [new if one == name else one for one in node.input]
        node.output[:] = [new if one == name else one for one in node.output]


def _compare(file: Path, model: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(model)
        before, after = _logits(str(file), INPUTS[:2]), _logits(model.SerializeToString(), INPUTS)
    except Exception as error:  # protobuf, onnx and onnxruntime have no common base of their errors
        raise ModelError("The graph cannot be rewritten for Spark NLP.", found=str(error)) from error
    difference = float(np.abs(before - after).max())
    most = MOST_DIFFERENCE[precision_of(model)] * max(1.0, float(np.abs(before).max()))
    if not difference <= most:
        raise ModelError(
            "The graph rewritten for Spark NLP gives other logits.",
            expected=f"a difference of at most {most:g}",
            found=f"{difference:g}",
        )


def _logits(graph: str | bytes, names: Sequence[str]) -> NDArray[np.float32]:
    """Run two rows, one of them padded; ids 0 to 7 are in every vocabulary."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    given: dict[str, Any] = {
        IDS: np.array([[2, 5, 4, 3, 0, 0], [2, 7, 6, 5, 4, 3]]),
        MASK: np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]),
        TYPES: np.zeros((2, 6), np.int64),
    }
    kinds = {node.name: np.int64 if "int64" in node.type else np.int32 for node in session.get_inputs()}
    (logits,) = session.run(None, {name: given[name].astype(kinds[name]) for name in names})
    return np.asarray(logits, np.float32)
