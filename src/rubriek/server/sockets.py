"""The listening socket: opened before there is anything to serve, closed when nobody connects any more."""

from __future__ import annotations

import socket
import time

from rubriek.errors import ServiceError

BACKLOG = 2048
IDLE_SECONDS = 0.1
"""The socket closes when nobody has connected for so long."""
MAX_LAST_SECONDS = 1.0
"""It closes after so long in any case."""


def listen(host: str, port: int) -> socket.socket:
    """Open the socket; port 0 takes a free one.

    Raises
    ------
    ServiceError
        If it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ServiceError(
            f"Nothing can listen on {host}, port {port}.",
            found=str(error),
            hint="is it running already? choose another --port; 0 takes a free one",
        ) from error


def url_of(listening: socket.socket) -> str:
    """Say where a socket listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def accept_the_rest(listening: socket.socket) -> list[socket.socket]:
    """Accept connections until none begin any more, then close the socket.

    A connection that the system has set up and nobody has accepted is reset when the socket closes, with the
    request that may be in it. So nothing else may run between looking for the last connection and closing.
    The event loop stands still meanwhile, which helps: clients that ask one request after the other wait for
    answers, and the socket falls silent.
    """
    accepted: list[socket.socket] = []
    end = time.monotonic() + MAX_LAST_SECONDS
    with listening:
        while True:
            listening.settimeout(min(IDLE_SECONDS, max(0.0, end - time.monotonic())))
            try:
                accepted.append(listening.accept()[0])
            except OSError:  # nobody came, or there are no more files to open
                return accepted
