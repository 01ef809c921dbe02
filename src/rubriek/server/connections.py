"""One connection of the HTTP server: bounded headers, no dawdling, and no request cut off at the end."""

from __future__ import annotations

import os
from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from rubriek.server.problems import Problem

MAX_HEADER_BYTES = 16 * 1024
"""Bytes of a request line with its headers; of a chunk's head, or of trailers, too."""
MAX_HEADERS = 100
MAX_PIPELINED = 16
"""Requests that may wait on a connection while one before them is answered."""
GRACE = 0.3
"""Seconds that a connection stays open when the service ends if it has had an answer: a request may be on its
way."""
FIRST_GRACE = 2.0
"""The same for a connection that is new: its request is all but certain to be on its way."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with limits for headers and a softer end."""

    _header_timer: TimerHandle | None = None
    _patience: float
    _unread = 0
    """Bytes of headers, of a chunk's head or of trailers in the parser, which has no limit of its own."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin: the first request has to come soon."""
        super().connection_made(transport)
        self._patience = self.app.state.service.limits.body_timeout
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes, in parts no larger than headers may be; those of a further request start its time."""
        if self._header_timer is None and self.cycle is not None and self.cycle.response_complete:
            self._await_headers()
        for start in range(0, len(data), MAX_HEADER_BYTES):
            if self.transport.is_closing():
                return
            part = data[start : start + MAX_HEADER_BYTES]
            self._unread += len(part)
            super().data_received(part)
            if self._unread > MAX_HEADER_BYTES and not self.transport.is_closing():
                self._refuse_headers(f"more than {MAX_HEADER_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._refuse_headers(f"more than {MAX_HEADERS} headers")
            raise OverflowError  # has the parser stop here

    def on_headers_complete(self) -> None:
        """Hand over a request: its headers are there."""
        self._unread = 0
        self._stop_waiting()
        if len(self.pipeline) >= MAX_PIPELINED:
            self.transport.close()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request is whole."""
        self._unread = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP; nothing follows an answer that closes the connection."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close when the service ends: after the answer that is under way, or after a moment's grace."""
        if self.cycle is None:
            self.loop.call_later(FIRST_GRACE, super().shutdown)
        elif self.cycle.response_complete:
            self.loop.call_later(GRACE, super().shutdown)
        else:
            super().shutdown()

    def _refuse_headers(self, found: str) -> None:
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy:  # else this would be read as the answer to the request that is under way
            problem = Problem(
                431,
                "Validation",
                "The headers are too large.",
                expected=f"at most {MAX_HEADER_BYTES} bytes and {MAX_HEADERS} headers",
                found=found,
            )
            body = bytes(problem.response(os.urandom(8).hex()).body)
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(STATUS_LINE[431] + head % len(body) + body)
        self.transport.close()

    def _await_headers(self) -> None:
        self._header_timer = self.loop.call_later(self._patience, self._let_go)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _let_go(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self.transport.close()
