"""What attacks on the service do to others: a 3,000-character classify before and during each; lost requests.

``python -m benchmarks.attacks`` starts services of its own on loopback, for some two minutes. The attackers
run in a process of their own, on the same cores as the service: part of what they cost is their own work.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import random
import signal
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.processes import memory
from benchmarks.report import row
from benchmarks.serving.services import RUBRIEK, SERVICES, Running
from benchmarks.texts import mixed_texts
from rubriek import hub

SPAWN = multiprocessing.get_context("spawn")
CHARACTERS = 3000
QUIET_REQUESTS = 60
PAUSE = 0.05
PATIENCE = 60
MIB = 1024 * 1024
CLIENTS = 24
JSON = "application/json"
NDJSON = "application/x-ndjson"


def connect(port: int) -> socket.socket:
    """Open a connection to the service."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def head(path: str, kind: str, length: int | None) -> bytes:
    """Write the head of a POST; without a length its body is chunked."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{size}\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    """Write a chunk of a body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def explanations(port: int) -> None:
    """Ask for 60 explanations of texts without a word, and leave."""
    body = json.dumps({"text": "\u200b" * 200_000, "spans": 1}).encode()
    with contextlib.ExitStack() as opened:
        for _ in range(60):
            client = opened.enter_context(connect(port))
            client.sendall(head("/v1/explain", JSON, len(body)) + body)
        time.sleep(0.5)


def headers(port: int) -> None:
    """Send up to 64 MiB of headers."""
    with connect(port) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(64):
            client.sendall(b"X: %s\r\n" % (b"a" * MIB))


def one_header(port: int) -> None:
    """Send one header of 160 MiB."""
    with connect(port) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ")
        for _ in range(160):
            client.sendall(b"a" * MIB)


def held_bodies(port: int) -> None:
    """Hold back the last two bytes of 80 bodies of 16 MiB."""
    body = b" " * (16 * MIB - 2)
    with contextlib.ExitStack() as opened:
        for _ in range(80):
            client = opened.enter_context(connect(port))
            with contextlib.suppress(OSError):
                client.sendall(head("/v1/classify", JSON, len(body) + 2) + body)
        time.sleep(2)


def empty_objects(port: int) -> None:
    """Send 12 bodies of 16 MiB of empty objects."""
    body = b"[" + b"{}," * (16 * MIB // 3 - 1) + b"{}]"

    def send() -> None:
        with contextlib.suppress(OSError), connect(port) as client:
            client.sendall(head("/v1/classify", JSON, len(body)) + body)
            client.recv(4096)

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def drip(port: int) -> None:
    """Hold 16 streams open with an unfinished line of 15 MiB, a byte a chunk."""
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(connect(port)) for _ in range(16)]
        for client in clients:
            with contextlib.suppress(OSError):
                client.sendall(head("/v1/classify", NDJSON, None) + chunk(b'"' + b"a" * (15 * MIB)))
        for _ in range(300):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(chunk(b"a") * 20)
            time.sleep(0.01)


ATTACKS = (explanations, headers, one_header, held_bodies, empty_objects, drip)


def attack(name: str, port: int, seconds: float) -> None:
    """Repeat an attack; the service may refuse or close at any time."""
    once: Callable[[int], None] = globals()[name]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            once(port)


@dataclass
class Watched:
    """What others got."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def ask(self, port: int, body: bytes) -> None:
        """Classify once."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("POST", "/v1/classify", body, {"Content-Type": JSON})
            response = connection.getresponse()
            response.read()
            self.failed += response.status != http.client.OK
        except (OSError, http.client.HTTPException):
            self.failed += 1
        finally:
            connection.close()
        self.seconds.append(time.monotonic() - started)

    @property
    def cells(self) -> list[str]:
        """Requests, failures, p50, p99 and maximum in milliseconds."""
        ordered = sorted(self.seconds)
        shown = [statistics.median(ordered), self.p99, ordered[-1]]
        return [str(len(ordered)), str(self.failed), *(f"{1000 * value:.0f}" for value in shown)]

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        return sorted(self.seconds)[-1 - len(self.seconds) // 100]


def questions() -> Iterator[bytes]:
    """Bodies that ask about 3,000 characters, all different: equal texts in flight are computed once."""
    words = " ".join(mixed_texts()).split()
    choose = random.Random(1)
    while True:
        text = " ".join(choose.choices(words, k=CHARACTERS))[:CHARACTERS]
        yield json.dumps({"text": text}).encode()


@contextlib.contextmanager
def service() -> Iterator[Running]:
    """Start `rubriek serve` with the built-in model."""
    (kind,) = [one for one in SERVICES if (one.kind, one.model) == (RUBRIEK, "nl-news")]
    with tempfile.TemporaryFile("w+") as log, Running(kind, hub.resolve("nl-news").folder, log) as running:
        yield running


def under_attack(names: list[str], seconds: float) -> Iterator[str]:
    """Measure before and during each attack; yield the rows of a table."""
    yield row(["attack", "requests", "failed", "p50 ms", "p99 ms", "max ms", "p99 x usual", "peak MiB"])
    yield row(["---"] * 8)
    for name in names:
        with service() as running:
            asked = questions()
            usual = Watched()
            for _ in range(QUIET_REQUESTS):
                usual.ask(running.port, next(asked))
            attackers = SPAWN.Process(target=attack, args=(name, running.port, seconds))
            attackers.start()
            during = Watched()
            while attackers.is_alive():
                during.ask(running.port, next(asked))
                time.sleep(PAUSE)
            attackers.join()
            peak = memory(running.process.pid, "VmHWM") // MIB
        yield row([f"before {name}", *usual.cells, "1", ""])
        yield row([name, *during.cells, f"{during.p99 / usual.p99:.1f}", str(peak)])


class Clients:
    """Clients that ask on a fresh connection each time, until none is to be had any more."""

    def __init__(self, port: int) -> None:
        self.answered = 0
        self.lost = 0
        self._port = port
        self._counting = threading.Lock()
        self.going = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, number: int) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            body = json.dumps({"text": f"De koning opent museum {number} {time.monotonic()}"}).encode()
            try:
                connection.request("POST", "/v1/classify", body, {"Content-Type": JSON})
                good = connection.getresponse().status == http.client.OK
            except (OSError, http.client.HTTPException):
                good = False
            finally:
                connection.close()
            with self._counting:
                self.answered += good
                self.lost += not good
            if self.answered > 10 * CLIENTS:
                self.going.set()

    def wait(self) -> None:
        """Wait until all have been refused a connection."""
        for thread in self._threads:
            thread.join(PATIENCE)


def endings(rounds: int) -> Iterator[str]:
    """End a service under load, again and again; yield the rows of a table."""
    yield row(["SIGTERM round", "answered", "lost", "seconds to the end"])
    yield row(["---"] * 4)
    for number in range(1, rounds + 1):
        with service() as running:
            clients = Clients(running.port)
            clients.going.wait(PATIENCE)
            started = time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            clients.wait()
            running.process.wait(PATIENCE)
            taken = time.monotonic() - started
        yield row([str(number), str(clients.answered), str(clients.lost), f"{taken:.1f}"])


def main() -> None:
    """Run what is asked for and print a table of each."""
    names = [one.__name__ for one in ATTACKS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="which attacks")
    parser.add_argument("--seconds", type=float, default=8, help="how long each goes on (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="services ended under load (default: 3)")
    options = parser.parse_args()
    for line in under_attack(options.only, options.seconds):
        print(line, flush=True)
    print()
    for line in endings(options.rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
