"""Reads out of an ONNX file how many logits it gives and whether it has loops, without onnx.

Protobuf's wire format is a run of fields: a tag, which holds the field's number and one of four forms, then a
value. What is of no use here is skipped by its length, so weights are not even read from the disk. The fields
have the numbers of onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

Answer = TypeVar("Answer")

LOGITS = b"logits"
LOOPS = frozenset({"Loop", "Scan", "SequenceMap"})
"""Operators that run a graph as often as they like."""

MAX_FIELDS = 1_000_000
"""Fields that are looked at; a large BERT's graph has five thousand."""

VARINT, EIGHT_BYTES, COUNTED, FOUR_BYTES = 0, 1, 2, 5
MAX_VARINT = 10

GRAPH, FUNCTION = 7, 25
NODE, FUNCTION_NODE = 1, 7
OPERATOR, ATTRIBUTE = 4, 5
NESTED_GRAPH, NESTED_GRAPHS = 6, 11
OUTPUT = 12
NAME, TYPE = 1, 2
TENSOR_TYPE = 1
SHAPE = 2
DIMENSION = 1
SIZE = 1


class _Unreadable(Exception):
    pass


class _Field(NamedTuple):
    number: int
    start: int  # of the content where it is counted
    end: int
    value: int  # of a varint


def count_logits(file: Path) -> int | None:
    """Count the logits that a graph states; None where it states none, or is no graph."""
    return _read(file, lambda reader: reader.logits())


def loop_in(file: Path) -> str | None:
    """Name an operator that repeats a graph, at any depth; None where there is none."""
    return _read(file, lambda reader: reader.loop())


def _read(file: Path, answer: Callable[[_Reader], Answer | None]) -> Answer | None:
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return answer(_Reader(data))
    except (OSError, ValueError, _Unreadable):  # ValueError: an empty file cannot be mapped
        return None


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.fields_read = 0

    def logits(self) -> int | None:
        whole = _Field(0, 0, len(self.data), 0)
        outputs = [output for graph in self.inner(whole, GRAPH) for output in self.inner(graph, OUTPUT)]
        named = [output for output in outputs if self.name(output) == LOGITS] or outputs
        if not named:
            return None
        places = [named[0]]
        for number in (TYPE, TENSOR_TYPE, SHAPE):
            places = [inner for place in places for inner in self.inner(place, number)]
        sizes = [size for place in places for size in self.inner(place, DIMENSION)]
        if len(sizes) != 2:
            return None
        stated = [field.value for field in self.fields(sizes[1]) if field.number == SIZE]
        return stated[-1] if stated and stated[-1] > 0 else None

    def loop(self) -> str | None:
        whole = _Field(0, 0, len(self.data), 0)
        waiting = [
            node
            for part, nodes in ((GRAPH, NODE), (FUNCTION, FUNCTION_NODE))
            for graph in self.inner(whole, part)
            for node in self.inner(graph, nodes)
        ]
        while waiting:
            node = waiting.pop()
            for field in self.fields(node):
                if field.number == OPERATOR and field.start:
                    operator = self.data[field.start : field.end].decode("utf-8", "replace")
                    if operator in LOOPS:
                        return operator
                elif field.number == ATTRIBUTE and field.start:
                    waiting += [
                        inner
                        for graph in self.fields(field)
                        if graph.number in (NESTED_GRAPH, NESTED_GRAPHS) and graph.start
                        for inner in self.inner(graph, NODE)
                    ]
        return None

    def name(self, value: _Field) -> bytes:
        names = [self.data[name.start : name.end] for name in self.inner(value, NAME)]
        return names[-1] if names else b""

    def inner(self, message: _Field, number: int) -> list[_Field]:
        return [field for field in self.fields(message) if field.number == number and field.start]

    def fields(self, message: _Field) -> Iterator[_Field]:
        at = message.start
        while at < message.end:
            self.fields_read += 1
            if self.fields_read > MAX_FIELDS:
                raise _Unreadable
            tag, at = self.varint(at, message.end)
            number, form = tag >> 3, tag & 7
            start = value = 0
            if form == VARINT:
                value, at = self.varint(at, message.end)
            elif form == COUNTED:
                size, start = self.varint(at, message.end)
                at = start + size
            elif form in (EIGHT_BYTES, FOUR_BYTES):
                at += 8 if form == EIGHT_BYTES else 4
            else:
                raise _Unreadable
            if at > message.end:
                raise _Unreadable
            yield _Field(number, start, at, value)

    def varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for place in range(MAX_VARINT):
            if at >= end:
                raise _Unreadable
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value, at
        raise _Unreadable
