"""Changes a file so that most of it still makes sense: what a parser refuses at once tests little of it."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Mutate = Callable[[Random, bytes], bytes]

MAX_SIZE = 200_000
"""Bytes that a mutated file may grow to; what needs larger files has tests of its own."""

NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**47,
    2**62,
    2**63,
    2**64 - 1,
)
JUNK: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 0.5, 1e308, 2**31, 2**63, 10**400, "", "a", "\ud800", "\0", "é" * 300),
    *([], {}, [[]], [0] * 9, [0, 2**47, 2**47, 2**47], {"a": {}}, "../../a", "/etc/passwd", "a//b", "nul"),
)
NAMES = (
    "",
    "/",
    "a//b",
    "../a",
    "/tmp/a",
    "a/../../b",
    "con",
    "a\\b",
    "A" * 300,
    "é",
    "a\n",
    ".",
    "./a",
    "a/",
)
WIRE_VARINT, WIRE_8, WIRE_COUNTED, WIRE_4 = 0, 1, 2, 5


def raw(random: Random, data: bytes) -> bytes:
    """Change bytes anywhere."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(changed) + 1)
        end = min(len(changed), at + random.randint(1, 16))
        match random.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1 if at < len(changed):
                changed[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
            case 2:
                del changed[at:end]
            case 3:
                changed[at:at] = changed[at:end] * random.choice((1, 2, 50))
            case 4:
                size = random.choice((1, 2, 4, 8))
                number = random.choice(NUMBERS) % 256**size
                changed[at : at + size] = number.to_bytes(size, random.choice(("little", "big")))
            case 5:
                other = random.randrange(len(changed) + 1)
                changed[at:end] = changed[other : other + end - at]
            case 6 if random.random() < 0.3:
                del changed[at:]
    return bytes(changed[:MAX_SIZE])


def text_of(*tokens: str) -> Mutate:
    """Change lines, and put in what means something to the parser."""

    def mutate(random: Random, data: bytes) -> bytes:
        lines = data.split(b"\n")
        at = random.randrange(len(lines))
        line = lines[at]
        place = random.randrange(len(line) + 1)
        match random.randrange(6):
            case 0:
                lines[at:at] = [line] * random.choice((1, 2, 200))
            case 1:
                del lines[at]
            case 2:
                random.shuffle(lines)
            case 3:
                return raw(random, data)
            case _:
                token = random.choice(tokens).encode("utf-8", "surrogatepass")
                lines[at] = line[:place] + token * random.choice((1, 1, 1, 2, 300)) + line[place:]
        return b"\n".join(lines)[:MAX_SIZE]

    return mutate


def json_text(random: Random, data: bytes) -> bytes:
    """Change a value, a key or the nesting of JSON."""
    chance = random.random()
    if chance < 0.15:
        return raw(random, data)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return raw(random, data)
    if chance < 0.25:
        deep = random.choice(("[", '{"a":')) * random.choice((70, 2_000, 100_000))
        return (
            json.dumps(value).replace(random.choice(("0", "1", "{}", "[", '"')), deep, 1).encode()[:MAX_SIZE]
        )
    if chance < 0.3 and isinstance(value, dict) and value:
        key = random.choice(list(value))
        twice = json.dumps({key: value[key]})[:-1] + ", "
        return json.dumps(value).replace("{", twice, 1).encode()
    holders = [holder for holder in _holders(value) if holder]
    if not holders:
        return json.dumps(random.choice(JUNK)).encode()
    holder = random.choice(holders)
    key = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    match random.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(NAMES)] = holder.pop(key)
        case 2:
            other = random.choice(holders)
            values = list(other.values()) if isinstance(other, dict) else other
            holder[key] = json.loads(json.dumps(random.choice(values)))
        case _:
            holder[key] = random.choice(JUNK)
    return json.dumps(value).encode()[:MAX_SIZE]


def _holders(value: Any) -> list[Any]:
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            found.append(one)
            waiting += one.values() if isinstance(one, dict) else one
    return found


