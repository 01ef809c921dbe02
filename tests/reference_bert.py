"""BERT in plain numpy, written from the paper, for one text at a time: what graphs are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from math import erf, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from rubriek.models.graph import BertConfig

Weights = Mapping[str, NDArray[np.float32]]

ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(erf)(x / sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
}


def softmax(x):
    shares = np.exp(x - x.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def logits(config: BertConfig, weights: Weights, ids: list[int]) -> NDArray[np.float64]:
    """Logits of one text, every row of every layer computed, in float64."""
    w = {name.removeprefix("bert."): values.astype(np.float64) for name, values in weights.items()}

    def linear(name, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + config.layer_norm_eps)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def heads(x):
        return x.reshape(len(ids), config.num_attention_heads, -1).transpose(1, 0, 2)

    hidden = w["embeddings.word_embeddings.weight"][ids]
    hidden = hidden + w["embeddings.position_embeddings.weight"][: len(ids)]
    hidden = norm("embeddings.LayerNorm", hidden + w["embeddings.token_type_embeddings.weight"][0])
    for layer in (f"encoder.layer.{number}" for number in range(config.num_hidden_layers)):
        query, key, value = (
            heads(linear(f"{layer}.attention.self.{part}", hidden)) for part in ("query", "key", "value")
        )
        shares = softmax(query @ key.transpose(0, 2, 1) / sqrt(query.shape[-1]))
        context = (shares @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        attended = linear(f"{layer}.attention.output.dense", context)
        attended = norm(f"{layer}.attention.output.LayerNorm", attended + hidden)
        inner = ACTIVATIONS[config.hidden_act](linear(f"{layer}.intermediate.dense", attended))
        outer = linear(f"{layer}.output.dense", inner)
        hidden = norm(f"{layer}.output.LayerNorm", outer + attended)
    return linear("classifier", np.tanh(linear("pooler.dense", hidden[0])))
