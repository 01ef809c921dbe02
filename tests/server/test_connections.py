"""One connection: how much of headers it takes before anything else is looked at."""

from __future__ import annotations

import json
import socket

import pytest
from serving_process import PATIENCE, serving

from rubriek.server.connections import MAX_HEADER_BYTES, MAX_HEADERS, MAX_PIPELINED

GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def answer(port: int, *sent: bytes) -> bytes:
    """All that comes back; the service may close before all was sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        try:
            for part in sent:
                client.sendall(part)
        except OSError:
            pass
        received = b""
        try:
            while part := client.recv(65_536):
                received += part
        except ConnectionResetError:
            pass
        return received


def test_headers_up_to_the_limit_are_read(process):
    filling = b"X: %s\r\nConnection: close\r\n\r\n"
    rest = MAX_HEADER_BYTES - len(GET + filling) + 2
    assert answer(process.port, GET + filling % (b"a" * rest)).startswith(b"HTTP/1.1 200")
    many = b"".join(b"X-%d: a\r\n" % number for number in range(MAX_HEADERS - 2))
    assert answer(process.port, GET + many + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent",
    [
        [GET + b"X: " + b"a" * MAX_HEADER_BYTES],
        [GET + b"a" * MAX_HEADER_BYTES],
        [b"GET /" + b"a" * MAX_HEADER_BYTES],
        [GET, *[b"X: " + b"a" * 1000 + b"\r\n"] * 20],
        [GET + b"X: a\r\n" * (MAX_HEADERS + 1)],
    ],
    ids=["one value", "one name", "the address", "little by little", "many"],
)
def test_headers_beyond_the_limit_are_refused_before_the_request_is(process, sent):
    head, _, body = answer(process.port, *sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error_type"] == "Validation"


def test_no_more_is_taken_in_than_the_limit(process):
    with socket.create_connection(("127.0.0.1", process.port), timeout=PATIENCE) as client:
        client.sendall(GET + b"X: ")
        with pytest.raises(OSError):
            client.sendall(b"a" * 64 * 1_048_576)


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED + b"2;x=" + b"a" * MAX_HEADER_BYTES * 2,
        CHUNKED + b"2\r\n{}\r\n0\r\nX: " + b"a" * MAX_HEADER_BYTES * 2,
        CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: a\r\n" * MAX_HEADERS * 2,
    ],
    ids=["a chunk's extension", "a trailer", "many trailers"],
)
def test_what_stands_around_chunks_has_the_same_limits(process, sent):
    assert b" 200 " not in answer(process.port, sent)
    assert answer(process.port, GET + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_large_bodies_are_not_taken_for_headers(process):
    body = json.dumps({"texts": ["koning " * 10_000] * 10}).encode()
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert answer(process.port, head + body).startswith(b"HTTP/1.1 200")
    head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body)
    assert answer(process.port, head + body + b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_few_requests_wait_on_a_connection(process):
    some = answer(process.port, (GET + b"\r\n") * MAX_PIPELINED + GET + b"Connection: close\r\n\r\n")
    assert some.count(b"HTTP/1.1 200") == MAX_PIPELINED + 1
    assert answer(process.port, (GET + b"\r\n") * 1000).count(b"HTTP/1.1 200") <= MAX_PIPELINED + 1


def test_hosts_beside_loopback_are_answered_when_they_are_named(tiny_a):
    with serving("--model", f"tiny-a={tiny_a.folder}", "--allowed-hosts", "rubriek.example") as service:
        for host, status in (
            (b"rubriek.example", b"200"),
            (b"RUBRIEK.example:8000", b"200"),
            (b"localhost", b"200"),
            (b"evil.example", b"421"),
        ):
            sent = b"GET /v1/models HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host
            assert answer(service.port, sent).startswith(b"HTTP/1.1 " + status), host
