"""A client that costs the CPU little: kept-alive connections over asyncio, answers read by httptools.

The generator shares the cores with the service under test. httpx takes about a millisecond of CPU a request,
which at a few hundred requests a second would be a good part of what is measured.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httptools

IDLE_SECONDS = 2.0
"""A connection that was idle longer is not used again: servers close theirs after some 5 s, and a request
that meets the closing would be lost by nobody's fault."""


class Answer(NamedTuple):
    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self.idle_since = self._loop.time()
        self.open = False

    async def ask(self, request: bytes) -> Answer:
        """Send the bytes of a request and wait for the answer.

        Raises
        ------
        ConnectionError
            If the connection ends, or what comes is not HTTP, before the answer is whole.
        """
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answer = self._loop.create_future()
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None
            self.idle_since = self._loop.time()

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.open = transport, True

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # not asked for: a server that says why it closes, say
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"not HTTP: {error}"))
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        self._fail(ConnectionError(f"closed before the answer was whole: {error}"))

    def _fail(self, error: ConnectionError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    # httptools calls these

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.open = False
        if status >= 200 and self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, b"".join(self._body)))


class Pool:
    """As many connections to one port of 127.0.0.1 as are in use at once."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()

    async def ask(self, request: bytes) -> Answer:
        connection = await self._take()
        try:
            answer = await connection.ask(request)
        except BaseException:
            self._drop(connection)
            raise
        if connection.open:
            self._idle.append(connection)
        else:
            self._drop(connection)
        return answer

    async def _take(self) -> Connection:
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()
            if connection.open and loop.time() - connection.idle_since < IDLE_SECONDS:
                return connection
            self._drop(connection)
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        self._all.add(connection)
        return connection

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._all.discard(connection)

    def close(self) -> None:
        for connection in tuple(self._all):
            self._drop(connection)
        self._idle.clear()


@asynccontextmanager
async def pool(port: int) -> AsyncIterator[Pool]:
    connections = Pool(port)
    try:
        yield connections
    finally:
        connections.close()


def allow_connections() -> None:
    """Raise this process's own limit of open files as far as it goes: each request in flight needs one."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def post(port: int, path: str, body: bytes) -> bytes:
    """A request as it goes over the wire; made before a stage, so that sending is one write."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
