"""Builds the ONNX graph of a BERT sequence classifier from its weights, without torch.

The graph computes what `BertForSequenceClassification` of Hugging Face transformers computes with dropout off
and token types 0, and leaves out what cannot be seen in the logits: the last layer runs its query, attention
output and feed-forward network for the [CLS] row only, since the pooler reads nothing else.

It keeps to the standard operators. ONNX Runtime's own fused ones (MultiHeadAttention, Attention,
SkipLayerNormalization, one product for query, key and value) were measured and are no quicker on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.errors import UnsupportedModelError, need

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx
    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

# Gelu is a standard operator from opset 20 on; the IR version is the lowest that allows it.
OPSET = 20
IR_VERSION = 9

# What masked positions get added to their attention score; exp() of it is exactly 0 in fp32.
MASKED = -10_000.0

ACTIVATIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "gelu": ("Gelu", {"approximate": "none"}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}


@dataclass(frozen=True)
class BertConfig:
    """The part of a Hugging Face config.json that shapes the graph, under the names used there.

    Examples
    --------
    >>> BertConfig(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
    ...            vocab_size=4000, max_position_embeddings=256, num_labels=9).head_size
    64
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    num_labels: int
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    hidden_act: str = "gelu"

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads


def build_bert_classifier(config: BertConfig, weights: Weights) -> onnx.ModelProto:
    """Build the graph of a BERT sequence classifier.

    Parameters
    ----------
    config : BertConfig
        Sizes and activation of the model.
    weights : mapping of str to ndarray of float32
        The tensors under their Hugging Face names (``bert.embeddings.word_embeddings.weight`` ...
        ``classifier.bias``), linear weights as (out, in). Names and shapes are expected to be right.

    Returns
    -------
    onnx.ModelProto
        Inputs ``input_ids`` and ``attention_mask``, int32 (rows, pieces), pieces at most
        ``max_position_embeddings``; output ``logits``, float32 (rows, labels).

    Raises
    ------
    UnsupportedModelError
        If the activation is not one of `ACTIVATIONS` or the heads do not divide the hidden size.
    MissingExtraError
        If the package ``onnx`` is not installed.
    """
    if config.hidden_act not in ACTIVATIONS:
        raise UnsupportedModelError(
            "The model's activation function is not supported.",
            expected=", ".join(ACTIVATIONS),
            found=f"hidden_act = {config.hidden_act!r}",
        )
    if config.hidden_size % config.num_attention_heads:
        raise UnsupportedModelError(
            "The attention heads do not divide the hidden size.",
            expected="hidden_size to be a multiple of num_attention_heads",
            found=f"hidden_size = {config.hidden_size}, num_attention_heads = {config.num_attention_heads}",
        )
    graph = _Graph(config, weights)
    hidden, masked = graph.embeddings(), graph.mask()
    for layer in range(config.num_hidden_layers):
        hidden = graph.layer(layer, hidden, masked)
    return graph.model(graph.head(hidden))


