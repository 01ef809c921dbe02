"""Java's serialised values as plain records, and the marks of the stream that they stand in.

The grammar is chapter 6 of the Java Object Serialization Specification, protocol version 2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

MAGIC = b"\xac\xed\x00\x05"
FIRST_HANDLE = 0x7E0000

NULL, REFERENCE, CLASS_DESCRIPTION, OBJECT, STRING, ARRAY, CLASS, BLOCK, END = range(0x70, 0x79)
LONG_BLOCK, LONG_STRING, ENUM = 0x7A, 0x7C, 0x7E

WRITE_METHOD, SERIALIZABLE, EXTERNALIZABLE, BLOCK_DATA, ENUM_FLAG = 1, 2, 4, 8, 16

PRIMITIVES = {
    "B": struct.Struct(">b"),
    "C": struct.Struct(">H"),
    "D": struct.Struct(">d"),
    "F": struct.Struct(">f"),
    "I": struct.Struct(">i"),
    "J": struct.Struct(">q"),
    "S": struct.Struct(">h"),
    "Z": struct.Struct(">?"),
}


@dataclass(frozen=True, slots=True)
class JavaField:
    """A field of a class: its type code, its name, and the type's signature for objects and arrays."""

    code: str
    name: str
    signature: str | None = None


@dataclass(eq=False, slots=True)
class JavaClass:
    """What a stream tells of a class."""

    name: str
    version: int
    flags: int
    fields: tuple[JavaField, ...]
    parent: JavaClass | None = None
    lineage: tuple[JavaClass, ...] = ()  # eldest ancestor first, itself last; empty while it is being read


@dataclass(eq=False, slots=True)
class JavaObject:
    """An object: the values of its fields, and what its class wrote beside them, by the name of the class."""

    cls: JavaClass
    fields: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class JavaArray:
    """An array; of bytes its items are `bytes`, of other primitives a tuple, of objects a list."""

    cls: JavaClass
    items: Any


@dataclass(eq=False, slots=True)
class JavaEnum:
    """A constant of an enumeration."""

    cls: JavaClass
    constant: str


@dataclass(eq=False, slots=True)
class JavaClassValue:
    """A class that stands as a value itself, not as the class of an object."""

    cls: JavaClass
