from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A hub on loopback, and a cache in which nothing is yet; the folder is what it serves."""
    folder = tmp_path / "hub" / "public" / "models"
    folder.mkdir(parents=True)
    handler = functools.partial(Quiet, directory=str(tmp_path / "hub"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("RUBRIEK_HUB", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("RUBRIEK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RUBRIEK_OFFLINE", raising=False)
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()
