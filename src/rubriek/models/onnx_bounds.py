"""What a foreign ONNX graph may not have: loops, functions that unfold without end, names that are not text.

A graph is a program. Without loops each node runs once, so its time is bounded by its nodes and its tensors;
those are bounded by the process that tries it out (`onnx_trial`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rubriek.errors import ModelError, UnsupportedModelError
from rubriek.models import checks
from rubriek.models.onnx_summary import LOOPS
from rubriek.models.tensors import DAMAGED

if TYPE_CHECKING:
    import onnx

MAX_NODES = 100_000
"""Nodes of a graph, those of a function counted at each call of it; a large BERT has ten thousand."""
MAX_NESTED_CALLS = 32

CONDITION = "If"


def check_bounds(model: onnx.ModelProto, file: Path) -> None:
    """Check that a graph ends, and that its names are text.

    Raises
    ------
    UnsupportedModelError
        If it has a loop, or too many nodes.
    ModelError
        If a name in it is not UTF-8.
    """
    # Protobuf gives a name that is not UTF-8 as bytes, which then meet texts in every later step.
    for name in _texts(model):
        if not isinstance(name, str):
            raise ModelError(
                f"{file} has a name that is not text.",
                expected="UTF-8",
                found=checks.shown(name),
                hint=DAMAGED,
            )
    for graph in graphs(model):
        for node in graph.node:
            if node.op_type in LOOPS or (node.op_type != CONDITION and any(map(_is_graph, node.attribute))):
                raise UnsupportedModelError(
                    f"{file} has a loop, and nothing says that it ends.",
                    expected="operators that run once",
                    found=checks.shown(node.op_type),
                    hint="export the model without loops",
                )
    nodes = _Unfolding(model).count()
    if nodes > MAX_NODES:
        raise UnsupportedModelError(
            f"{file} has too many nodes.",
            expected=f"at most {MAX_NODES:,}, functions unfolded",
            found=f"{nodes:,}",
        )


def graphs(model: onnx.ModelProto) -> Iterator[Any]:
    """Walk over the graph, the graphs inside its nodes, and the functions."""
    for part in (model.graph, *model.functions):
        yield from _inside(part)


def _inside(part: Any) -> Iterator[Any]:
    waiting = [part]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


def _is_graph(attribute: onnx.AttributeProto) -> bool:
    """Whether an attribute holds a graph, or refers to one that the caller of a function holds."""
    return attribute.type in (attribute.GRAPH, attribute.GRAPHS) or attribute.HasField("g")


def _texts(model: onnx.ModelProto) -> Iterator[str | bytes]:
    """Walk over all names and texts of a model."""
    waiting: list[Any] = [model]
    while waiting:
        for field, value in waiting.pop().ListFields():
            if field.type == field.TYPE_STRING:
                yield from [value] if isinstance(value, str | bytes) else value
            elif field.type == field.TYPE_MESSAGE:
                waiting += [value] if hasattr(value, "ListFields") else value


class _Unfolding:
    """Counts the nodes of a graph as the engine sees it, with every call of a function written out."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.functions = {(function.domain, function.name): function for function in model.functions}
        self.known: dict[tuple[str, str], int] = {}

    def count(self, part: Any = None, depth: int = 0) -> int:
        if depth > MAX_NESTED_CALLS:
            raise UnsupportedModelError(
                "The model has functions that call each other too deep, or themselves.",
                expected=f"at most {MAX_NESTED_CALLS} calls inside each other",
            )
        total = 0
        for graph in _inside(self.model.graph if part is None else part):
            for node in graph.node:
                total += 1
                called = (node.domain, node.op_type)
                if called in self.functions:
                    if called not in self.known:
                        self.known[called] = self.count(self.functions[called], depth + 1)
                    total += self.known[called]
        return total
