"""pytorch_model.bin in its two forms: the zip file of torch 1.6 and later, and the older run of pickles."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.errors import WeightsError
from rubriek.models.tensor_pickle import Storage, TensorPickle, View
from rubriek.models.tensors import DAMAGED, DTYPES, MAX_SHARING, StoredTensor, map_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

PICKLE_LIMIT = 64 * 2**20
"""Bytes of the pickles, storages left out; a BERT's take some ten thousand."""

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


def read_torch(file: Path) -> dict[str, StoredTensor]:
    """Find the tensors of a file that ``torch.save`` wrote from a dictionary of tensors.

    Parameters
    ----------
    file : Path
        A pytorch_model.bin.

    Returns
    -------
    dict of str to StoredTensor
        Mapped, not read.

    Raises
    ------
    WeightsError
        If the file is truncated or damaged, or holds anything but tensors.
    """
    data = map_file(file)
    if data[:4].tobytes() == b"PK\x03\x04":
        value, storages = _read_zip(file, data)
    else:
        value, storages = _read_legacy(file, data)
    if not isinstance(value, dict):
        raise _not_tensors(file, type(value).__name__)
    tensors: dict[str, StoredTensor] = {}
    for name, view in value.items():
        if not isinstance(name, str) or not isinstance(view, View):
            raise _not_tensors(file, f"{type(view).__name__} under {name!r}")
        array = _strided(view, storages[view.storage.key])
        tensors[name] = StoredTensor(name, view.storage.dtype, array, file)
    _check_sharing(file, len(data), tensors)
    return tensors


def _check_sharing(file: Path, size: int, tensors: Mapping[str, StoredTensor]) -> None:
    """Refuse a file that asks for far more memory than it has bytes: tensors and zip entries may overlap."""
    seen = sum(tensor.array.nbytes for tensor in tensors.values())
    if seen > MAX_SHARING * size:
        raise WeightsError(
            f"{file} has too many tensors that share their elements.",
            expected=f"at most {MAX_SHARING} times the {size:,} bytes of the file",
            found=f"tensors of {seen:,} bytes",
            hint="save the model with model.save_pretrained(folder)",
        )


def _not_tensors(file: Path, found: str) -> WeightsError:
    return WeightsError(
        f"{file} is not a plain dictionary of tensors.",
        expected="tensors under their names, as save_pretrained writes them",
        found=found,
        hint="save the model with model.save_pretrained(folder)",
    )


def _strided(view: View, elements: Bytes) -> NDArray[Any]:
    typed = elements.view(DTYPES[view.storage.dtype])
    steps = tuple(step * typed.itemsize for step in view.strides)
    # The machine has checked that offset, shape and strides stay inside the storage.
    return np.lib.stride_tricks.as_strided(typed[view.offset :], view.shape, steps, writeable=False)


def _storages_of(file: Path, value: object) -> dict[str, Storage]:
    """Collect the storages that the tensors of a state dictionary lie in."""
    views = value.values() if isinstance(value, dict) else ()
    storages: dict[str, Storage] = {}
    for view in views:
        # The bounds of each view were checked against what it says of its storage, so all must say the same.
        if isinstance(view, View) and storages.setdefault(view.storage.key, view.storage) != view.storage:
            raise WeightsError(
                f"{file} is damaged: it contradicts itself about the storage '{view.storage.key}'.",
                hint=DAMAGED,
            )
    return storages


def _check_size(file: Path, storage: Storage, found: int) -> None:
    expected = storage.elements * DTYPES[storage.dtype].itemsize
    if found != expected:
        raise WeightsError(
            f"{file} is damaged: the storage '{storage.key}' is not as long as its tensors say.",
            expected=f"{expected:,} bytes",
            found=f"{found:,} bytes",
            hint=DAMAGED,
        )


