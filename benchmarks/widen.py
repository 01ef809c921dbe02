"""A model of BERT-base size that computes what a model of half its width computes.

Speed does not depend on the values of the weights, agreement does: with random weights every text gives
nearly the same logits, and labels change at the slightest rounding. So each layer of a trained 384-wide
model is doubled (Net2WiderNet, Chen et al. 2015, arXiv:1511.05641): every activation stands there twice,
and each weight that reads the two copies is halved. The result is dense, 768 wide, and gives the small
model's logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def widened_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the model twice as wide, with as many heads of twice the size."""
    doubled = {name: 2 * config[name] for name in ("hidden_size", "intermediate_size")}
    return {**config, **doubled}


def widen(weights: Mapping[str, Array], heads: int) -> dict[str, Array]:
    """Double the width of BertForSequenceClassification's weights without changing its logits.

    Queries and keys are scaled too: a product over twice as many numbers, divided by the square root of twice
    the size, would be the square root of two times too large.
    """
    return {name: _rule(name, heads)(np.asarray(weight, np.float32)) for name, weight in weights.items()}


def _rule(name: str, heads: int) -> Callable[[Array], Array]:
    bias = name.endswith("bias")
    if "embeddings." in name and "LayerNorm" not in name:
        return lambda weight: np.concatenate([weight, weight], axis=1)
    if "LayerNorm" in name:
        return lambda weight: np.concatenate([weight, weight])
    if "attention.self." in name:
        scale = np.float32(1.0 if ".value." in name else 2**-0.25)
        return lambda weight: scale * _per_head(weight if bias else _halved(weight), heads)
    if "attention.output.dense.weight" in name:
        return lambda weight: _twice(_per_head(weight.T, heads).T / 2)
    if name == "classifier.weight":
        return _halved
    if name == "classifier.bias":
        return lambda weight: weight
    return _twice if bias else lambda weight: _twice(_halved(weight))


def _twice(weight: Array) -> Array:
    return np.concatenate([weight, weight])


def _halved(weight: Array) -> Array:
    return np.concatenate([weight, weight], axis=1) / 2


def _per_head(weight: Array, heads: int) -> Array:
    """Repeat each head's rows right after themselves, so that a head of the wide model holds both copies."""
    parts = np.split(weight, heads)
    return np.concatenate([part for part in parts for _ in range(2)])
