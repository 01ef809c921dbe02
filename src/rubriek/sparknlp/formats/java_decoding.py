"""Reads Java's serialisation stream into plain records.

Nothing is ever instantiated: an object becomes a `JavaObject` with the name of its class and its fields,
whatever the class is, and it is for the caller to look for the few classes that it knows. What no saved model
holds (proxies, exceptions, resets) is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from rubriek.errors import SavedModelError
from rubriek.sparknlp.formats.java_records import (
    ARRAY,
    BLOCK,
    BLOCK_DATA,
    CLASS,
    CLASS_DESCRIPTION,
    END,
    ENUM,
    EXTERNALIZABLE,
    FIRST_HANDLE,
    LONG_BLOCK,
    LONG_STRING,
    MAGIC,
    NULL,
    OBJECT,
    PRIMITIVES,
    REFERENCE,
    SERIALIZABLE,
    STRING,
    WRITE_METHOD,
    JavaArray,
    JavaClass,
    JavaClassValue,
    JavaEnum,
    JavaField,
    JavaObject,
)
from rubriek.sparknlp.formats.java_text import decode_text

MOST_DEPTH = 48
"""Nested objects; Spark NLP's rules take 12. Each level takes a few Python frames."""
MOST_ANCESTORS = 12
MAX_FIELDS = 200
"""Fields of a class and its ancestors, all compared with those of a class below; Spark NLP's have 20."""
MOST_VALUES = 200_000
"""Values and blocks of bytes in one stream; a record of a vocabulary holds 50, one of token rules 200."""


def decode(data: bytes, where: str) -> Any:
    """Read the one value of a serialisation stream.

    Parameters
    ----------
    data : bytes
        The whole stream.
    where : str
        What is read, for error messages.

    Returns
    -------
    None, str, bytes, JavaObject, JavaArray, JavaEnum or JavaClassValue
        The value. An object that stands in several places is the same Python object there.

    Raises
    ------
    SavedModelError
        If the stream breaks the grammar or exceeds a limit on depth or number of values.

    Examples
    --------
    >>> decode(bytes.fromhex("aced0005740004") + b"huis", "an example")
    'huis'
    """
    return _Decoder(data, where).stream()


