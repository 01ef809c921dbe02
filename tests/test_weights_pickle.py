from __future__ import annotations

import json
import os
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tiny
from rubriek.errors import WeightsError
from rubriek.models.tensor_pickle import MAX_STEPS, TensorPickle
from rubriek.models.weights_pickle import read_torch

TENSORS = {
    "w": np.arange(12, dtype=np.float32).reshape(3, 4),
    "half": np.array([0.5, 2.0], dtype=np.float16),
    "ids": np.arange(3),
}
WRITERS = {"zip": tiny.write_torch_zip, "legacy": tiny.write_torch_legacy}
FORMS = pytest.mark.parametrize("form", sorted(WRITERS))


def write(folder, form, tensors=TENSORS, program=None):
    WRITERS[form](folder / "pytorch_model.bin", tensors, program)
    return folder / "pytorch_model.bin"


@FORMS
def test_a_file_that_torch_wrote(data, form):
    """The files were written by torch 2.13.0: strided views, parameters, every floating-point type."""
    expected = json.loads((data / "torch/expected.json").read_text())["tensors"]
    found = read_torch(data / f"torch/{form}.bin")
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert list(found[name].shape) == tensor["shape"], name
        values = found[name].array if tensor["dtype"] == "int64" else found[name].float32()
        assert values.ravel().tolist() == tensor["values"], name


@FORMS
def test_a_file_put_together_here(tmp_path, form):
    found = read_torch(write(tmp_path, form))
    np.testing.assert_array_equal(found["w"].float32(), TENSORS["w"])
    np.testing.assert_array_equal(found["half"].float32(), TENSORS["half"].astype(np.float32))


class Evil:
    def __init__(self, folder: Path) -> None:
        self.command = f"touch {folder / 'pwned'}"

    def __reduce__(self):
        return os.system, (self.command,)


@FORMS
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_malicious_pickle_is_refused_by_name_and_not_run(tmp_path, form, protocol):
    program = pickle.dumps({"w": Evil(tmp_path)}, protocol=protocol)
    with pytest.raises(WeightsError, match=rf"'{os.system.__module__}\.system'"):
        read_torch(write(tmp_path, form, program=program))
    assert not (tmp_path / "pwned").exists()
    pickle.loads(program)  # it would have worked
    assert (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "name",
    [
        ("builtins", "eval"),
        ("torch", "load"),
        ("torch", "_utils._rebuild_tensor_v2"),
        ("torch.storage", "_load_from_bytes"),
        ("collections", "namedtuple"),
        ("rubriek.models.tensor_pickle", "TensorPickle"),
    ],
)
def test_only_the_names_of_tensors_are_known(name):
    with pytest.raises(WeightsError, match=r"asks for '{}\.{}'".format(*name)):
        TensorPickle(b"\x80\x02" + tiny.name(*name) + b".", Path("model.bin")).load()


@pytest.mark.parametrize("code", [b"i", b"o", b"\x81", b"\x92", b"\x82", b"P", b"I", b"L", b"\x97"])
def test_opcodes_that_no_tensor_needs_are_refused(code):
    with pytest.raises(WeightsError, match="opcode"):
        TensorPickle(b"\x80\x02(" + code + b"os\nsystem\n.", Path("model.bin")).load()


def one_tensor(shape, strides, offset=0, *, kind="Float", elements=12):
    return tiny.dictionary(
        {"w": tiny.tensor_program(tiny.storage("0", kind, elements), shape, strides, offset)}
    )


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((13,), (1,), 0),
        ((12,), (1,), 1),
        ((2, 2), (11, 1), 0),
        ((4, 4), (0, 0), 0),
        ((2**31 - 1, 2**31 - 1), (0, 0), 0),
        ((-1,), (1,), 0),
        ((1,), (-1,), 0),
        ((1,), (1,), -1),
        ((1,), (1, 1), 0),
        ((1,) * 9, (1,) * 9, 0),
    ],
)
def test_tensors_that_reach_outside_their_storage_are_refused(tmp_path, shape, strides, offset):
    storage = {"a": np.arange(12, dtype=np.float32)}
    with pytest.raises(WeightsError, match="damaged"):
        read_torch(write(tmp_path, "zip", storage, one_tensor(shape, strides, offset)))


def test_strides_are_followed(tmp_path):
    storage = {"a": np.arange(12, dtype=np.float32)}
    found = read_torch(write(tmp_path, "zip", storage, one_tensor((2, 3), (1, 4), 2)))
    assert found["w"].float32().tolist() == [[2, 6, 10], [3, 7, 11]]
    assert not found["w"].array.flags.writeable


def test_a_storage_of_another_size_is_refused(tmp_path):
    storage = {"a": np.arange(12, dtype=np.float32)}
    program = one_tensor((12,), (1,), kind="Double")
    with pytest.raises(WeightsError, match="96 bytes"):
        read_torch(write(tmp_path, "zip", storage, program))


def test_a_storage_described_in_two_ways_is_refused(tmp_path):
    """The bounds of the first were checked against a size that the second takes back."""
    program = tiny.dictionary(
        {
            "far": tiny.tensor_program(tiny.storage("0", "Float", 10**6), (10**6,), (1,)),
            "near": tiny.tensor_program(tiny.storage("0", "Float", 12), (12,), (1,)),
        }
    )
    with pytest.raises(WeightsError, match="contradicts itself"):
        read_torch(write(tmp_path, "zip", {"a": np.arange(12, dtype=np.float32)}, program))


