"""Reads the pickles that torch writes for tensors, without Python's ``pickle`` and without running anything.

A pickle is a program for a small stack machine, and it may name any function of any module to be called.
This machine knows the opcodes that ``torch.save`` uses for a dictionary of tensors, and the few names that
stand in one; whatever else a file asks for is refused by name. Nothing is imported, called or built but the
values below. The opcodes are described in CPython's ``Lib/pickletools.py``, the persistent ids in PyTorch's
``torch/serialization.py``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rubriek.errors import WeightsError
from rubriek.models.tensors import DAMAGED, is_shape

STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
REBUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
MAX_STEPS = 1_000_000
"""Opcodes of a file; a BERT's take ten thousand."""


@dataclass(frozen=True)
class Global:
    """A name that the pickle refers to; never looked up."""

    module: str
    name: str


@dataclass(frozen=True)
class Storage:
    """A run of elements that lies elsewhere in the file."""

    dtype: str
    key: str
    elements: int


@dataclass(frozen=True)
class View:
    """A tensor: a storage seen with a shape and strides, both in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark:
    pass


MARK = _Mark()


class TensorPickle:
    r"""The machine, for pickles that stand one after the other in ``data``.

    Parameters
    ----------
    data : bytes
        The pickles.
    file : Path
        Where they come from, for messages.

    Examples
    --------
    >>> TensorPickle(b"cos\nsystem\n.", Path("model.bin")).load()
    Traceback (most recent call last):
    ...
    rubriek.errors.WeightsError: model.bin asks for 'os.system', which no tensor needs. Nothing of it was run.
      expected: tensors and nothing else
      hint:     do not open this file with anything that runs pickles; get the model as safetensors
    """

    def __init__(self, data: bytes, file: Path) -> None:
        self.data = data
        self.file = file
        self.at = 0
        self.steps = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:  # what a pickle holds
        """Run one pickle and return its value.

        Raises
        ------
        WeightsError
            If it is truncated, damaged, too long, or asks for anything that tensors do not need.
        """
        self.stack, self.memo = [], {}
        while (code := self._take(1)) != b".":
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise WeightsError(
                    f"{self.file} has a pickle that is too long.", expected=f"at most {MAX_STEPS:,} opcodes"
                )
            action = ACTIONS.get(code)
            if action is None:
                raise WeightsError(
                    f"{self.file} uses the pickle opcode {code!r}, which no tensor needs.",
                    expected="tensors and nothing else",
                    hint=DAMAGED,
                )
            action(self)
        value = self._pop()
        if self.stack:
            self._damaged("values left over")
        return value

    def _damaged(self, found: str) -> NoReturn:
        raise WeightsError(
            f"{self.file} is truncated or damaged.",
            expected="a pickle as torch.save writes it",
            found=f"{found} before byte {self.at:,}",
            hint=DAMAGED,
        )

    # Reading arguments

    def _take(self, size: int) -> bytes:
        if size < 0:  # the one length with a sign; it would lead back to what was read already
            self._damaged("a negative length")
        part = self.data[self.at : self.at + size]
        self.at += size
        if len(part) < size:
            self._damaged("the end of the file")
        return part

    def _number(self, layout: str) -> Any:  # int or float
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + 1000)
        if end < 0:
            self._damaged("a name without an end")
        part = self._take(end - self.at)
        self.at += 1
        return part.decode("latin-1")

    # The stack

    def _pop(self) -> Any:  # any value
        if not self.stack or self.stack[-1] is MARK:
            self._damaged("a value missing")
        return self.stack.pop()

    def _pop_many(self) -> list[Any]:
        """Take all that lies above the last mark, and the mark."""
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if value is MARK:
                return values[::-1]
            values.append(value)
        return self._damaged("a mark missing")

    def _pop_tuple(self, size: int) -> tuple[Any, ...]:
        values = [self._pop() for _ in range(size)]
        return tuple(reversed(values))

    def _top(self, kind: type) -> Any:  # of that kind
        if not self.stack or not isinstance(self.stack[-1], kind):
            self._damaged(f"something else than a {kind.__name__}")
        return self.stack[-1]

    # Actions

    def _push_text(self, layout: str, encoding: str) -> None:
        try:
            self.stack.append(self._take(self._number(layout)).decode(encoding, "surrogatepass"))
        except UnicodeDecodeError:
            self._damaged("a text that is no text")

    def _push_long(self) -> None:
        self.stack.append(int.from_bytes(self._take(self._number("<B")), "little", signed=True))

    def _get(self, layout: str) -> None:
        index = self._number(layout)
        if index not in self.memo:
            self._damaged("a reference to nothing")
        self.stack.append(self.memo[index])

    def _put(self, index: int) -> None:
        self.memo[index] = self._top(object)

    def _put_many(self, pairs: list[Any]) -> None:
        target = self._top(dict)
        if len(pairs) % 2:
            self._damaged("a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str | int):  # anything nested could take for ever to hash
                self._damaged(f"a key of type {type(key).__name__}")
            target[key] = value

    def _set_item(self) -> None:
        pair = list(self._pop_tuple(2))
        self._put_many(pair)

    def _append_many(self, values: list[Any]) -> None:
        self._top(list).extend(values)

    def _append(self) -> None:
        value = self._pop()
        self._append_many([value])

    def _push_global(self, module: str, name: str) -> None:
        known = (
            (module == "collections" and name == "OrderedDict")
            or (module == "torch._utils" and name in REBUILDERS)
            or (module == "torch" and name in STORAGES)
        )
        if not known:
            raise WeightsError(
                f"{self.file} asks for '{module}.{name}', which no tensor needs. Nothing of it was run.",
                expected="tensors and nothing else",
                hint="do not open this file with anything that runs pickles; get the model as safetensors",
            )
        self.stack.append(Global(module, name))

    def _push_stack_global(self) -> None:
        module, name = self._pop_tuple(2)
        if not isinstance(module, str) or not isinstance(name, str):
            self._damaged("a name that is no text")
        self._push_global(module, name)

    def _reduce(self) -> None:
        called, arguments = self._pop_tuple(2)
        if not isinstance(called, Global) or not isinstance(arguments, tuple):
            self._damaged("a call of something that is no name")
        if called.name == "OrderedDict":
            if arguments:
                self._damaged("an OrderedDict with arguments")
            self.stack.append({})
        elif called.name == "_rebuild_parameter":
            if not arguments or not isinstance(arguments[0], View):
                self._damaged("a parameter without a tensor")
            self.stack.append(arguments[0])
        elif called.name in REBUILDERS:
            self.stack.append(self._view(*arguments[:4]) if len(arguments) >= 4 else self._no_tensor())
        else:
            self._damaged("a call of a storage")

    def _build(self) -> None:
        self._pop()  # a state dictionary's version numbers, of no use here
        self._top(dict)

    def _push_storage(self) -> None:
        identity = self._pop()
        # ("storage", type, key, device, elements), in old files also None or a part of another
        match identity:
            case ("storage", Global("torch", kind), str(key), str(), int(elements), *rest):
                whole = not rest or rest == [None]
                if whole and kind in STORAGES and not isinstance(elements, bool) and elements >= 0:
                    self.stack.append(Storage(STORAGES[kind], key, elements))
                    return
        self._damaged("a storage of an unknown form")

    def _view(self, storage: object, offset: object, shape: object, strides: object) -> View:
        if not isinstance(storage, Storage) or not is_shape(shape) or not isinstance(strides, tuple):
            self._no_tensor()
        # Lengths are compared first: a call that names a long tuple again costs the file three bytes.
        if len(shape) != len(strides) or not isinstance(offset, int):
            self._no_tensor()
        if not all(isinstance(number, int) and 0 <= number < 2**48 for number in (offset, *strides)):
            self._no_tensor()
        elements = math.prod(shape)
        last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        # More elements than the storage has would mean that they lie over each other: no weight does, and a
        # file of a few bytes could ask for any amount of memory that way.
        if elements and (last >= storage.elements or elements > storage.elements):
            self._damaged("a tensor that reaches outside its storage")
        return View(storage, offset, tuple(shape), strides)

    def _no_tensor(self) -> NoReturn:
        self._damaged("a tensor of an unknown form")


Action = Callable[[TensorPickle], None]


def _push(value: Any) -> Action:  # any constant
    return lambda machine: machine.stack.append(value)


def _push_new(kind: Callable[[], Any]) -> Action:
    return lambda machine: machine.stack.append(kind())


def _push_number(layout: str) -> Action:
    return lambda machine: machine.stack.append(machine._number(layout))


def _push_text(layout: str, encoding: str) -> Action:
    return lambda machine: machine._push_text(layout, encoding)


def _push_tuple(size: int) -> Action:
    return lambda machine: machine.stack.append(machine._pop_tuple(size))


def _get(layout: str) -> Action:
    return lambda machine: machine._get(layout)


def _put(layout: str) -> Action:
    return lambda machine: machine._put(machine._number(layout))


ACTIONS: dict[bytes, Action] = {
    b"\x80": lambda machine: machine._number("<B"),  # protocol
    b"\x95": lambda machine: machine._number("<Q"),  # frame length
    b"(": _push(MARK),
    b"N": _push(None),
    b"\x88": _push(True),
    b"\x89": _push(False),
    b"K": _push_number("<B"),
    b"M": _push_number("<H"),
    b"J": _push_number("<i"),
    b"G": _push_number(">d"),
    b"\x8a": TensorPickle._push_long,
    b"X": _push_text("<I", "utf-8"),
    b"\x8c": _push_text("<B", "utf-8"),
    b"T": _push_text("<i", "latin-1"),  # texts of Python 2
    b"U": _push_text("<B", "latin-1"),
    b"]": _push_new(list),
    b"}": _push_new(dict),
    b")": _push(()),
    b"\x85": _push_tuple(1),
    b"\x86": _push_tuple(2),
    b"\x87": _push_tuple(3),
    b"t": lambda machine: machine.stack.append(tuple(machine._pop_many())),
    b"a": TensorPickle._append,
    b"e": lambda machine: machine._append_many(machine._pop_many()),
    b"s": TensorPickle._set_item,
    b"u": lambda machine: machine._put_many(machine._pop_many()),
    b"h": _get("<B"),
    b"j": _get("<I"),
    b"q": _put("<B"),
    b"r": _put("<I"),
    b"\x94": lambda machine: machine._put(len(machine.memo)),
    b"c": lambda machine: machine._push_global(machine._line(), machine._line()),
    b"\x93": TensorPickle._push_stack_global,
    b"R": TensorPickle._reduce,
    b"b": TensorPickle._build,
    b"Q": TensorPickle._push_storage,
}
