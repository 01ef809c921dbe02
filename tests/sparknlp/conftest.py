from __future__ import annotations

import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

QUIET = [
    "ignore:PySpark does not yet fully support pandas:FutureWarning",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with Spark meet a warning of pyspark's own about new versions of pandas."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            for warning in QUIET:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def spark(cache: Path) -> Iterator[Any]:
    from rubriek import sparknlp

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = sparknlp.start(
            memory="1G",
            params={
                "spark.ui.enabled": "false",
                "spark.sql.shuffle.partitions": "2",
                "spark.driver.host": "127.0.0.1",
                "spark.ui.showConsoleProgress": "false",
            },
        )
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


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