def test_compressed_entries_are_refused(tmp_path):
    """A megabyte of them could ask for a gigabyte of memory."""
    file = tmp_path / "pytorch_model.bin"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**6)
    with pytest.raises(WeightsError, match="compressed"):
        read_torch(file)


def test_a_changed_byte_is_noticed_by_the_checksum(tmp_path):
    file = write(tmp_path, "zip")
    content = bytearray(file.read_bytes())
    at = content.find(TENSORS["w"].tobytes())
    content[at + 5] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="checksum"):
        read_torch(file)


@FORMS
def test_every_truncation_is_noticed(tmp_path, form):
    file = write(tmp_path, form)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_torch(file)


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (b"\x80\x02]q\x00.", "list"),
        (tiny.dictionary({"epoch": tiny.number(3)}), "int under 'epoch'"),
        (b"\x80\x02}(K\x01" + tiny.text("a") + b"u.", "str under 1"),
    ],
)
def test_anything_but_a_dictionary_of_tensors_is_refused(tmp_path, program, found):
    with pytest.raises(WeightsError, match=found):
        read_torch(write(tmp_path, "zip", program=program))


def test_a_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.bin", "w") as archive:
        archive.writestr("word/document.xml", "<xml/>")
    with pytest.raises(WeightsError, match=r"data\.pkl"):
        read_torch(tmp_path / "a.bin")


@pytest.mark.parametrize("content", [b"", b"hello world", b"\x89HDF\r\n\x1a\n" + b"\0" * 90, b"\x80\x02N."])
def test_a_file_of_something_else(tmp_path, content):
    file = tmp_path / "pytorch_model.bin"
    file.write_bytes(content)
    with pytest.raises(WeightsError):
        read_torch(file)


def test_a_pickle_that_fans_out_takes_no_time(tmp_path):
    """A tuple of itself twice, forty times over, is 10^12 long when written out or hashed."""
    program = b"\x80\x02}(" + tiny.text("w") + b")q\x00" + b"h\x00\x86q\x00" * 40 + b"u."
    with pytest.raises(WeightsError, match="tuple under 'w'"):
        read_torch(write(tmp_path, "zip", program=program))
    with pytest.raises(WeightsError, match="key of type tuple"):
        TensorPickle(b"\x80\x02})q\x00" + b"h\x00\x86q\x00" * 40 + b"Ns.", Path("a.bin")).load()


@given(st.binary(max_size=200))
@example(b"\x80\x02r\xff\xff\xff\xff.")
@example(b"X\xff\xff\xff\xff.")
@example(b"\x8a\xff.")
@example(b"N.")
def test_junk_is_a_value_or_our_error(program):
    try:
        TensorPickle(program, Path("model.bin")).load()
    except WeightsError:
        return


@FORMS
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path, form):
    file = write(tmp_path, form)
    whole = file.read_bytes()
    chance = random.Random(20201125)
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        file.write_bytes(content)
        try:
            for tensor in read_torch(file).values():
                tensor.array.sum()
        except WeightsError:
            continue


def test_a_text_of_negative_length_is_refused():
    """The only length with a sign: it led back to the opcode that asked for it, for ever."""
    with pytest.raises(WeightsError, match="negative length"):
        TensorPickle(b"\x80\x02T\xfb\xff\xff\xff.", Path("model.bin")).load()


def test_the_steps_of_a_file_are_bounded():
    with pytest.raises(WeightsError, match=r"at most 1,000,000 opcodes"):
        TensorPickle(b"(" + b"N" * MAX_STEPS + b"t.", Path("model.bin")).load()


@FORMS
def test_an_empty_tensor_whose_other_sizes_no_array_can_have_is_refused(tmp_path, form):
    program = tiny.dictionary(
        {
            "w": tiny.tensor_program(
                tiny.storage("0", "Float", 12, legacy=form == "legacy"), (0, *[2**31 - 1] * 3), (1,) * 4
            )
        }
    )
    with pytest.raises(WeightsError):
        read_torch(write(tmp_path, form, {"a": np.arange(12, dtype=np.float32)}, program))


def test_many_tensors_that_share_their_elements_are_refused(tmp_path):
    """Sixty layers of one storage were read as sixty layers, each with a copy of its own."""
    place = tiny.storage("0", "Float", 10_000)
    layers = {f"layer.{number}": tiny.tensor_program(place, (10_000,), (1,)) for number in range(60)}
    storage = {"a": np.zeros(10_000, dtype=np.float32)}
    with pytest.raises(WeightsError, match="share their elements"):
        read_torch(write(tmp_path, "zip", storage, tiny.dictionary(layers)))
    tied = dict(list(layers.items())[:3])
    assert len(read_torch(write(tmp_path, "zip", storage, tiny.dictionary(tied)))) == 3


def test_zip_entries_that_share_their_bytes_are_refused(tmp_path):
    """Every storage has an entry of its own, but all entries lie at the same place in the file."""
    storage = {str(number): np.zeros(10_000, dtype=np.float32) for number in range(60)}
    file = write(tmp_path, "zip", storage)
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        program = archive.read("archive/data.pkl")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", storage["0"].tobytes())
        first = archive.getinfo("archive/data/0")
        for number in range(1, 60):
            entry = entries[f"archive/data/{number}"]
            entry.header_offset = first.header_offset
            archive.filelist.append(entry)
            archive.NameToInfo[entry.filename] = entry
    assert file.stat().st_size < 100_000
    with pytest.raises(WeightsError, match="share their elements"):
        read_torch(file)
