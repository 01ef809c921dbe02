"""The weights of a Hugging Face folder, from whichever of its files has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rubriek.errors import WeightsError
from rubriek.models import checks
from rubriek.models.checks import Fields, listing
from rubriek.models.tensors import DAMAGED, StoredTensor
from rubriek.models.weights_pickle import read_torch
from rubriek.models.weights_safetensors import read_safetensors

MOST_SHARDS = 1000


class Weights(NamedTuple):
    """The tensors of a model, and the files that they lie in."""

    tensors: dict[str, StoredTensor]
    files: tuple[Path, ...]


class Format(NamedTuple):
    """A weight file's name, and what reads it; the index of one in parts ends in ``.index.json``."""

    name: str
    read: Callable[[Path], dict[str, StoredTensor]]


FORMATS = (Format("model.safetensors", read_safetensors), Format("pytorch_model.bin", read_torch))
"""In the order of preference."""


def read_weights(folder: Path) -> Weights:
    """Find the tensors of a Hugging Face folder.

    Looks for model.safetensors, model.safetensors.index.json, pytorch_model.bin and
    pytorch_model.bin.index.json, in this order.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    Weights
        Mapped, not read.

    Raises
    ------
    WeightsError
        If there is none, or one is truncated, damaged or unsafe, or a part lies outside the folder.
    """
    for name, read in FORMATS:
        if (folder / name).is_file():
            return Weights(read(folder / name), (folder / name,))
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _read_parts(index, read)
    raise WeightsError(
        f"{folder} has no weights.",
        expected=" or ".join(format_.name for format_ in FORMATS) + ", whole or in parts with an index",
        found=listing(folder),
        hint="save the model with model.save_pretrained(folder)",
    )


def has_weights(folder: Path) -> bool:
    """Tell whether a folder has weights that `read_weights` would look at."""
    return any((folder / f"{name}{end}").is_file() for name, _ in FORMATS for end in ("", ".index.json"))


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Name the files that `read_weights` reads, without reading them; none where there are none.

    Raises
    ------
    WeightsError
        If they are in parts and the index cannot be used.
    """
    for name, _ in FORMATS:
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return (folder / name,)
        if index.is_file():
            return (index, *_parts(index)[1].values())
    return ()


def _parts(index: Path) -> tuple[Fields, dict[str, Path]]:
    """Read an index: which part each tensor lies in, and where the parts are."""
    places = checks.read_object(index, error=WeightsError).fields("weight_map")
    names = _part_names(places)
    return places, {
        name: checks.inside(index.parent, name, error=WeightsError, where=str(index)) for name in names
    }


def _read_parts(index: Path, read: Callable[[Path], dict[str, StoredTensor]]) -> Weights:
    places, files = _parts(index)
    tensors: dict[str, StoredTensor] = {}
    for name, file in files.items():
        if not file.is_file():
            raise WeightsError(
                f"A part of the weights is missing: {name}.",
                expected=f"{len(files)} parts, as {index.name} says",
                found=listing(index.parent),
                hint=DAMAGED,
            )
        part = read(file)
        listed = {tensor for tensor, place in places.values.items() if place == name}
        if listed != set(part):
            odd = min(listed ^ set(part))
            raise WeightsError(
                f"{index} and {file.name} do not name the same tensors.",
                expected=f"'{odd}' in both or in neither",
                hint=DAMAGED,
            )
        tensors.update(part)
    return Weights(tensors, (index, *files.values()))


def _part_names(places: Fields) -> list[str]:
    for tensor in places.values:
        places.text(tensor, most=255)
    names = sorted(set(places.values.values()))
    if not 0 < len(names) <= MOST_SHARDS:
        raise WeightsError(
            f"{places.where} names no parts, or too many.",
            expected=f"1 to {MOST_SHARDS}",
            found=str(len(names)),
        )
    return names