def _read_zip(file: Path, data: Bytes) -> tuple[object, Mapping[str, Bytes]]:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise WeightsError(f"{file} is truncated or damaged.", found=str(error), hint=DAMAGED) from error
    roots = [
        name.removesuffix("data.pkl")
        for name in entries
        if name.count("/") == 1 and name.endswith("/data.pkl")
    ]
    if len(roots) != 1:
        raise WeightsError(
            f"{file} is a zip file, but not of torch.save.",
            expected="one entry NAME/data.pkl",
            found=f"{len(roots)} of them",
            hint="save the model with model.save_pretrained(folder)",
        )
    root = roots[0]
    order = entries.get(root + "byteorder")
    if order is not None and _content(file, data, order).tobytes() != b"little":
        raise WeightsError(f"{file} was written on a big-endian machine.", expected="little-endian numbers")
    program = _content(file, data, entries[root + "data.pkl"])
    if len(program) > PICKLE_LIMIT:
        raise WeightsError(f"The pickle in {file} is too large.", expected=f"at most {PICKLE_LIMIT:,} bytes")
    value = TensorPickle(program.tobytes(), file).load()
    storages: dict[str, Bytes] = {}
    for key, storage in _storages_of(file, value).items():
        entry = entries.get(f"{root}data/{key}")
        if entry is None:
            raise WeightsError(f"{file} is damaged.", expected=f"an entry {root}data/{key}", hint=DAMAGED)
        _check_size(file, storage, entry.file_size)
        storages[key] = _content(file, data, entry)
    return value, storages


def _content(file: Path, data: Bytes, entry: zipfile.ZipInfo) -> Bytes:
    """Map an entry's bytes.

    torch.save never compresses, so entries that are compressed are refused: a few bytes of those can ask for
    any amount of memory.
    """
    if (
        entry.compress_type != zipfile.ZIP_STORED
        or entry.file_size != entry.compress_size
        or entry.flag_bits & 1
    ):
        raise WeightsError(
            f"{file} has a compressed or encrypted entry, '{entry.filename}'.",
            expected="entries stored as they are, as torch.save writes them",
            hint="save the model with model.save_pretrained(folder)",
        )
    # The local header repeats the name and has a padding of its own (APPNOTE.TXT, 4.3.7).
    header = data[entry.header_offset : entry.header_offset + 30].tobytes()
    start = (
        entry.header_offset
        + 30
        + int.from_bytes(header[26:28], "little")
        + int.from_bytes(header[28:30], "little")
    )
    content = data[start : start + entry.file_size]
    if (
        header[:4] != b"PK\x03\x04"
        or len(content) != entry.file_size
        or zlib.crc32(content.data) != entry.CRC
    ):
        raise WeightsError(
            f"{file} is damaged: the entry '{entry.filename}' is not what its checksum says.", hint=DAMAGED
        )
    return content


def _read_legacy(file: Path, data: Bytes) -> tuple[object, Mapping[str, Bytes]]:
    """Read the older form: pickles of magic number, protocol, machine, tensors, keys; then each storage."""
    machine = TensorPickle(data[:PICKLE_LIMIT].tobytes(), file)
    if data[0] != 0x80 or machine.load() != MAGIC_NUMBER:
        raise WeightsError(
            f"{file} was not written by torch.save, or is damaged.",
            expected="a zip file, or the magic number of torch.save",
            found=data[:8].tobytes().hex(" "),
            hint=DAMAGED,
        )
    if machine.load() != LEGACY_PROTOCOL:
        raise WeightsError(f"{file} has an unknown protocol.", expected=str(LEGACY_PROTOCOL))
    system = machine.load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise WeightsError(f"{file} was written on a big-endian machine.", expected="little-endian numbers")
    value = machine.load()
    keys = machine.load()
    wanted = _storages_of(file, value)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or set(wanted) - set(keys):
        raise WeightsError(f"{file} is damaged.", expected="a list of the storages' keys", hint=DAMAGED)
    storages: dict[str, Bytes] = {}
    at = machine.at
    for key in keys:
        if key not in wanted:
            # Without a tensor nothing says how large its elements are, so what follows cannot be found.
            raise WeightsError(f"{file} has the storage '{key}', which no tensor uses.", hint=DAMAGED)
        storage = wanted[key]
        elements = int.from_bytes(data[at : at + 8].tobytes(), "little")
        size = storage.elements * DTYPES[storage.dtype].itemsize
        content = data[at + 8 : at + 8 + size]
        if elements != storage.elements or len(content) != size:
            _check_size(file, storage, min(elements, len(content)))
            raise WeightsError(f"{file} is truncated or damaged.", found=f"storage '{key}'", hint=DAMAGED)
        storages[key] = content
        at += 8 + size
    if at != len(data):
        raise WeightsError(
            f"{file} is not as long as its storages say.",
            expected=f"{at:,} bytes",
            found=f"{len(data):,} bytes",
            hint=DAMAGED,
        )
    return value, storages
