from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer, running

from rubriek.hub import download
from rubriek.models import Bundle


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which nothing is yet, and no waiting between tries."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RUBRIEK_CACHE", str(folder))
    monkeypatch.setenv("RUBRIEK_RETRIES", "2")
    monkeypatch.delenv("RUBRIEK_OFFLINE", raising=False)
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    return folder


@pytest.fixture
def server(own_cache: Path) -> Iterator[HubServer]:
    """A server that the test fills and tells what to do; it is no hub until RUBRIEK_HUB names it."""
    with running(HubServer()) as hub:
        yield hub


@pytest.fixture
def hub_of(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    """The same server, as the hub in use."""
    monkeypatch.setenv("RUBRIEK_HUB", server.address)
    return server


@pytest.fixture(scope="session")
def saved_zip(tiny_a: Bundle, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A classifier as Spark NLP's hub serves it."""
    from rubriek.models.sparknlp_export import export_sparknlp

    file = tmp_path_factory.mktemp("saved") / "saved.zip"
    export_sparknlp(tiny_a, file)
    return file.read_bytes()


@pytest.fixture(scope="session")
def bundle_zip(tiny_a: Bundle, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A zip of a bundle, in a folder of its own."""
    file = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for path in tiny_a.folder.iterdir():
            archive.write(path, f"tiny/{path.name}")
    return file.read_bytes()
