"""The safetensors format: an 8-byte length, a JSON header, and one buffer without holes.

Written from the format's description in the README of huggingface/safetensors. The whole format is
below, and smaller than a dependency.
"""

from __future__ import annotations

import math
from pathlib import Path

from rubriek.errors import WeightsError
from rubriek.models import checks
from rubriek.models.checks import Fields
from rubriek.models.tensors import (
    DAMAGED,
    DTYPES,
    MAX_DIMENSIONS,
    MAX_ELEMENTS,
    StoredTensor,
    is_shape,
    map_file,
)

MAX_HEADER = 16 * 2**20
"""Bytes of the header. The format allows 100 million, which take a minute and gigabytes to parse; a model of
ten thousand tensors needs one million."""


def read_safetensors(file: Path) -> dict[str, StoredTensor]:
    """Find the tensors of a safetensors file.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    dict of str to StoredTensor
        Mapped, not read.

    Raises
    ------
    WeightsError
        If the file is truncated, or its header is no header, or contradicts the file's size or itself.
    """
    data = map_file(file)
    length = int.from_bytes(data[:8].tobytes(), "little")
    if length > min(MAX_HEADER, len(data) - 8):
        raise WeightsError(
            f"{file} is truncated, or no safetensors file.",
            expected=f"a header of at most {max(min(MAX_HEADER, len(data) - 8), 0):,} bytes",
            found=f"{length:,} bytes",
            hint=DAMAGED,
        )
    header = checks.parse_object(data[8 : 8 + length].tobytes(), f"The header of {file}", WeightsError)
    header.pop("__metadata__", None)
    fields = Fields(header, f"The header of {file}", WeightsError)
    buffer = data[8 + length :]
    tensors: dict[str, StoredTensor] = {}
    end = 0
    for name, start, stop, tensor in sorted(
        (_entry(fields, name) for name in header), key=lambda item: item[1:3]
    ):
        if start != end:
            raise WeightsError(
                f"The header of {file} contradicts itself: tensors overlap or leave a hole.",
                expected=f"'{name}' to start at byte {end:,}",
                found=f"{start:,}",
                hint=DAMAGED,
            )
        end = stop
        if stop <= len(buffer):
            dtype, shape = tensor
            array = buffer[start:stop].view(DTYPES[dtype]).reshape(shape)
            tensors[name] = StoredTensor(name, dtype, array, file)
    if end != len(buffer):
        raise WeightsError(
            f"{file} is not as long as its header says.",
            expected=f"{8 + length + end:,} bytes",
            found=f"{len(data):,} bytes",
            hint=DAMAGED,
        )
    return tensors


def _entry(header: Fields, name: str) -> tuple[str, int, int, tuple[str, tuple[int, ...]]]:
    fields = header.fields(name)
    dtype = fields.text("dtype", choices=tuple(DTYPES))
    shape = fields.values.get("shape")
    if not is_shape(shape):
        raise fields.wrong(
            "shape", f"at most {MAX_DIMENSIONS} whole numbers, for at most {MAX_ELEMENTS:,} elements"
        )
    size = math.prod(shape) * DTYPES[dtype].itemsize
    match fields.values.get("data_offsets"):
        case [int(start), int(stop)] if 0 <= start <= stop and stop - start == size:
            return name, start, stop, (dtype, tuple(shape))
    raise fields.wrong("data_offsets", f"two offsets that lie {size:,} bytes apart, as dtype and shape say")
