from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from rubriek.errors import WeightsError
from rubriek.models.weights_safetensors import read_safetensors

TENSORS = {
    "single": np.array([[1.5, -2.0]], dtype=np.float32),
    "double": np.array([0.1, 1e30], dtype=np.float64),
    "half": np.array([65504.0], dtype=np.float16),
    "empty": np.zeros((0, 4), dtype=np.float32),
}


def file_of(folder, header, buffer=b"", *, length=None):
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(data) if length is None else length) + data + buffer)
    return file


def test_every_floating_point_type_is_read_as_float32(tmp_path):
    tiny.write_safetensors(tmp_path / "model.safetensors", TENSORS)
    found = read_safetensors(tmp_path / "model.safetensors")
    assert set(found) == set(TENSORS)
    for name, tensor in TENSORS.items():
        values = found[name].float32()
        assert (values.dtype, values.shape) == (np.float32, tensor.shape)
        np.testing.assert_array_equal(values, tensor.astype(np.float32))


def test_bfloat16_is_the_upper_half_of_a_float32(tmp_path):
    halves = np.array([0x3F80, 0xC020, 0x4049], dtype="<u2")  # 1, -2.5, 3.140625
    header = {"b": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}
    found = read_safetensors(file_of(tmp_path, header, halves.tobytes()))["b"].float32()
    assert found.tolist() == [1.0, -2.5, 3.140625]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value):
    tiny.write_safetensors(tmp_path / "a", {"w": np.array([1, value], dtype=np.float32)})
    with pytest.raises(WeightsError, match=r"'w'.*damaged"):
        read_safetensors(tmp_path / "a")["w"].float32()


def test_a_double_too_large_for_float32_is_refused(tmp_path):
    tiny.write_safetensors(tmp_path / "a", {"w": np.array([1e300])})
    with pytest.raises(WeightsError, match="finite"):
        read_safetensors(tmp_path / "a")["w"].float32()


def test_whole_numbers_are_no_weights(tmp_path):
    tiny.write_safetensors(tmp_path / "a", {"ids": np.arange(3)})
    with pytest.raises(WeightsError, match="I64"):
        read_safetensors(tmp_path / "a")["ids"].float32()


def entry(dtype="F32", shape=(1,), data_offsets=(0, 4)):
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "not JSON"),
        (b'{"a":1,"a":1}', "twice"),
        ({"a": 3}, "an object"),
        ({"a": {"dtype": "F32", "shape": [1]}}, "data_offsets"),
        ({"a": entry(dtype="F7")}, "dtype"),
        ({"a": entry(shape=[-1])}, "shape"),
        ({"a": entry(shape=[1.0])}, "shape"),
        ({"a": entry(shape=[True])}, "shape"),
        ({"a": entry(shape="4")}, "shape"),
        ({"a": entry(shape=[1] * 9)}, "shape"),
        ({"a": entry(shape=[2**62, 2**62])}, "at most 281,474,976,710,656 elements"),
        ({"a": entry(shape=[2])}, "8 bytes apart"),
        ({"a": entry(data_offsets=[4, 0])}, "4 bytes apart"),
        ({"a": entry(data_offsets=[0, 4, 8])}, "data_offsets"),
        ({"a": entry(data_offsets=[2, 6])}, "overlap or leave a hole"),
        ({"a": entry(), "b": entry()}, "overlap or leave a hole"),
        ({"a": entry(), "b": entry(data_offsets=[4, 8])}, "as long as its header says"),
        ({}, "as long as its header says"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, header, message):
    with pytest.raises(WeightsError, match=message):
        read_safetensors(file_of(tmp_path, header, b"\0" * 4))


@pytest.mark.parametrize("length", [100, 2**40, 2**63])
def test_a_header_longer_than_the_file_is_refused(tmp_path, length):
    with pytest.raises(WeightsError, match="truncated"):
        read_safetensors(file_of(tmp_path, {}, length=length))


def test_every_truncation_is_noticed(tmp_path):
    whole = tiny.safetensors_bytes(TENSORS)
    file = tmp_path / "model.safetensors"
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_safetensors(file)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_safetensors(tmp_path / "nothing")


def test_an_empty_tensor_whose_other_sizes_no_array_can_have_is_refused(tmp_path):
    header = {"w": {"dtype": "F32", "shape": [0, 2**47, 2**47, 2**47], "data_offsets": [0, 0]}}
    with pytest.raises(WeightsError, match="'shape' is wrong"):
        read_safetensors(file_of(tmp_path, header))


def test_a_header_with_a_name_twice_is_refused_however_many_there_are(tmp_path):
    """The check was quadratic: 2 MiB of names took minutes."""
    names = [f'"{number}":{{}}' for number in range(150_000)]
    header = "{" + ",".join([*names, names[-1]]) + "}"
    with pytest.raises(WeightsError, match="'149999' occurs twice"):
        read_safetensors(file_of(tmp_path, header.encode()))


def test_a_large_header_is_refused_before_it_is_parsed(tmp_path):
    with pytest.raises(WeightsError, match=r"at most 16,777,216 bytes"):
        read_safetensors(file_of(tmp_path, b" " * (16 * 2**20 + 1)))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["F32", "BF16"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "dtype", "shape", "data_offsets"]), inner, max_size=3)
    ),
    max_leaves=12,
)


HEADERS = st.binary(max_size=60) | JUNK.map(lambda value: json.dumps(value).encode())


@given(header=HEADERS, buffer=st.binary(max_size=9))
def test_junk_is_our_error_or_tensors_of_the_right_size(tmp_path_factory, header, buffer):
    file = file_of(tmp_path_factory.getbasetemp(), header, buffer)
    try:
        tensors = read_safetensors(file)
    except WeightsError:
        return
    assert sum(tensor.array.nbytes for tensor in tensors.values()) == len(buffer)
