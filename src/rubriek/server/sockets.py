"""The listening socket: opened before there is anything to serve, closed so that nobody is cut off."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys

from rubriek.errors import ServiceError

BACKLOG = 2048
SO_ATTACH_FILTER = 26

# Classic BPF over the TCP header: byte 13 holds the flags; SYN without ACK opens a connection.
_DROP_SYN = [
    (0x30, 0, 0, 13),  # load byte 13
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # only SYN?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # let pass
]


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


def let_nobody_in(listening: socket.socket) -> None:
    """Let no further connection begin, so that all that have begun can be accepted before the socket closes.

    A connection that the system has set up and nobody has accepted is reset when the socket closes, with the
    request that may be in it. On Linux a filter (``SO_ATTACH_FILTER``, socket(7)) drops what would begin
    another: such a client tries again a second later, and then finds the port closed or another process
    behind it. Elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    held = ctypes.create_string_buffer(program)
    described = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(held))
    with contextlib.suppress(OSError):  # a sandbox without it closes as any socket does
        listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
