"""Makes an int8 graph of an fp32 one, and back.

Static quantization: every large linear layer multiplies uint8 activations, whose ranges were measured on a
sample, by int8 weights of 7 bits with one scale per output channel. Scales fixed beforehand do not depend on
the neighbours in a batch, and cost no pass over the data. The graph keeps to the standard operators
(QuantizeLinear, DequantizeLinear), which ONNX Runtime and OpenVINO both turn into their int8 kernels.

BERTs have a few channels with values many times as large as all others, which would coarsen the one scale
that an activation has. They are dealt with where it costs least:

* in front of layers that widen, every channel is scaled down, and the weights scaled up, so that the largest
  values are nearly alike (SmoothQuant, https://arxiv.org/abs/2211.10438, with alpha `SMOOTHING`);
* in front of the others, at most `OUTLIERS` channels go through a small fp32 product beside the int8 one
  (LLM.int8(), https://arxiv.org/abs/2208.07339).

What is left of the range is cut where that rounds the sample with the least error. How weights are rounded is
in `rounding`.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from rubriek.errors import EngineError, OptionError, UnsupportedModelError, need
from rubriek.models.rounding import round_rows, round_weights

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import onnx
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Batch = tuple[NDArray[np.int32], NDArray[np.int32]]
    Batches = Collection[Batch]

Item = TypeVar("Item")

# Channels of an activation that may go beside the int8 product, and by how much they must narrow its range.
OUTLIERS = 8
NARROWER = 1.25
# More of the range goes from activations to weights than SmoothQuant's 0.5: `rounding` makes up for it there.
SMOOTHING = 0.85
# Rows of an activation to choose its range by, and the shares of its largest value to choose among.
ROWS_KEPT = 1024
SHARES = np.linspace(1, 0.4, 13)
# Tables with fewer rows (positions, token types) stay in fp32: they are small.
LARGE_TABLE = 1000
PURPOSE = "Quantizing a model"


class Track(Protocol):
    """Is given the parts of a long task, gives them back one by one, and may show how far that is.

    ``tqdm`` is one, with ``what`` as its description.
    """

    def __call__(self, items: Collection[Item], what: str, /) -> Iterable[Item]:
        """Give the items back."""


def untracked(items: Collection[Item], what: str, /) -> Iterable[Item]:
    """Give the items back and show nothing."""
    return items


def quantize_graph(model: onnx.ModelProto, batches: Batches, track: Track = untracked) -> onnx.ModelProto:
    """Make an int8 graph.

    Parameters
    ----------
    model : onnx.ModelProto
        An fp32 classifier, its weights inside.
    batches : collection of (ids, mask)
        A sample of what the model will see, int32 (rows, pieces) each, to measure every activation on; a few
        hundred texts. That takes memory: 4 bytes for each pair of an activation's channels, 540 MB for
        BERT-base.
    track : Track, optional
        Is shown how it gets on. Default: nobody.

    Returns
    -------
    onnx.ModelProto
        With the same inputs and outputs; word embeddings are int8 too, with one scale per row.

    Raises
    ------
    OptionError
        If there are no batches in ``batches``.
    UnsupportedModelError
        If the graph has no linear layers.
    EngineError
        If ONNX Runtime cannot run the fp32 model on the sample.
    MissingExtraError
        If the package ``onnx`` is not installed.
    """
    need("onnx", extra="models", purpose=PURPOSE)
    graph = _Rewriter(model)
    linears = graph.linears()
    if not linears:
        raise UnsupportedModelError(
            "The graph has nothing to quantize.",
            expected="products of activations with constant fp32 matrices",
            found="none",
        )
    seen = _observe(model, list(linears), batches, track)
    for source, readers in track(linears.items(), "Rounding weights"):
        graph.replace_linears(source, readers, seen.pop(source))
    graph.replace_tables()
    return graph.finish()


def dequantize_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Make the fp32 graph that computes with exactly the weights of an int8 one.

    Parameters
    ----------
    model : onnx.ModelProto
        What `quantize_graph` made with a sample.

    Returns
    -------
    onnx.ModelProto
        Activations are no longer rounded; weights are the fp32 values that the int8 numbers stand for.

    Raises
    ------
    UnsupportedModelError
        If the graph's int8 weights are not stored as `quantize_graph` stores them.
    """
    graph = _Rewriter(model)
    found = False
    for node in list(graph.nodes):
        if node.op_type == "DequantizeLinear" and node.input[0] in graph.tensors:
            values, scale = (graph.array(name) for name in node.input[:2])
            graph.add_tensor(node.output[0], values.astype(np.float32) * scale)
            graph.nodes.remove(node)
            found = True
        elif node.op_type == "DequantizeLinear":
            quantize = graph.producer(node.input[0])
            graph.nodes.remove(quantize)
            graph.nodes.remove(node)
            graph.rename(node.output[0], quantize.input[0])
    for node in list(graph.nodes):
        if node.op_type == "Mul" and node.input[0].endswith(".int8_rows"):
            cast, scales = (graph.producer(name) for name in node.input)
            gather = graph.producer(cast.input[0])
            table = graph.array(gather.input[0]).astype(np.float32) * graph.array(scales.input[0])
            graph.add_tensor(f"{gather.input[0]}.fp32", table)
            for leftover in (cast, scales, gather):
                graph.nodes.remove(leftover)
            position = graph.nodes.index(node)
            graph.nodes[position] = graph.make(
                "Gather", [f"{gather.input[0]}.fp32", gather.input[1]], node.output[0], axis=0
            )
    if not found:
        raise UnsupportedModelError(
            "The graph cannot be turned back into fp32.",
            expected="int8 weights with a DequantizeLinear each, as rubriek writes them with a sample",
            found="none",
        )
    return graph.finish()


