"""Java's serialisation stream: what Spark wrote comes back byte for byte; anything else is our error."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved import real_parts

from rubriek.errors import SavedModelError
from rubriek.sparknlp.formats import java_classes as java
from rubriek.sparknlp.formats import java_records as stream
from rubriek.sparknlp.formats.java_decoding import MOST_VALUES, decode
from rubriek.sparknlp.formats.java_encoding import encode
from rubriek.sparknlp.formats.java_records import JavaArray, JavaObject
from rubriek.sparknlp.formats.java_text import decode_text, encode_text
from rubriek.sparknlp.formats.sequence_file import read_values

HEAD = stream.MAGIC
WHERE = "the test"


@pytest.mark.parametrize("part", real_parts(), ids=lambda part: "/".join(part.parts[-4:]))
def test_what_the_jvm_wrote_is_written_again_byte_for_byte(part):
    with part.open("rb") as file:
        values = list(read_values(file, part.name))
    for value in values:
        assert encode(decode(value, part.name)) == value


@given(st.text())
def test_text_survives(text):
    assert decode_text(encode_text(text)) == text


def test_text_is_written_as_java_writes_it():
    assert encode_text("a\0é😀") == b"a\xc0\x80\xc3\xa9\xed\xa0\xbd\xed\xb8\x80"


@pytest.mark.parametrize("data", [b"\xf0\x9f\x98\x80", b"\xff", b"\xc3", b"\x80"])
def test_text_that_java_does_not_write_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        decode_text(data)


@given(st.dictionaries(st.text(max_size=50), st.integers(-(2**31), 2**31 - 1), max_size=12))
def test_maps_survive(entries):
    items = [JavaObject(java.TUPLE, {"_1": k, "_2": java.integer(v)}) for k, v in entries.items()]
    found = decode(encode(JavaArray(java.TUPLES, items)), WHERE)
    assert [(item.fields["_1"], item.fields["_2"].fields["value"]) for item in found.items] == list(
        entries.items()
    )


def test_a_long_string_survives():
    text = "é" * 40_000
    assert decode(encode(text), WHERE) == text


def test_a_value_that_stands_twice_is_the_same_object():
    name = "".join(["hu", "is"])
    found = decode(encode(JavaArray(java.OBJECTS, [name, name])), WHERE)
    assert found.items[0] is found.items[1]


def refused(data, expected):
    with pytest.raises(SavedModelError) as caught:
        decode(data, WHERE)
    assert expected in str(caught.value)


def test_other_data_is_refused():
    refused(b"PK\x03\x04", "AC ED 00 05")
    refused(b"", "4 more bytes")


def test_a_class_that_is_its_own_parent_is_refused():
    description = b"\x72\x00\x01A" + bytes(8) + b"\x02\x00\x00\x78"
    itself = b"\x71" + struct.pack(">I", stream.FIRST_HANDLE)
    refused(HEAD + b"\x73" + description + itself, "a parent class")


def test_an_array_larger_than_the_stream_is_refused_before_it_is_made():
    array = b"\x75\x72\x00\x13[Ljava.lang.Object;" + bytes(8) + b"\x02\x00\x00\x78\x70"
    refused(HEAD + array + b"\x7f\xff\xff\xff", "an array of 2,147,483,647 values")
    numbers = b"\x75\x72\x00\x02[J" + bytes(8) + b"\x02\x00\x00\x78\x70"
    refused(HEAD + numbers + b"\x7f\xff\xff\xff", "17,179,869,176 more bytes")


def test_depth_is_limited():
    one = b"\x75\x72\x00\x13[Ljava.lang.Object;" + bytes(8) + b"\x02\x00\x00\x78\x70" + b"\x00\x00\x00\x01"
    again = b"\x75\x71" + struct.pack(">II", stream.FIRST_HANDLE, 1)
    refused(HEAD + one + again * 10_000 + b"\x70", "levels of nesting")


def test_the_number_of_values_is_limited():
    size = MOST_VALUES + 1
    array = b"\x75\x72\x00\x13[Ljava.lang.Object;" + bytes(8) + b"\x02\x00\x00\x78\x70"
    refused(HEAD + array + struct.pack(">I", size) + b"\x70" * size, "at most 200,000 values")


@pytest.mark.parametrize("tag", [0x79, 0x7B, 0x7D, 0x00, 0xFF])
def test_resets_exceptions_and_proxies_are_refused(tag):
    refused(HEAD + bytes([tag]), "the start of a value")


def test_references_into_nothing_are_refused():
    refused(HEAD + b"\x71" + struct.pack(">I", stream.FIRST_HANDLE), "came before")
    refused(HEAD + b"\x71\x00\x00\x00\x00", "came before")


def test_bytes_after_the_value_are_refused():
    refused(encode("huis") + b"\x70", "one value")


def test_an_unserialisable_class_is_refused():
    refused(HEAD + b"\x73\x72\x00\x01A" + bytes(8) + b"\x00\x00\x00\x78\x70", "to be serialisable")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_our_error(data):
    with contextlib.suppress(SavedModelError):
        decode(HEAD + data, WHERE)


def described(name, fields=b"\x00\x00", parent=b"\x70"):
    text = name.encode()
    return b"\x72" + struct.pack(">H", len(text)) + text + bytes(8) + b"\x02" + fields + b"\x78" + parent


def test_a_class_with_very_many_fields_is_refused():
    """Each of thousands of classes below one of 65,535 fields was compared with all of them."""

    def fields(*numbers):
        return struct.pack(">H", len(numbers)) + b"".join(b"I\x00\x03%03d" % number for number in numbers)

    refused(HEAD + b"\x73" + described("A", fields(*range(201))), "at most 200 fields")
    parent = described("B", fields(*range(101)))
    refused(HEAD + b"\x73" + described("A", fields(*range(500, 600)), parent), "at most 200 fields")


def test_blocks_of_bytes_count_as_values():
    written = described("A").replace(b"\x02\x00\x00\x78", b"\x03\x00\x00\x78")
    refused(HEAD + b"\x73" + written + b"\x77\x00" * MOST_VALUES + b"\x78", "at most 200,000 values")
