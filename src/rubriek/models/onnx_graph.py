"""What an ONNX graph asks for and gives, and what it computes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rubriek.engines import Stored
from rubriek.errors import ModelError, UnsupportedModelError, need
from rubriek.models import checks
from rubriek.models.onnx_bounds import check_bounds, graphs
from rubriek.models.tensors import DAMAGED, MAX_SHARING

if TYPE_CHECKING:
    import onnx

IDS = "input_ids"
MASK = "attention_mask"
TYPES = "token_type_ids"
LOGITS = "logits"

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
QUANTIZED = (
    "MatMulInteger",
    "ConvInteger",
    "QLinear",
    "DynamicQuantize",
    "MatMulNBits",
    "QAttention",
    "QGemm",
)
DEQUANTIZED = ("DequantizeLinear", "QuantizeLinear")
DYNAMIC = "export the model with dynamic axes for rows and pieces"


def read_graph(file: Path) -> tuple[onnx.ModelProto, tuple[Path, ...]]:
    """Read an ONNX model with its external data.

    Returns
    -------
    model : onnx.ModelProto
        With all tensors inside.
    files : tuple of Path
        The files that external tensors came from.

    Raises
    ------
    ModelError
        If it is damaged, or an external tensor lies outside the folder or outside its file.
    UnsupportedModelError
        If it uses operators of a domain that ONNX Runtime does not have by itself, or has loops.
    """
    onnx = need("onnx", extra="models", purpose="Reading an ONNX model")
    checks.refuse_stand_in(file, ModelError)
    try:
        model: Any = onnx.load_model(str(file), load_external_data=False)
    except Exception as error:  # protobuf's and onnx's own errors have no common base
        raise ModelError(
            f"{file} is no ONNX model, or is damaged.", found=str(error), hint=DAMAGED
        ) from error
    if not model.graph.node:
        raise ModelError(
            f"{file} is no ONNX model, or is damaged.", found="a graph without nodes", hint=DAMAGED
        )
    check_bounds(model, file)
    foreign = (
        {node.domain for node in nodes(model)} - set(DOMAINS) - {part.domain for part in model.functions}
    )
    if foreign:
        raise UnsupportedModelError(
            f"{file} uses operators that ONNX Runtime does not have.",
            expected=f"operators of {', '.join(filter(None, DOMAINS))}",
            found=", ".join(sorted(foreign)),
        )
    return model, _load_external(model, file)


def _load_external(model: onnx.ModelProto, file: Path) -> tuple[Path, ...]:
    """Read what lies outside the file. onnx's own reader refuses every link; here links are checked."""
    import onnx

    parts: list[tuple[Any, Path, int, int]] = []
    for tensor in tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entry = {item.key: item.value for item in tensor.external_data}
        place = checks.inside(file.parent, entry.get("location", ""), error=ModelError, where=str(file))
        if not place.is_file():
            raise ModelError(
                f"The weights of {file} are missing.", expected=f"a file {place.name} beside it", hint=DAMAGED
            )
        parts.append((tensor, place, *_part_of(place, tensor.name, entry)))
    _check_sharing(file, parts)
    for tensor, place, start, length in parts:
        try:
            with place.open("rb") as stream:
                stream.seek(start)
                tensor.raw_data = stream.read(length)
        except OSError as error:
            raise ModelError(f"The weights of {file} cannot be read.", found=str(error)) from error
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
    return tuple(sorted({place for _, place, _, _ in parts}))


def _check_sharing(file: Path, parts: Sequence[tuple[Any, Path, int, int]]) -> None:
    """Refuse tensors that ask for far more memory than there are bytes: any number may name the same ones."""
    held = sum(place.stat().st_size for place in {place.resolve() for _, place, _, _ in parts})
    asked = sum(length for _, _, _, length in parts)
    if asked > MAX_SHARING * held:
        raise ModelError(
            f"{file} has too many tensors that share their elements.",
            expected=f"at most {MAX_SHARING} times the {held:,} bytes of the files beside it",
            found=f"tensors of {asked:,} bytes",
            hint="export the model again",
        )


def _part_of(place: Path, tensor: str, entry: dict[str, str]) -> tuple[int, int]:
    """Return where a tensor begins in its file, and its length: up to the end, where none is stated."""
    size = place.stat().st_size
    numbers = [entry.get("offset", "0"), entry.get("length", "0")]
    if not all(number.isascii() and number.isdigit() and len(number) < 19 for number in numbers):
        raise ModelError(f"The tensor '{tensor}' lies nowhere.", found=checks.shown(numbers), hint=DAMAGED)
    start, length = map(int, numbers)
    if start + length > size:
        raise ModelError(
            f"{place} is truncated.",
            expected=f"at least {start + length:,} bytes, for the tensor '{tensor}'",
            found=f"{size:,} bytes",
            hint=DAMAGED,
        )
    return start, length if "length" in entry else size - start


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Walk over all nodes."""
    for graph in graphs(model):
        yield from graph.node


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Walk over all constant tensors."""
    for graph in graphs(model):
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)


