"""One connection of the HTTP server: clients that dawdle are let go, those that just came are not cut off."""

from __future__ import annotations

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE = 0.3
"""Seconds that an idle connection stays open when the service ends: a request may be on its way."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with a time for headers and a softer end."""

    _header_timer: TimerHandle | None = None
    _patience: float

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin: the first request has to come soon."""
        super().connection_made(transport)
        self._patience = self.app.state.service.limits.body_timeout
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first of a further request start its time."""
        if self._header_timer is None and self.cycle is not None and self.cycle.response_complete:
            self._await_headers()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Hand over a request: its headers are there."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close when the service ends: after the answer that is under way, or after a moment's grace."""
        if self.cycle is not None and not self.cycle.response_complete:
            super().shutdown()
        else:
            self.loop.call_later(GRACE, super().shutdown)

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
