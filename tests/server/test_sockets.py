from __future__ import annotations

import socket
import threading

import pytest

from rubriek.errors import ServiceError
from rubriek.server.sockets import accept_the_rest, listen


def test_whoever_has_connected_is_accepted_before_the_socket_closes():
    listening = listen("127.0.0.1", 0)
    address = listening.getsockname()
    clients = [socket.create_connection(address, timeout=60) for _ in range(20)]
    for client in clients:
        client.sendall(b"x")
    accepted = accept_the_rest(listening)
    assert {one.getpeername() for one in accepted} == {client.getsockname() for client in clients}
    assert all(one.recv(1) == b"x" for one in accepted)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=60)
    for one in [*accepted, *clients]:
        one.close()


def test_clients_that_never_stop_do_not_keep_it_open():
    listening = listen("127.0.0.1", 0)
    address = listening.getsockname()
    opened: list[socket.socket] = []

    def connect() -> None:
        while True:
            try:
                opened.append(socket.create_connection(address, timeout=60))
            except OSError:
                return

    thread = threading.Thread(target=connect)
    thread.start()
    accepted = accept_the_rest(listening)
    thread.join(60)
    assert not thread.is_alive()
    for one in [*accepted, *opened]:
        one.close()


def test_a_port_that_is_taken_is_said_to_be():
    with listen("127.0.0.1", 0) as listening, pytest.raises(ServiceError, match="Nothing can listen"):
        listen(*listening.getsockname())