class _Decoder:
    def __init__(self, data: bytes, where: str) -> None:
        self.data = data
        self.where = where
        self.at = 0
        self.depth = 0
        self.values = 0
        self.handles: list[Any] = []
        self.kinds: dict[int, Callable[[], Any]] = {
            NULL: lambda: None,
            REFERENCE: self.reference,
            CLASS_DESCRIPTION: self.new_class,
            OBJECT: self.object,
            STRING: self.string,
            LONG_STRING: self.long_string,
            ARRAY: self.array,
            CLASS: self.class_value,
            ENUM: self.enum,
        }

    def wrong(self, expected: str, found: str) -> SavedModelError:
        return SavedModelError(
            f"{self.where} is not a Java serialisation stream as Spark writes it (byte {self.at:,}).",
            expected=expected,
            found=found,
        )

    def stream(self) -> Any:
        if self.take(4) != MAGIC:
            raise self.wrong("the bytes AC ED 00 05", self.data[:4].hex(" ").upper() or "nothing")
        value = self.value()
        if self.at != len(self.data):
            raise self.wrong("one value", f"{len(self.data) - self.at:,} bytes after it")
        return value

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise self.wrong(f"{size:,} more bytes", f"{len(self.data) - self.at:,}, then the end")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, code: str) -> Any:
        form = PRIMITIVES[code]
        return form.unpack(self.take(form.size))[0]

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def text(self, size: int) -> str:
        try:
            return decode_text(self.take(size))
        except ValueError as error:
            raise self.wrong("modified UTF-8", str(error)) from error

    def name(self) -> str:
        return self.text(self.unsigned(2))

    def remember(self, value: Any) -> int:
        self.handles.append(value)
        return len(self.handles) - 1

    def count(self) -> None:
        self.values += 1
        if self.values > MOST_VALUES:
            raise self.wrong(f"at most {MOST_VALUES:,} values", "more")

    def value(self) -> Any:
        self.count()
        kind = self.kinds.get(tag := self.unsigned(1))
        if kind is None:
            raise self.wrong("the start of a value", f"the byte {tag:#04x}")
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self.wrong(f"at most {MOST_DEPTH} levels of nesting", "more")
        value = kind()
        self.depth -= 1
        return value

    def reference(self) -> Any:
        number = self.unsigned(4) - FIRST_HANDLE
        if not 0 <= number < len(self.handles):
            raise self.wrong("a reference to a value that came before", f"handle {number}")
        return self.handles[number]

    def string(self) -> str:
        text = self.name()
        self.remember(text)
        return text

    def long_string(self) -> str:
        text = self.text(self.unsigned(8))
        self.remember(text)
        return text

    def class_of(self) -> JavaClass:
        cls = self.value()
        if not isinstance(cls, JavaClass) or not cls.lineage:
            raise self.wrong("a class", type(cls).__name__)
        return cls

    def new_class(self) -> JavaClass:
        cls = JavaClass(self.name(), self.number("J"), 0, ())
        self.remember(cls)
        cls.flags = self.unsigned(1)
        cls.fields = tuple(self.field() for _ in range(self.unsigned(2)))
        if self.annotations():
            raise self.wrong("no annotations of a class", f"some for {cls.name}")
        parent = self.value()
        if parent is not None and (not isinstance(parent, JavaClass) or not parent.lineage):
            raise self.wrong("a parent class", type(parent).__name__)
        lineage = (*(parent.lineage if parent else ()), cls)
        if len(lineage) > MOST_ANCESTORS:
            raise self.wrong(f"at most {MOST_ANCESTORS} ancestors of a class", "more")
        if sum(len(ancestor.fields) for ancestor in lineage) > MAX_FIELDS:
            raise self.wrong(f"at most {MAX_FIELDS} fields of a class", f"more in {cls.name}")
        names = [item.name for ancestor in lineage for item in ancestor.fields]
        if len(set(names)) != len(names):
            raise self.wrong("each field once", f"one twice in {cls.name}")
        cls.parent, cls.lineage = parent, lineage
        return cls

    def field(self) -> JavaField:
        code = chr(self.unsigned(1))
        name = self.name()
        if code in PRIMITIVES:
            return JavaField(code, name)
        signature = self.value() if code in "L[" else None
        if not isinstance(signature, str):
            raise self.wrong("a field's type", repr(code))
        return JavaField(code, name, signature)

    def annotations(self) -> list[Any]:
        found = []
        while (tag := self.unsigned(1)) != END:
            if tag in (BLOCK, LONG_BLOCK):
                self.count()
                found.append(self.take(self.unsigned(1 if tag == BLOCK else 4)))
            else:
                self.at -= 1
                found.append(self.value())
        return found

    def object(self) -> JavaObject:
        item = JavaObject(self.class_of())
        self.remember(item)
        for cls in item.cls.lineage:
            if cls.flags & SERIALIZABLE:
                for each in cls.fields:
                    item.fields[each.name] = self.value() if each.signature else self.number(each.code)
                if cls.flags & WRITE_METHOD:
                    item.extras[cls.name] = self.annotations()
            elif cls.flags & EXTERNALIZABLE and cls.flags & BLOCK_DATA:
                item.extras[cls.name] = self.annotations()
            else:
                raise self.wrong(f"{cls.name} to be serialisable", f"flags {cls.flags}")
        return item

    def array(self) -> JavaArray:
        cls = self.class_of()
        array = JavaArray(cls, ())
        self.remember(array)
        size, code = self.unsigned(4), cls.name[1:2]
        if cls.name[:1] != "[" or not code:
            raise self.wrong("the class of an array", cls.name)
        if code == "B":
            array.items = self.take(size)
        elif code in PRIMITIVES:
            width = PRIMITIVES[code].size
            array.items = struct.unpack(f">{size}{PRIMITIVES[code].format[-1]}", self.take(size * width))
        else:
            if size > len(self.data) - self.at:
                raise self.wrong(f"an array of {size:,} values", "fewer bytes than that")
            array.items = [self.value() for _ in range(size)]
        return array

    def class_value(self) -> JavaClassValue:
        value = JavaClassValue(self.class_of())
        self.remember(value)
        return value

    def enum(self) -> JavaEnum:
        cls = self.class_of()
        number = self.remember(None)
        name = self.value()
        if not isinstance(name, str):
            raise self.wrong("the name of an enumeration's constant", type(name).__name__)
        self.handles[number] = JavaEnum(cls, name)
        return self.handles[number]  # type: ignore[no-any-return]
