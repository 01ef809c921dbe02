"""Read Hugging Face weights back out of a bundle, so that the peers can run the built-in model.

The built-in model is in the repository as int8 alone. What its numbers stand for in fp32 is a model like any
other, with the same labels almost everywhere, and costs the peers what any model of that size costs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from rubriek.models.bundle import Bundle
from rubriek.models.quantization import dequantize_graph

Array = NDArray[np.float32]


def huggingface(bundle: Bundle) -> tuple[dict[str, Any], dict[str, Array]]:
    """The config.json and the weights of an int8 bundle that rubriek made, in fp32."""
    if bundle.encoder is None:
        raise ValueError(f"{bundle.name} does not record its sizes")
    encoder = bundle.encoder
    config = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": encoder["hidden_size"],
        "num_hidden_layers": encoder["layers"],
        "num_attention_heads": encoder["heads"],
        "intermediate_size": encoder["intermediate_size"],
        "vocab_size": encoder["vocab_size"],
        "max_position_embeddings": encoder["max_positions"],
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": bundle.pad_id,
        "problem_type": bundle.problem_type,
        "id2label": {str(i): label for i, label in enumerate(bundle.labels)},
        "label2id": {label: i for i, label in enumerate(bundle.labels)},
    }
    graph = _Graph(dequantize_graph(onnx.load(bundle.model_file)))
    return config, graph.weights(encoder["layers"], encoder["heads"])


class _Graph:
    """The fp32 graph that rubriek builds (`rubriek.models.graph`), read backwards."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.producers = {output: node for node in model.graph.node for output in node.output}

    def weights(self, layers: int, heads: int) -> dict[str, Array]:
        embeddings = "bert.embeddings"
        words = self.producers["word_rows"].input[0]
        positions = self.tensors["positions"]
        found = {
            f"{embeddings}.word_embeddings.weight": self.tensors[words],
            # The graph has token type 0 added to the positions already.
            f"{embeddings}.position_embeddings.weight": positions,
            f"{embeddings}.token_type_embeddings.weight": np.zeros((2, positions.shape[1]), np.float32),
            **self.norm(f"{embeddings}.LayerNorm"),
            **self.linear("pooler", "bert.pooler.dense"),
            **self.linear("logits", "classifier"),
        }
        for layer in range(layers):
            prefix = f"bert.encoder.layer.{layer}"
            query = self.linear(f"{prefix}.attention.self.query")
            # The graph has the division by the square root of the head's size in the query.
            root = np.float32((positions.shape[1] // heads) ** 0.5)
            found |= {name: value * root for name, value in query.items()}
            for part in (
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "output.dense",
            ):
                found |= self.linear(f"{prefix}.{part}")
            found |= self.linear(f"{prefix}.intermediate", f"{prefix}.intermediate.dense")
            found |= self.norm(f"{prefix}.attention.output.LayerNorm")
            found |= self.norm(f"{prefix}.output.LayerNorm")
        return found

    def norm(self, name: str) -> dict[str, Array]:
        return {key: self.tensors[key] for key in (f"{name}.weight", f"{name}.bias")}

    def linear(self, name: str, called: str | None = None) -> dict[str, Array]:
        weight = self.weight(self.producers[f"{name}.matmul"])
        return {f"{called or name}.weight": weight.T, f"{called or name}.bias": self.tensors[f"{name}.bias"]}

    def weight(self, node: onnx.NodeProto) -> Array:
        """The whole weight of a product: with the smoothing before it, and the channels beside it."""
        if node.op_type == "Add":
            main, beside = (self.producers[name] for name in node.input)
            weight = self.weight(main).copy()
            weight[self.tensors[self.producers[beside.input[0]].input[1]]] = self.tensors[beside.input[1]]
            return weight
        weight = self.tensors[node.input[1]]
        before = self.producers.get(node.input[0])
        if before is not None and before.op_type == "Mul" and before.input[1].endswith(".smoothing"):
            return self.tensors[before.input[1]][:, None] * weight
        return weight
