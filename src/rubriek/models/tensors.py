"""A tensor in a weight file: seen, checked, and read only when asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from rubriek.errors import WeightsError
from rubriek.models import checks

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
OTHERS = {
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2"},
    **{"U8": "|u1", "BOOL": "|u1", "F8_E4M3": "|u1", "F8_E5M2": "|u1"},
}
DTYPES = {name: np.dtype(code) for name, code in (FLOATS | OTHERS).items()}
"""Element types under their safetensors names; BF16 is the upper half of a float32, held as whole numbers."""

DAMAGED = "fetch or copy the file again"

MAX_DIMENSIONS = 8
MAX_ELEMENTS = 2**48
MAX_SHARING = 4
"""Bytes of all tensors for each byte of the file. In some models two or three share the table of words; where
more do, a small file asks for any amount of memory."""


def is_shape(value: object) -> TypeGuard[Sequence[int]]:
    """Tell whether a value is a shape that an array can have.

    Sizes are multiplied up with 1 in place of 0: numpy refuses an empty array, too, if its other sizes are
    too large together.
    """
    if not isinstance(value, list | tuple) or len(value) > MAX_DIMENSIONS:
        return False
    whole = all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in value)
    return whole and math.prod(size or 1 for size in value) <= MAX_ELEMENTS


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that lies in a file.

    Attributes
    ----------
    name : str
        Its name in the file.
    dtype : str
        A key of `DTYPES`.
    array : ndarray
        Its elements, mapped into memory and not read yet.
    file : Path
        Where it lies.
    """

    name: str
    dtype: str
    array: NDArray[Any]
    file: Path

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.array.shape

    def float32(self) -> NDArray[np.float32]:
        """Read it as float32.

        Returns
        -------
        ndarray of float32
            Contiguous; still mapped, not copied, where the file holds float32.

        Raises
        ------
        WeightsError
            If it holds no floating-point numbers, or some that are not finite.
        """
        if self.dtype not in FLOATS:
            raise WeightsError(
                f"The tensor '{self.name}' in {self.file} holds no floating-point numbers.",
                expected=", ".join(FLOATS),
                found=self.dtype,
            )
        if self.dtype == "BF16":
            values = (self.array.astype(np.uint32) << 16).view(np.float32)
        else:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused below
                values = np.ascontiguousarray(self.array, dtype=np.float32)
        if not np.isfinite(values).all():
            raise WeightsError(
                f"The tensor '{self.name}' in {self.file} is damaged, or its training failed.",
                expected="finite numbers",
                found="NaN or infinity",
                hint=DAMAGED,
            )
        return values.reshape(self.shape)


def map_file(file: Path) -> NDArray[np.uint8]:
    """Map a weight file into memory, read-only.

    Raises
    ------
    WeightsError
        If it cannot be read or is empty.
    """
    try:
        if file.stat().st_size == 0:
            raise WeightsError(f"{file} is empty.", expected="weights", hint=DAMAGED)
        checks.refuse_stand_in(file, WeightsError)
        return np.memmap(file, dtype=np.uint8, mode="r")
    except OSError as error:
        raise WeightsError(f"{file} cannot be read.", found=error.strerror or str(error)) from error