@dataclass
class _Seen:
    """What an activation was in the sample: its channels' extremes and second moments, and some rows."""

    low: Array
    high: Array
    moments: Array
    kept: list[Array]

    def add(self, rows: Array, keep: int) -> None:
        np.minimum(self.low, rows.min(axis=0), out=self.low)
        np.maximum(self.high, rows.max(axis=0), out=self.high)
        self.kept.append(rows[:: -(-len(rows) // keep)].copy())
        with np.errstate(all="ignore"):  # what is no number is found at the end
            self.moments += rows.T @ rows


def _observe(model: onnx.ModelProto, names: list[str], batches: Batches, track: Track) -> dict[str, _Seen]:
    """Measure the named tensors, over real pieces only."""
    onnx = need("onnx", extra="models", purpose=PURPOSE)
    from rubriek.engines.onnxruntime import OnnxRuntimeEngine

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    for name in names:
        watched.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    seen: dict[str, _Seen] = {}
    keep = -(-ROWS_KEPT // max(1, len(batches)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "watched.onnx"
        onnx.save(watched, file, save_as_external_data=True, location="weights")
        engine = OnnxRuntimeEngine(file, precision="fp32", threads=1)
        for ids, mask in track(batches, "Measuring activations"):
            real = mask.astype(bool)
            for name, values in zip(names, engine.values(ids, mask, names), strict=True):
                of_pieces = values.ndim == 3 and values.shape[:2] == mask.shape
                rows = values[real] if of_pieces else values.reshape(-1, values.shape[-1])
                if name not in seen:
                    size = rows.shape[1]
                    moments = np.zeros((size, size), np.float32)
                    seen[name] = _Seen(rows[0].copy(), rows[0].copy(), moments, [])
                seen[name].add(rows, keep)
    if not seen:
        raise OptionError("There is no text to measure the ranges of activations on.", found="no batches")
    broken = [name for name in names if not np.isfinite(seen[name].moments).all()]
    if broken:
        raise EngineError("The fp32 model has values that are no numbers, or far too large.", found=broken[0])
    return seen


class _Rewriter:
    """A graph as lists that can be changed, and put together again."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.onnx: Any = need("onnx", extra="models", purpose=PURPOSE)
        self.model = model
        self.nodes: list[onnx.NodeProto] = []
        for node in model.graph.node:
            self.nodes.append(self.onnx.NodeProto())
            self.nodes[-1].CopyFrom(node)
        self.tensors: dict[str, onnx.TensorProto] = {
            tensor.name: tensor for tensor in model.graph.initializer
        }

    def array(self, name: str) -> Array:
        array: Array = self.onnx.numpy_helper.to_array(self.tensors[name])
        return array

    def add_tensor(self, name: str, values: Array) -> str:
        self.tensors[name] = self.onnx.numpy_helper.from_array(values, name)
        return name

    def make(self, operator: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
        return self.onnx.helper.make_node(operator, inputs, [output], name=output, **attributes)

    def producer(self, name: str) -> onnx.NodeProto:
        return next(node for node in self.nodes if name in node.output)

    def rename(self, old: str, new: str) -> None:
        for node in self.nodes:
            node.input[:] = [new if name == old else name for name in node.input]

    def linears(self) -> dict[str, list[onnx.NodeProto]]:
        """Find products by a constant matrix, by the activation that they read; pooled rows stay fp32.

        So does a matrix that layers share: it would need the steps of several activations.
        """
        pooled = self.pooled()
        found: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            if node.op_type == "MatMul" and node.input[1] in self.tensors and node.input[0] not in pooled:
                weight = self.tensors[node.input[1]]
                if len(weight.dims) == 2 and weight.data_type == self.onnx.TensorProto.FLOAT:
                    found[node.input[0]].append(node)
        of = Counter(name for readers in found.values() for name in {node.input[1] for node in readers})
        kept = {source: [n for n in readers if of[n.input[1]] == 1] for source, readers in found.items()}
        return {source: readers for source, readers in kept.items() if readers}

    def pooled(self) -> set[str]:
        """Name what comes after the pooler's reduction to one row a text, the classifier included.

        It is little work, and nearest to the logits.
        """
        inferred = self.onnx.shape_inference.infer_shapes(self.model)
        return {
            value.name for value in inferred.graph.value_info if len(value.type.tensor_type.shape.dim) == 2
        }

    def replace_linears(self, source: str, readers: list[onnx.NodeProto], seen: _Seen) -> None:
        """Replace the products that read one activation; what was seen of it is used up."""
        low, high, moments, kept = seen.low, seen.high, seen.moments, np.concatenate(seen.kept)
        largest = np.maximum(np.maximum(-low, high), np.float32(1e-5))
        names = list(dict.fromkeys(node.input[1] for node in readers))
        read = [self.array(name) for name in names]
        ends = np.cumsum([weight.shape[1] for weight in read])
        weights = np.concatenate(read, axis=1)
        before: list[onnx.NodeProto] = []
        name, outliers = source, np.empty(0, np.int64)
        if weights.shape[1] > len(low):
            steepest = np.maximum(np.abs(weights).max(axis=1), 1e-5)
            # Powers of two are exact: weights on a grid stay on it.
            smooth = np.exp2(np.rint(np.log2(largest**SMOOTHING / steepest ** (1 - SMOOTHING))))
            smooth = smooth.astype(np.float32)
            weights *= smooth[:, None]
            moments /= np.outer(smooth, smooth)
            low, high, kept = low / smooth, high / smooth, kept / smooth
            name = f"{source}.smooth"
            factor = self.add_tensor(f"{source}.smoothing", 1 / smooth)
            before.append(self.make("Mul", [source, factor], name))
        else:
            outliers = _outliers(largest)
        beside = weights[outliers]
        for of_outliers in (low, high, weights, moments, moments.T, kept.T):
            of_outliers[outliers] = 0
        scale, zero = _steps(low, high, kept, np.square(weights).sum(axis=1))
        inputs = [
            self.add_tensor(f"{source}.scale", np.array(scale, np.float32)),
            self.add_tensor(f"{source}.zero", np.array(zero, np.uint8)),
        ]
        before.append(self.make("QuantizeLinear", [name, *inputs], f"{source}.uint8"))
        before.append(self.make("DequantizeLinear", [f"{source}.uint8", *inputs], f"{source}.rounded"))
        first = min(self.nodes.index(node) for node in readers)
        self.nodes[first:first] = before
        parts = (np.split(array, ends[:-1], axis=-1) for array in (*round_weights(weights, moments), beside))
        for name, rounded, scales, exact in zip(names, *parts, strict=True):
            self.add_tensor(f"{name}.int8", rounded)
            self.add_tensor(f"{name}.scale", scales)
            self.add_tensor(f"{name}.outliers", exact)
            del self.tensors[name]
        for node in readers:
            self.replace_linear(node, source, outliers)

    def replace_linear(self, node: onnx.NodeProto, source: str, outliers: Array) -> None:
        name, output = node.input[1], node.output[0]
        position = self.nodes.index(node)
        stored = [f"{name}.int8", f"{name}.scale"]
        nodes = [self.make("DequantizeLinear", stored, f"{name}.rounded", axis=1)]
        main = f"{output}.int8" if len(outliers) else output
        nodes.append(self.make("MatMul", [f"{source}.rounded", f"{name}.rounded"], main))
        if len(outliers):
            which = self.add_tensor(f"{name}.which", outliers)
            nodes += [
                self.make("Gather", [source, which], f"{output}.outliers", axis=-1),
                self.make("MatMul", [f"{output}.outliers", f"{name}.outliers"], f"{output}.beside"),
                self.make("Add", [main, f"{output}.beside"], output),
            ]
        self.nodes[position : position + 1] = nodes

    def replace_tables(self) -> None:
        """Store large embedding tables as int8 rows with a scale each; what is looked up becomes fp32."""
        for node in list(self.nodes):
            table = node.input[0] if node.op_type == "Gather" else ""
            tensor = self.tensors.get(table)
            if tensor is None or tensor.data_type != self.onnx.TensorProto.FLOAT or len(tensor.dims) != 2:
                continue
            if tensor.dims[0] < LARGE_TABLE or any(a.name == "axis" and a.i for a in node.attribute):
                continue
            values, scale = round_rows(self.array(table))
            stored = self.add_tensor(f"{table}.int8", values)
            scales = self.add_tensor(f"{table}.scale", scale[:, None])
            del self.tensors[table]
            ids, output = node.input[1], node.output[0]
            position = self.nodes.index(node)
            self.nodes[position : position + 1] = [
                self.make("Gather", [stored, ids], f"{output}.int8", axis=0),
                self.make("Cast", [f"{output}.int8"], f"{output}.int8_rows", to=self.onnx.TensorProto.FLOAT),
                self.make("Gather", [scales, ids], f"{output}.scales", axis=0),
                self.make("Mul", [f"{output}.int8_rows", f"{output}.scales"], output),
            ]

    def finish(self) -> onnx.ModelProto:
        used = {name for node in self.nodes for name in node.input}
        done = self.onnx.ModelProto()
        done.CopyFrom(self.model)
        for part in (done.graph.node, done.graph.initializer, done.graph.value_info):
            del part[:]
        done.graph.node.extend(self.nodes)
        done.graph.initializer.extend(tensor for name, tensor in self.tensors.items() if name in used)
        return done


def _outliers(largest: Array) -> Array:
    """Choose the channels that narrow the range of all others most, if they narrow it at all."""
    order = np.argsort(largest)[::-1]
    count = min(OUTLIERS, len(largest) - 1)
    if count < 1 or largest[order[0]] < NARROWER * largest[order[count]]:
        return np.empty(0, np.int64)
    return np.sort(order[:count]).astype(np.int64)


def _steps(low: Array, high: Array, rows: Array, importance: Array) -> tuple[float, int]:
    """Choose the size of an activation's 255 steps, and the number that 0 becomes.

    A few large values would coarsen the steps for all others. So both ends of the range are tried nearer to
    0, one after the other, and what rounds the rows with the least error is taken, channels weighed by what
    the weights make of them.
    """
    ends = [min(float(low.min()), 0.0), max(float(high.max()), 0.0)]

    def steps() -> tuple[float, int]:
        scale = max(ends[1] - ends[0], 1e-8) / 255
        return scale, round(-ends[0] / scale)

    def error() -> float:
        scale, zero = steps()
        rounded = (np.clip(np.rint(rows / scale) + zero, 0, 255) - zero) * scale
        return float((np.square(rows - rounded).sum(axis=0) * importance).sum())

    for end in (1, 0):
        whole, errors = ends[end], []
        for share in SHARES:
            ends[end] = whole * share
            errors.append(error())
        ends[end] = whole * SHARES[int(np.argmin(errors))]
    return steps()