@dataclass
class _Graph:
    """Nodes and tensors in the making; every method adds some and returns the name of its result."""

    config: BertConfig
    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)
    onnx: Any = field(
        default_factory=lambda: need("onnx", extra="models", purpose="Building a model's graph")
    )

    def node(self, operator: str, name: str, *inputs: str, **attributes: object) -> str:
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def tensor(self, name: str, values: NDArray[Any]) -> str:
        if name not in self.tensors:
            self.tensors[name] = self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def integers(self, *values: int) -> str:
        return self.tensor("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def linear(self, name: str, source: str, *weight_names: str, scale: float = 1.0) -> str:
        """One GEMM for one or several linear layers that read the same input."""
        weight = np.concatenate([self.weights[f"{w}.weight"] for w in weight_names]).T * np.float32(scale)
        bias = np.concatenate([self.weights[f"{w}.bias"] for w in weight_names]) * np.float32(scale)
        product = self.node("MatMul", f"{name}.matmul", source, self.tensor(f"{name}.weight", weight))
        return self.node("Add", name, product, self.tensor(f"{name}.bias", bias))

    def norm(self, name: str, source: str) -> str:
        scale = self.tensor(f"{name}.weight", self.weights[f"{name}.weight"])
        bias = self.tensor(f"{name}.bias", self.weights[f"{name}.bias"])
        epsilon = self.config.layer_norm_eps
        return self.node("LayerNormalization", name, source, scale, bias, axis=-1, epsilon=epsilon)

    def embeddings(self) -> str:
        prefix = "bert.embeddings"
        words = self.tensor("words", self.weights[f"{prefix}.word_embeddings.weight"])
        # Token type 0 everywhere: its row is added to every position once and for all.
        positions = self.tensor(
            "positions",
            self.weights[f"{prefix}.position_embeddings.weight"]
            + self.weights[f"{prefix}.token_type_embeddings.weight"][0],
        )
        pieces = self.node("Shape", "pieces", "input_ids", start=1, end=2)
        zero = self.integers(0)
        rows = self.node("Slice", "position_rows", positions, zero, pieces, zero)
        words = self.node("Gather", "word_rows", words, "input_ids", axis=0)
        return self.norm(f"{prefix}.LayerNorm", self.node("Add", "embeddings", words, rows))

    def mask(self) -> str:
        """0 for real pieces, MASKED for padding, broadcast over heads and queries."""
        mask = self.node("Cast", "mask_float", "attention_mask", to=self.onnx.TensorProto.FLOAT)
        mask = self.node("Sub", "mask_inverse", self.tensor("one", np.ones(1, np.float32)), mask)
        mask = self.node("Mul", "mask_score", mask, self.tensor("masked", np.full(1, MASKED, np.float32)))
        return self.node("Unsqueeze", "mask", mask, self.integers(1, 2))

    def layer(self, number: int, source: str, mask: str) -> str:
        prefix = f"bert.encoder.layer.{number}"
        names = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
        # Scaled into the query's weights: scores need no division of their own.
        scale = self.config.head_size**-0.5
        if number == self.config.num_hidden_layers - 1:
            queries = self.node("Slice", "cls", source, *map(self.integers, (0, 1, 1)))
        else:
            queries = source
        query = self.heads(self.linear(names[0], queries, names[0], scale=scale), 0, 2, 1, 3)
        key = self.heads(self.linear(names[1], source, names[1]), 0, 2, 3, 1)
        value = self.heads(self.linear(names[2], source, names[2]), 0, 2, 1, 3)
        scores = self.node("MatMul", f"{prefix}.scores", query, key)
        scores = self.node("Add", f"{prefix}.masked_scores", scores, mask)
        shares = self.node("Softmax", f"{prefix}.shares", scores, axis=-1)
        context = self.node("MatMul", f"{prefix}.heads_context", shares, value)
        context = self.node("Transpose", f"{prefix}.rows_context", context, perm=[0, 2, 1, 3])
        context = self.node("Reshape", f"{prefix}.context", context, self.integers(0, 0, -1))
        name = f"{prefix}.attention.output"
        attended = self.node(
            "Add", f"{name}.sum", self.linear(f"{name}.dense", context, f"{name}.dense"), queries
        )
        attended = self.norm(f"{name}.LayerNorm", attended)
        operator, attributes = ACTIVATIONS[self.config.hidden_act]
        inner = self.linear(f"{prefix}.intermediate", attended, f"{prefix}.intermediate.dense")
        inner = self.node(operator, f"{prefix}.activation", inner, **attributes)
        outer = self.linear(f"{prefix}.output.dense", inner, f"{prefix}.output.dense")
        return self.norm(f"{prefix}.output.LayerNorm", self.node("Add", f"{prefix}.sum", outer, attended))

    def heads(self, source: str, *order: int) -> str:
        shape = self.integers(0, 0, self.config.num_attention_heads, self.config.head_size)
        split = self.node("Reshape", f"{source}.split", source, shape)
        return self.node("Transpose", f"{source}.heads", split, perm=list(order))

    def head(self, hidden: str) -> str:
        """Pooler and classifier over [CLS], which is all that the last layer left."""
        cls = self.node("Squeeze", "last_cls", hidden, self.integers(1))
        pooled = self.node("Tanh", "pooled", self.linear("pooler", cls, "bert.pooler.dense"))
        return self.linear("logits", pooled, "classifier")

    def model(self, logits: str) -> onnx.ModelProto:
        helper, types = self.onnx.helper, self.onnx.TensorProto
        ids, mask = (
            helper.make_tensor_value_info(name, types.INT32, ["rows", "pieces"])
            for name in ("input_ids", "attention_mask")
        )
        output = helper.make_tensor_value_info(logits, types.FLOAT, ["rows", self.config.num_labels])
        graph = helper.make_graph(
            self.nodes, "bert_classifier", [ids, mask], [output], list(self.tensors.values())
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="rubriek")
