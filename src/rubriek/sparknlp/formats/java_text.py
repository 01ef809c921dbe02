"""Modified UTF-8, in which Java serialises text: NUL takes two bytes, and what lies above U+FFFF six."""

from __future__ import annotations


def decode_text(data: bytes) -> str:
    r"""Read modified UTF-8.

    Surrogates that make a pair become the character they stand for; a lone one stays, as it does in Java.

    Raises
    ------
    ValueError
        If the bytes are none.

    Examples
    --------
    >>> decode_text(bytes.fromhex("eda0bdedb880"))
    '😀'
    >>> decode_text(b"a\xc0\x80b")
    'a\x00b'
    """
    if data.isascii():
        return data.decode("ascii")
    if any(byte >= 0xF0 for byte in data):
        raise ValueError("a sequence of four bytes")
    text = data.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def encode_text(text: str) -> bytes:
    """Write modified UTF-8.

    Examples
    --------
    >>> encode_text("één 😀").hex(" ")
    'c3 a9 c3 a9 6e 20 ed a0 bd ed b8 80'
    """
    if text.isascii() and "\0" not in text:
        return text.encode("ascii")
    units = text.encode("utf-16-le", "surrogatepass")
    halves = "".join(chr(unit) for unit in memoryview(units).cast("H"))
    return halves.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")
