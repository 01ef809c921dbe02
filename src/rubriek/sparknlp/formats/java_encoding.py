"""Writes plain records as Java's serialisation stream."""

from __future__ import annotations

import struct
from typing import Any

from rubriek.sparknlp.formats.java_records import (
    ARRAY,
    BLOCK,
    CLASS,
    CLASS_DESCRIPTION,
    END,
    FIRST_HANDLE,
    LONG_STRING,
    MAGIC,
    NULL,
    OBJECT,
    PRIMITIVES,
    REFERENCE,
    STRING,
    WRITE_METHOD,
    JavaArray,
    JavaClass,
    JavaClassValue,
    JavaObject,
)
from rubriek.sparknlp.formats.java_text import encode_text


def encode(value: Any) -> bytes:
    """Write one value as a serialisation stream, in the order and with the references that Java uses.

    Strings, like all values, are written once: where the *same* Python object stands again, a reference goes
    there.

    Parameters
    ----------
    value : None, str, JavaObject, JavaArray or JavaClassValue
        The value.

    Returns
    -------
    bytes

    Examples
    --------
    >>> encode("huis").hex(" ")
    'ac ed 00 05 74 00 04 68 75 69 73'
    """
    encoder = _Encoder()
    encoder.value(value)
    return bytes(encoder.out)


class _Encoder:
    def __init__(self) -> None:
        self.out = bytearray(MAGIC)
        self.handles: dict[int, int] = {}
        self.signatures: dict[str, str] = {}
        self.alive: list[Any] = []  # an id() is only unique among living objects

    def remember(self, value: Any) -> None:
        self.handles[id(value)] = FIRST_HANDLE + len(self.alive)
        self.alive.append(value)

    def known(self, value: Any) -> bool:
        handle = self.handles.get(id(value))
        if handle is not None:
            self.out += struct.pack(">BI", REFERENCE, handle)
        return handle is not None

    def value(self, value: Any) -> None:
        if value is None:
            self.out.append(NULL)
        elif not self.known(value):
            match value:
                case str():
                    self.string(value)
                case JavaObject():
                    self.object(value)
                case JavaArray():
                    self.array(value)
                case JavaClassValue():
                    self.out.append(CLASS)
                    self.cls(value.cls)
                    self.remember(value)
                case _:
                    raise TypeError(f"no Java value: {type(value).__name__}")

    def name(self, text: str) -> None:
        data = encode_text(text)
        self.out += struct.pack(">H", len(data)) + data

    def string(self, text: str) -> None:
        data = encode_text(text)
        short = len(data) < 2**16
        self.out += struct.pack(">BH" if short else ">BQ", STRING if short else LONG_STRING, len(data)) + data
        self.remember(text)

    def cls(self, cls: JavaClass | None) -> None:
        if cls is None:
            self.out.append(NULL)
        elif not self.known(cls):
            self.out.append(CLASS_DESCRIPTION)
            self.name(cls.name)
            self.out += struct.pack(">q", cls.version)
            self.remember(cls)
            self.out += struct.pack(">BH", cls.flags, len(cls.fields))
            for each in cls.fields:
                self.out += each.code.encode("ascii")
                self.name(each.name)
                if each.signature:
                    # Java interns these: equal ones are one string.
                    self.value(self.signatures.setdefault(each.signature, each.signature))
            self.out.append(END)
            self.cls(cls.parent)

    def object(self, item: JavaObject) -> None:
        self.out.append(OBJECT)
        self.cls(item.cls)
        self.remember(item)
        for cls in item.cls.lineage:
            for each in cls.fields:
                if each.signature:
                    self.value(item.fields[each.name])
                else:
                    self.out += PRIMITIVES[each.code].pack(item.fields[each.name])
            if cls.flags & WRITE_METHOD:
                for extra in item.extras[cls.name]:
                    self.extra(extra)
                self.out.append(END)

    def extra(self, extra: Any) -> None:
        if isinstance(extra, bytes):
            self.out += struct.pack(">BB", BLOCK, len(extra)) + extra
        else:
            self.value(extra)

    def array(self, array: JavaArray) -> None:
        self.out.append(ARRAY)
        self.cls(array.cls)
        self.remember(array)
        self.out += struct.pack(">I", len(array.items))
        for item in array.items:
            self.value(item)