def json_lines(random: Random, data: bytes) -> bytes:
    """Change one line of JSON, or the lines."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    if random.random() < 0.7:
        lines[at] = json_text(random, lines[at])
        return b"\n".join(lines)
    return text_of('"', "{", "\\", "\ud800", "\r", "\u2028", "NaN", "1e999", "0" * 500)(random, data)


def safetensors(random: Random, data: bytes) -> bytes:
    """Change the header of a safetensors file; its length mostly follows."""
    size = int.from_bytes(data[:8], "little")
    if random.random() < 0.2 or not 0 < size < len(data):
        return raw(random, data)
    header = json_text(random, data[8 : 8 + size])
    stated = len(header) if random.random() < 0.9 else random.choice(NUMBERS)
    return stated.to_bytes(8, "little") + header + data[8 + size :]


def zipped(inside: Callable[[str], Mutate]) -> Mutate:
    """Change an entry of a zip, by its name, or the entries; ``inside`` says how each is changed."""

    def mutate(random: Random, data: bytes) -> bytes:
        if random.random() < 0.15:
            return raw(random, data)
        try:
            entries = unpacked(data)
        except Exception:  # whatever a zip that was changed before makes of the reader
            return raw(random, data)
        if not entries:
            return raw(random, data)
        at = random.randrange(len(entries))
        name, content = entries[at]
        match random.randrange(10):
            case 0:
                folder = random.choice(("", f"{name.rpartition('/')[0]}/"))
                entries[at] = (folder + random.choice(NAMES), content)
            case 1:
                del entries[at]
            case 2:
                entries.insert(at, (random.choice((name, name.upper(), f"{name}/a", f"a/{name}")), content))
            case _:
                entries[at] = (name, inside(name)(random, content))
        changed = packed(
            entries, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        )
        return raw(random, changed) if random.random() < 0.1 else changed

    return mutate


def unpacked(data: bytes) -> list[tuple[str, bytes]]:
    """Return the entries of a zip, with the contents of small ones."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        small = [entry for entry in archive.infolist()[:200] if entry.file_size < MAX_SIZE]
        return [(entry.filename, archive.read(entry)) for entry in small]


def packed(entries: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """Write a zip; the same entries give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries:
            archive.writestr(_entry(name, method), content)
    return stream.getvalue()


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo()
    entry.filename, entry.compress_type = name, method  # the constructor would tidy the name up
    return entry


def protobuf(random: Random, data: bytes) -> bytes:
    """Change a field of a protobuf message, at any depth; the lengths around it follow."""
    if random.random() < 0.1:
        return raw(random, data)
    fields = _fields(data)
    if not fields:
        return raw(random, data)
    at = random.randrange(len(fields))
    number, form, value = fields[at]
    choice = random.randrange(8)
    if choice == 0:
        del fields[at]
    elif choice == 1:
        fields[at:at] = [fields[at]] * random.choice((1, 2, 100))
    elif choice == 2:
        fields[at] = (random.randint(1, 30), form, value)
    elif form == WIRE_VARINT:
        fields[at] = (number, form, random.choice((*NUMBERS, value + 1, random.randrange(40))))
    elif form == WIRE_COUNTED:
        inner = protobuf if len(value) > 1 and choice > 3 else raw
        fields[at] = (number, form, inner(random, value))
    else:
        fields[at] = (number, form, random.randbytes(len(value)))
    return b"".join(_field(*one) for one in fields)[:MAX_SIZE]


def _fields(data: bytes) -> list[tuple[int, int, Any]]:
    """Take a message apart; an empty list where it is none."""
    fields: list[tuple[int, int, Any]] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        form = tag & 7
        if form == WIRE_VARINT:
            value, at = _varint(data, at)
            fields.append((tag >> 3, form, value))
            continue
        if form == WIRE_COUNTED:
            size, at = _varint(data, at)
        elif form in (WIRE_8, WIRE_4):
            size = 8 if form == WIRE_8 else 4
        else:
            return []
        fields.append((tag >> 3, form, data[at : at + size]))
        at += size
    return fields if at == len(data) and all(number for number, _, _ in fields) else []


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return value, at
    return 0, len(data) + 1


def _field(number: int, form: int, value: Any) -> bytes:
    head = _written(number << 3 | form)
    if form == WIRE_VARINT:
        return head + _written(value % 2**64)
    return head + (_written(len(value)) if form == WIRE_COUNTED else b"") + bytes(value)


def _written(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


OPCODES = (
    *(b"]", b"}", b")", b"(", b"N", b"\x88", b"K\x00", b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\xff", b"\x85"),
    *(b"\x86", b"\x87", b"t", b"a", b"e", b"s", b"u", b"h\x00", b"q\x00", b"\x94", b"R", b"b", b"Q", b"."),
    *(b"T\xff\xff\xff\xff", b"X\xff\xff\xff\xff", b"X\x01\x00\x00\x00a", b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
    *(
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"cos\nsystem\n",
        b"h\x00h\x00\x86q\x00",
    ),
)


def pickled(random: Random, data: bytes) -> bytes:
    """Change the opcodes of a pickle."""
    try:
        starts = [at for _, _, at in pickletools.genops(data) if at is not None]
    except Exception:  # a pickle that was changed before
        return raw(random, data)
    at = random.randrange(len(starts))
    start, end = starts[at], (*starts, len(data))[at + 1]
    match random.randrange(6):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + data[start:end] * random.choice((1, 2, 40)) + data[end:]
        case 2:
            other = random.randrange(len(starts))
            moved = data[starts[other] : (*starts, len(data))[other + 1]]
            return data[:start] + moved + data[start:]
        case 3:
            return data[:start] + random.choice(OPCODES) * random.choice((1, 1, 1, 40)) + data[start:]
        case 4 if end - start > 1:
            return data[: start + 1] + random.randbytes(end - start - 1) + data[end:]
        case _:
            return raw(random, data)
