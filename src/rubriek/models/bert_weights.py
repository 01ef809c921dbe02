"""The tensors of a BERT classifier: their names through the years, and their shapes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rubriek.errors import RubriekWarning, UnsupportedModelError, WeightsError
from rubriek.models.config_file import RUNS
from rubriek.models.graph import BertConfig
from rubriek.models.tensors import StoredTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

BASE = ("embeddings.", "encoder.", "pooler.")
OWN_PARTS = ("bert", "classifier", *(part.rstrip(".") for part in BASE))
"""What a tensor's name begins with where nothing was put in front of it."""
OLD_ENDINGS = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
BUFFERS = (".position_ids", ".token_type_ids")


def todays_names(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Put tensors under the names that transformers uses today.

    A prefix that all tensors share is left out: ``module.`` of torch's parallel training, ``_orig_mod.`` of
    its compiler, ``model.`` of Lightning. ``gamma`` and ``beta`` of the first BERT become ``weight`` and
    ``bias``, an encoder that was saved without its prefix gets ``bert.``, and buffers that hold counting
    numbers only are left out.

    Raises
    ------
    WeightsError
        If two get the same name.
    """
    tensors = _without_shared_prefix(tensors)
    prefix = "" if any(name.startswith("bert.") for name in tensors) else "bert."
    named: dict[str, StoredTensor] = {}
    for old, tensor in tensors.items():
        name = prefix + old if old.startswith(BASE) else old
        for ending, today in OLD_ENDINGS.items():
            if name.endswith(ending):
                name = name.removesuffix(ending) + today
        if name.endswith(BUFFERS):
            continue
        if name in named:
            raise WeightsError(
                f"{tensor.file} has the tensor '{name}' twice.",
                expected="one of each",
                found=f"'{named[name].name}' and '{old}'",
            )
        named[name] = tensor
    return named


def _without_shared_prefix(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    start = 0
    for parts in zip(*(name.split(".")[:-1] for name in tensors), strict=False):
        if len(set(parts)) > 1 or parts[0] in OWN_PARTS:
            break
        start += len(parts[0]) + 1
    return {name[start:]: tensor for name, tensor in tensors.items()}


def count_outputs(tensors: dict[str, StoredTensor]) -> int:
    """Count the labels that the classifier has.

    Raises
    ------
    UnsupportedModelError
        If there is no classifier.
    WeightsError
        If its weight is no matrix.
    """
    weight = tensors.get("classifier.weight")
    if weight is None:
        raise UnsupportedModelError(
            "The weights have no classifier on top of the encoder.",
            expected=f"classifier.weight; {RUNS}",
            found=", ".join(sorted({name.split(".")[0] for name in tensors})[:10]) or "no tensors",
            hint="fine-tune the model as a text classifier first",
        )
    if len(weight.shape) != 2 or weight.shape[0] < 1:
        raise WeightsError(
            f"The tensor 'classifier.weight' in {weight.file} has a wrong shape.",
            expected="[labels, hidden_size]",
            found=str(list(weight.shape)),
        )
    return weight.shape[0]


def bert_weights(tensors: dict[str, StoredTensor], config: BertConfig) -> dict[str, NDArray[np.float32]]:
    """Read the tensors that the graph needs, each checked against config.json.

    Parameters
    ----------
    tensors : dict of str to StoredTensor
        Under today's names.
    config : BertConfig
        The sizes.

    Returns
    -------
    dict of str to ndarray of float32

    Raises
    ------
    WeightsError
        If one is missing, has another shape than config.json says, or belongs to a part that config.json does
        not know; each by name.
    """
    shapes = dict(expected_shapes(config))
    missing = [name for name in shapes if name not in tensors]
    if missing:
        raise WeightsError(
            f"The weights lack {len(missing)} of {len(shapes)} tensors that config.json asks for.",
            expected=missing[0],
            found=f"{len(tensors)} tensors",
            hint="compare num_hidden_layers in config.json, or save the model again",
        )
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.shape != shape:
            raise WeightsError(
                f"The tensor '{tensor.name}' in {tensor.file} contradicts config.json.",
                expected=str(list(shape)),
                found=str(list(tensor.shape)),
                hint="config.json and the weights are of different models; take both from one place",
            )
    _look_at_the_rest([name for name in tensors if name not in shapes])
    return {name: tensors[name].float32() for name in shapes}


def _look_at_the_rest(names: list[str]) -> None:
    unknown = [name for name in names if name.startswith(("bert.", "classifier."))]
    if unknown:
        raise WeightsError(
            "The weights have tensors that config.json does not know.",
            expected="the tensors of " + RUNS,
            found=", ".join(sorted(unknown)[:5]),
            hint="compare num_hidden_layers and position_embedding_type in config.json",
        )
    if names:
        warnings.warn(
            f"{len(names)} tensors of other heads are not used: {', '.join(sorted(names)[:5])}",
            RubriekWarning,
            stacklevel=3,
        )


def expected_shapes(config: BertConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name every tensor of the model, with its shape."""
    hidden, inner = config.hidden_size, config.intermediate_size
    for kind, rows in (
        ("word", config.vocab_size),
        ("position", config.max_position_embeddings),
        ("token_type", config.type_vocab_size),
    ):
        yield f"bert.embeddings.{kind}_embeddings.weight", (rows, hidden)
    yield from _norm("bert.embeddings", hidden)
    for layer in range(config.num_hidden_layers):
        place = f"bert.encoder.layer.{layer}"
        for kind in ("query", "key", "value"):
            yield from _linear(f"{place}.attention.self.{kind}", hidden, hidden)
        yield from _linear(f"{place}.attention.output.dense", hidden, hidden)
        yield from _norm(f"{place}.attention.output", hidden)
        yield from _linear(f"{place}.intermediate.dense", hidden, inner)
        yield from _linear(f"{place}.output.dense", inner, hidden)
        yield from _norm(f"{place}.output", hidden)
    yield from _linear("bert.pooler.dense", hidden, hidden)
    yield from _linear("classifier", hidden, config.num_labels)


def _linear(place: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{place}.weight", (outputs, inputs)
    yield f"{place}.bias", (outputs,)


def _norm(place: str, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{place}.LayerNorm.weight", (size,)
    yield f"{place}.LayerNorm.bias", (size,)