def precision_of(model: onnx.ModelProto) -> Stored:
    """Tell what a graph computes in, by its operators.

    Raises
    ------
    UnsupportedModelError
        If it holds 16-bit floating-point weights, which CPUs compute slowly and not alike.
    """
    import onnx

    half = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    for tensor in tensors(model):
        if tensor.data_type in half and len(tensor.dims) > 1:
            raise UnsupportedModelError(
                "The model has 16-bit floating-point weights.",
                expected="32-bit weights, or quantized ones",
                found=f"{onnx.TensorProto.DataType.Name(tensor.data_type)} in the tensor '{tensor.name}'",
                hint="export it in fp32; bf16 and int8 can be had of that",
            )
    kinds = {node.op_type for node in nodes(model)}
    quantized = any(kind.startswith(QUANTIZED) or kind in DEQUANTIZED for kind in kinds)
    return "int8" if quantized else "fp32"


def use_inputs(model: onnx.ModelProto, file: Path) -> None:
    """Check the inputs, found by name, and turn ``token_type_ids`` into zeros inside the graph.

    Raises
    ------
    UnsupportedModelError
        If one is missing, unknown, of another type than whole numbers, or of a fixed size.
    """
    import onnx

    initial = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in initial}
    names = set(inputs)
    if not {IDS, MASK} <= names <= {IDS, MASK, TYPES}:
        raise UnsupportedModelError(
            f"{file} has other inputs than a BERT.",
            expected=f"{IDS}, {MASK}, perhaps {TYPES}",
            found=", ".join(sorted(names)) or "none",
            hint="without a mask the padding of a batch would count as text" if MASK not in names else None,
        )
    for name, value in inputs.items():
        kind = value.type.tensor_type
        if kind.elem_type not in (onnx.TensorProto.INT64, onnx.TensorProto.INT32):
            raise UnsupportedModelError(
                f"The input '{name}' of {file} is not of whole numbers.", expected="int64"
            )
        sizes = [size.dim_value for size in kind.shape.dim]
        if len(sizes) != 2 or any(sizes):
            raise UnsupportedModelError(
                f"The input '{name}' of {file} has a fixed size.",
                expected="[rows, pieces], both free",
                found=str([size or "free" for size in sizes]),
                hint=DYNAMIC,
            )
    if TYPES in inputs:
        _fold_types(model, inputs[TYPES].type.tensor_type.elem_type)


def _fold_types(model: onnx.ModelProto, kind: int) -> None:
    """Make token types out of the shape of the ids, all 0: a text to classify is the first of a pair."""
    from onnx import helper

    # A graph that was exported for Spark NLP has the input only because it is always fed.
    if any(TYPES in node.input for node in nodes(model)):
        shape = f"{TYPES}_shape"
        made = [
            helper.make_node("Shape", [IDS], [shape]),
            helper.make_node(
                "ConstantOfShape", [shape], [TYPES], value=helper.make_tensor("zero", kind, [1], [0])
            ),
        ]
        rest = list(model.graph.node)
        del model.graph.node[:]
        model.graph.node.extend([*made, *rest])
    kept = [value for value in model.graph.input if value.name != TYPES]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def logits_of(model: onnx.ModelProto, file: Path) -> None:
    """Find the logits among the outputs, by name or else by shape, and drop the others.

    Raises
    ------
    UnsupportedModelError
        If no output, or more than one, could be them.
    """
    import onnx

    outputs = {value.name: value for value in model.graph.output}
    fitting = [
        value
        for value in outputs.values()
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        and len(value.type.tensor_type.shape.dim) == 2
    ]
    named = [value for value in fitting if value.name == LOGITS] or fitting
    if len(named) != 1:
        raise UnsupportedModelError(
            f"{file} has no output that is surely the logits.",
            expected=f"a float32 output '{LOGITS}', or one of the shape [rows, labels]",
            found=", ".join(outputs) or "none",
        )
    kept = onnx.ValueInfoProto()
    kept.CopyFrom(named[0])
    del model.graph.output[:]
    model.graph.output.append(kept)


def vocabulary_size(model: onnx.ModelProto) -> int | None:
    """Count the rows of the table that the ids are looked up in; None where it is not found."""
    rows = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) == 2}
    ids = {IDS}
    for node in model.graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in ids:
            ids.add(node.output[0])
        if (
            node.op_type == "Gather"
            and len(node.input) == 2
            and node.input[1] in ids
            and node.input[0] in rows
        ):
            return int(rows[node.input[0]])
    return None


def position_count(model: onnx.ModelProto) -> int | None:
    """Count the rows of the table of positions, where exporting left its name."""
    for tensor in model.graph.initializer:
        if tensor.name.endswith("position_embeddings.weight") and len(tensor.dims) == 2:
            return int(tensor.dims[0])
    return None
