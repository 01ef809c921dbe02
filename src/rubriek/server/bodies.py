"""Request bodies: of a named type, inflated, in bounded time, and all of them together in bounded memory."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from rubriek.server import memory
from rubriek.server.problems import Problem, too_large

if TYPE_CHECKING:
    from starlette.requests import Request

    from rubriek.server.limits import Limits

JSON = "application/json"
UNTYPED = ""
"""Of a body without a Content-Type."""

FREE_BYTES = 32 * 1024
"""So much of each body is not counted: small requests are read while large ones fill the room."""
MAX_LARGE_BODIES = 4
"""The room holds so many bodies of the largest size."""
LARGE = 1024 * 1024
RETURN_AFTER = 1.0
"""Seconds after which the memory of bodies larger than that is given back."""
PIECE = 64 * 1024
"""Bytes that are inflated at once."""
RETRY_AFTER = 2
GZIP = 16 + zlib.MAX_WBITS


class Room:
    """The memory that a process sets aside for bodies: those on their way, and those being answered.

    Parameters
    ----------
    limits : Limits
        Its ``body_bytes`` are the largest body.
    """

    def __init__(self, limits: Limits) -> None:
        self.most = MAX_LARGE_BODIES * limits.body_bytes
        self.taken = 0
        self._returning: asyncio.TimerHandle | None = None

    def share(self) -> Share:
        """Begin a request."""
        return Share(self)

    def free(self, size: int) -> None:
        """Take back what a request held; a while after a large body, its memory goes back to the system."""
        self.taken -= size
        if size > LARGE and self._returning is None:
            self._returning = asyncio.get_running_loop().call_later(RETURN_AFTER, self._give_back)

    def _give_back(self) -> None:
        self._returning = None
        asyncio.get_running_loop().run_in_executor(None, memory.give_back)


class Share:
    """What the body of one request takes of the room."""

    __slots__ = ("_room", "_taken")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken = 0

    def hold(self, size: int) -> None:
        """Hold so many bytes from now on, those that were held before included.

        Raises
        ------
        Problem
            503 if there is no room for them.
        """
        taken = max(0, size - FREE_BYTES)
        self.check(size)
        self._room.taken += taken - self._taken
        self._taken = taken

    def check(self, size: int) -> None:
        """Refuse a size for which there is no room; see `hold`."""
        more = max(0, size - FREE_BYTES) - self._taken
        if more > 0 and self._room.taken + more > self._room.most:
            raise Problem(
                503,
                "Overloaded",
                "There is no room for another large body now.",
                expected=f"at most {self._room.most} bytes in all large bodies together",
                hint=f"try again in {RETRY_AFTER} s, or send smaller requests",
                headers={"Retry-After": str(RETRY_AFTER)},
            )

    def release(self) -> None:
        """End the request."""
        self._room.free(self._taken)
        self._taken = 0


def media_type(request: Request) -> str:
    """Read what the body is said to be, without its parameters; empty where nothing is said."""
    return request.headers.get("content-type", UNTYPED).partition(";")[0].strip().lower()


def require_type(request: Request, *types: str) -> None:
    """Refuse a body of any type but these: no other site can have a browser send one as JSON.

    Raises
    ------
    Problem
        415.
    """
    given = media_type(request)
    if given not in types:
        raise Problem(
            415,
            "Validation",
            "The body is of a type that is not read here.",
            expected=f"Content-Type: {' or '.join(filter(None, types))}",
            found=repr(given[:50]) if given else "no Content-Type",
        )


def chunks(request: Request) -> AsyncIterator[bytes]:
    """Iterate over a body as it arrives, inflated piece by piece if it is compressed.

    Raises
    ------
    Problem
        At once, 415 if it is compressed otherwise than with gzip; later, 400 if that is damaged, and 499 if
        the client has gone.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        raise Problem(
            415,
            "Validation",
            "The body is compressed in a way that is not read here.",
            expected="Content-Encoding: gzip, or none",
            found=repr(coding[:50]),
        )
    return _chunks(request, None if coding == "identity" else zlib.decompressobj(GZIP))


async def _chunks(request: Request, inflater: zlib._Decompress | None) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if inflater is None:
                yield chunk
                continue
            async for piece in _inflated(inflater, chunk):
                yield piece
    except ClientDisconnect as error:
        raise Problem(499, "Gone", "The client has gone.") from error
    if inflater is not None and not inflater.eof:
        raise _damaged("it is cut off")


async def _inflated(inflater: zlib._Decompress, chunk: bytes) -> AsyncIterator[bytes]:
    while chunk:
        try:
            yield inflater.decompress(chunk, PIECE)
        except zlib.error as error:
            raise _damaged(str(error)) from error
        if inflater.unused_data:
            raise _damaged("more follows its end")
        chunk = inflater.unconsumed_tail
        await asyncio.sleep(0)


def _damaged(found: str) -> Problem:
    return Problem(400, "Validation", "The body is not gzip.", expected="one gzip stream", found=found)


async def read(request: Request, limits: Limits, share: Share) -> bytearray:
    """Read a whole body, of bounded size, in bounded time.

    Raises
    ------
    Problem
        413, 408 or 503.
    """
    most = limits.body_bytes
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        if int(length[:20]) > most:
            raise body_too_large(most)
        share.check(int(length))
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_timeout):
            async for chunk in chunks(request):
                if len(body) + len(chunk) > most:
                    raise body_too_large(most)
                share.hold(len(body) + len(chunk))
                body += chunk
    except TimeoutError as error:
        raise Problem(
            408,
            "Timeout",
            "The body did not arrive in time.",
            expected=f"all of it within {limits.body_timeout:g} s",
            headers={"Connection": "close"},
        ) from error
    return body


def body_too_large(most: int) -> Problem:
    """Say that a body passes the limit."""
    return too_large(
        "The body is too large.",
        expected=f"at most {most} bytes",
        hint="send several requests, or stream the texts as application/x-ndjson",
    )
