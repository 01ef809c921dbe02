"""Hadoop SequenceFiles."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved import DATA, real_parts

from rubriek.errors import SavedModelError
from rubriek.sparknlp.formats.java_decoding import decode
from rubriek.sparknlp.formats.sequence_file import MOST_BYTES, read_values, write_values

SYNC = bytes(range(16))


def written(values, sync=SYNC):
    file = io.BytesIO()
    write_values(file, values, sync=sync)
    return file.getvalue()


def read(data):
    return list(read_values(io.BytesIO(data), "the test"))


def refused(data, expected):
    with pytest.raises(SavedModelError) as caught:
        read(data)
    assert expected in str(caught.value)


@given(st.lists(st.binary(max_size=5000), max_size=30))
def test_values_survive(values):
    assert read(written(values)) == values


def test_the_bytes_are_those_that_spark_writes():
    for part in real_parts():
        data = part.read_bytes()
        head = data.index(b"BytesWritable") + len(b"BytesWritable") + 6
        assert written(read(data), data[head : head + 16]) == data


@pytest.mark.parametrize("codec", ["record-DefaultCodec", "block-DefaultCodec", "block-BZip2Codec"])
def test_compressed_files_are_read(codec):
    values = read((DATA / "compressed" / codec / "fields" / "labels" / "part-00000").read_bytes())
    names = [item.fields["_1"] for value in values for item in decode(value, codec).items]
    assert len(names) == 9
    assert "Koningshuis" in names


def test_a_codec_that_is_not_known_is_named():
    data = (DATA / "compressed" / "record-DefaultCodec" / "fields" / "labels" / "part-00000").read_bytes()
    refused(data.replace(b"DefaultCodec", b"SnappyyCodec"), "SnappyyCodec")


def test_a_value_that_grows_beyond_the_limit_is_refused():
    codec = b"org.apache.hadoop.io.compress.DefaultCodec"
    head = written([]).removesuffix(bytes(4) + SYNC).removesuffix(b"\0\0")
    value = zlib.compress(bytes(MOST_BYTES + 1))
    record = struct.pack(">ii", len(value), 0) + value
    data = head + b"\x01\x00" + bytes([len(codec)]) + codec + bytes(4) + SYNC + record
    refused(data, "more than 4,194,304 bytes")


def test_every_truncation_is_noticed():
    values = [b"een", b"twee" * 600, b"drie"]
    data = written(values)
    # Cut between two records, or behind a sync mark, it is a shorter file, which the format cannot tell.
    whole = {len(written(values[:count])) for count in range(4)} | {data.rindex(SYNC) + len(SYNC)}
    for size in set(range(len(data))) - whole:
        with pytest.raises(SavedModelError):
            read(data[:size])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"SEQ\x06", b"SEQ\x05", "version 6"),
        (b"NullWritable", b"LongWritable", "LongWritable"),
        (b"BytesWritable", b"MagicWritable", "MagicWritable"),
    ],
)
def test_other_files_are_refused(old, new, expected):
    refused(written([b"een"]).replace(old, new), expected)


def test_a_length_out_of_all_proportion_is_refused():
    refused(written([]) + struct.pack(">ii", 2**31 - 1, 0), "2,147,483,647")
    refused(written([]) + struct.pack(">ii", -5, 0), "-5")


def test_a_wrong_sync_mark_is_refused():
    refused(written([]) + struct.pack(">i", -1) + bytes(16), "sync mark")


def test_a_value_whose_own_length_is_wrong_is_refused():
    refused(written([]) + struct.pack(">iii", 8, 0, 5) + b"een!", "a length of 5")
