"""Tensors of the Open Inference Protocol (KServe v2), in JSON and in its binary extension.

Sources: the protocol's REST specification and "Binary Tensor Data Extension" on KServe's site. A BYTES
element is its length, 4 bytes little-endian, then its bytes; tensors follow the JSON part of a body in order.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.server.problems import invalid, too_large
from rubriek.server.requests import a_text, an_object, optional, some_texts

if TYPE_CHECKING:
    from rubriek.server.limits import Limits

LENGTH = struct.Struct("<I")
NUMBERS = {"FP32": np.dtype("<f4"), "INT32": np.dtype("<i4"), "BOOL": np.dtype("?")}
"""Datatypes of outputs other than BYTES, as they are in binary."""


def texts_of(tensor: object, rest: memoryview, limits: Limits) -> tuple[tuple[str | None, ...], int]:
    """Read a BYTES tensor.

    Parameters
    ----------
    tensor : object
        An element of the request's ``inputs``, unchecked.
    rest : memoryview
        What follows in the binary part of the body.
    limits : Limits
        How much is read.

    Returns
    -------
    texts : tuple of str
    used : int
        Bytes of the binary part that belong to it.

    Raises
    ------
    Problem
        If it is no tensor of texts.
    """
    given = an_object(tensor, "inputs[0]", ("name", "shape", "datatype", "parameters", "data"))
    datatype = optional(given, "datatype", str)
    if datatype != "BYTES":
        raise invalid(
            "The input is of a datatype that holds no texts.",
            expected="BYTES",
            found=repr((datatype or "")[:50]),
        )
    count = _count(given.get("shape"), limits)
    parameters = optional(given, "parameters", dict) or {}
    size = parameters.get("binary_data_size")
    if size is None:
        texts = some_texts(_flat(given.get("data")), "inputs[0].data", limits)
        used = 0
    else:
        texts, used = _binary(size, rest, limits)
    if len(texts) != count:
        raise invalid(
            "The shape of the input does not fit its data.",
            expected=f"{count} elements, as the shape says",
            found=str(len(texts)),
        )
    for place, text in enumerate(texts):
        a_text(text, f"inputs[0].data[{place}]", limits)
    return texts, used


def _count(shape: object, limits: Limits) -> int:
    if (
        not isinstance(shape, list)
        or not all(type(size) is int and size >= 0 for size in shape)
        or not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1))
    ):
        raise invalid(
            "The shape of the input is not known.", expected="[texts] or [texts, 1]", found=repr(shape)[:50]
        )
    count = math.prod(shape)
    if count > limits.texts:
        raise too_large(
            "These are too many texts for one request.",
            expected=f"at most {limits.texts}",
            found=str(count)[:50],
        )
    return count


def _flat(data: object) -> object:
    if not isinstance(data, list):
        return data
    return [item[0] if isinstance(item, list) and len(item) == 1 else item for item in data]


def _binary(size: object, rest: memoryview, limits: Limits) -> tuple[tuple[str | None, ...], int]:
    if type(size) is not int or not 0 <= size <= len(rest):
        raise invalid(
            "'binary_data_size' does not fit the body.",
            expected=f"a whole number of at most the {len(rest)} bytes after the JSON",
            found=repr(size)[:50],
        )
    texts: list[str] = []
    at = 0
    while at < size:
        if at + LENGTH.size > size:
            raise _cut_off(len(texts))
        (length,) = LENGTH.unpack_from(rest, at)
        at += LENGTH.size
        if at + length > size:
            raise _cut_off(len(texts))
        try:
            texts.append(str(rest[at : at + length], "utf-8"))
        except UnicodeDecodeError as error:
            raise invalid(f"Element {len(texts)} of the input is not UTF-8.", found=error.reason) from error
        at += length
        if len(texts) > limits.texts:
            raise too_large("These are too many texts for one request.", expected=f"at most {limits.texts}")
    return tuple(texts), size


def _cut_off(place: int) -> Exception:
    return invalid(
        f"Element {place} of the binary input is cut off.",
        expected="4 bytes of length, then as many bytes, for each element",
    )


def output(
    name: str, datatype: str, shape: Sequence[int], values: Any, *, binary: bool
) -> tuple[dict[str, Any], bytes]:
    """Write a tensor.

    Parameters
    ----------
    name, datatype, shape
        As in the protocol.
    values : sequence
        Its elements, flat.
    binary : bool
        Whether they go into the binary part.

    Returns
    -------
    tensor : dict
        An element of the response's ``outputs``.
    data : bytes
        Its binary part; empty for JSON.
    """
    tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(shape)}
    if not binary:
        return {**tensor, "data": list(values)}, b""
    if datatype == "BYTES":
        encoded = [value.encode() for value in values]
        data = b"".join(LENGTH.pack(len(value)) + value for value in encoded)
    else:
        data = np.asarray(values, NUMBERS[datatype]).tobytes()
    return {**tensor, "parameters": {"binary_data_size": len(data)}}, data
