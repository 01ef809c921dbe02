"""A web server on loopback that serves what it is given, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[["Handler"], None]


@dataclass
class HubServer:
    """Files by path; `answers` are given to the next requests instead, one each; None is the usual one."""

    files: dict[str, bytes] = field(default_factory=dict)
    answers: list[Answer | None] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    etags: bool = True
    always: Answer | None = None
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, path: str) -> list[dict[str, str]]:
        """The headers of the requests for a path."""
        return [headers for found, headers in self.requests if found == path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client may have been killed
            super().handle()

    def do_GET(self) -> None:
        path = urllib.parse.unquote(self.path)
        with self.hub.lock:
            self.hub.requests.append((path, dict(self.headers)))
            answer = self.hub.answers.pop(0) if self.hub.answers else self.hub.always
        (answer or usual)(self)

    def send(self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    @property
    def content(self) -> bytes:
        return self.hub.files[urllib.parse.unquote(self.path).partition("?")[0]]

    @property
    def tag(self) -> dict[str, str]:
        return {"ETag": etag(self.content)} if self.hub.etags else {}

    def log_message(self, *_: Any) -> None:
        pass


def etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def usual(handler: Handler) -> None:
    """Serve the file as RFC 9110 says: ETag, If-None-Match, Range, If-Range."""
    if urllib.parse.unquote(handler.path).partition("?")[0] not in handler.hub.files:
        handler.send(404, b"Not Found")
        return
    content, tag = handler.content, handler.tag
    if tag and handler.headers.get("If-None-Match") == tag["ETag"]:
        handler.send(304)
        return
    span = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if span is None or handler.headers.get("If-Range", tag.get("ETag")) != tag.get("ETag"):
        handler.send(200, content, **tag)
        return
    start = int(span[1])
    if start >= len(content):
        handler.send(416, Content_Range=f"bytes */{len(content)}")
        return
    where = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.send(206, content[start:], Content_Range=where, **tag)


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    return lambda handler: handler.send(code, body, **headers)


def page(handler: Handler) -> None:
    """A web page in the place of the file, with status 200, as proxies and log-in pages do."""
    handler.send(200, b"<!DOCTYPE html><html><body>Please sign in</body></html>", Content_Type="text/html")


def cut(after: int) -> Answer:
    """Break off after some bytes of what was asked for."""

    def answer(handler: Handler) -> None:
        _part(handler, after)
        handler.close_connection = True

    return answer


def stalled(after: int) -> Answer:
    """Say nothing more after some bytes, until the test lets go."""

    def answer(handler: Handler) -> None:
        _part(handler, after)
        handler.hub.released.wait(60)
        handler.close_connection = True

    return answer


def _part(handler: Handler, after: int) -> None:
    content = handler.content
    span = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    start = int(span[1]) if span else 0
    more: dict[str, str] = {**handler.tag}
    if span:
        more["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    part = content[start : start + after]
    handler.send(206 if span else 200, part, length=len(content) - start, **more)


@contextlib.contextmanager
def running(
    hub: HubServer, handler: type[Handler] = Handler, context: ssl.SSLContext | None = None
) -> Iterator[HubServer]:
    """Serve on a free port of loopback, with TLS where there is a context."""
    kind = type("Bound", (handler,), {"hub": hub})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    hub.address = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
