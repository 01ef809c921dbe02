from __future__ import annotations

import json
import os
import time

import pytest

from rubriek import hub
from rubriek.errors import CacheError, ModelError, ModelNotFoundError
from rubriek.hub import cache, upkeep
from rubriek.models import import_model
from rubriek.sparknlp.annotator import BertForSequenceClassification


@pytest.fixture
def fetched(server, saved_zip):
    """A model that came from a server."""
    server.files["/news.zip"] = saved_zip
    return hub.resolve(f"{server.address}/news.zip")


@pytest.fixture
def address(server, fetched):
    return f"{server.address}/news.zip"


def kinds(found) -> list[str]:
    return sorted(kept.kind for kept in found)


def age(path, days: float) -> None:
    then = time.time() - days * upkeep.DAY
    os.utime(path, (then, then))


def test_what_is_in_the_cache(fetched, address, huggingface_folder):
    own = import_model(huggingface_folder("own"))
    found = {kept.name: kept for kept in upkeep.contents()}
    assert found[own.name].origin == ""
    assert found[fetched.folder.name].origin == address
    assert found[fetched.folder.name].bytes == sum(f.stat().st_size for f in fetched.folder.iterdir())
    (original,) = (kept for kept in found.values() if kept.kind == "original")
    assert original.origin == address
    assert original.bytes > 0
    assert abs(time.time() - original.used) < 3600


def test_what_is_used_is_noted(fetched, address):
    record = next(cache.records())
    for file in (record.file, fetched.folder / "rubriek.json"):
        age(file, 30)
    hub.resolve(address)
    assert all(abs(time.time() - kept.used) < 3600 for kept in upkeep.contents())


class TestRemove:
    @pytest.mark.parametrize("by", ["name", "reference", "key"])
    def test_a_model_and_its_original(self, fetched, address, own_cache, by):
        ref = {"name": fetched.folder.name, "reference": address, "key": next(cache.records()).key}[by]
        assert kinds(upkeep.remove(ref)) == ["model", "original"]
        assert upkeep.contents() == []
        assert list((own_cache / "downloads").iterdir()) == list((own_cache / "models").iterdir()) == []
        with pytest.raises(ModelNotFoundError, match="The cache holds no model"):
            upkeep.remove(ref)

    def test_others_stay(self, fetched, huggingface_folder):
        own = import_model(huggingface_folder("own"))
        upkeep.remove("own")
        assert [bundle.folder.name for bundle in hub.installed()] == sorted(["nl-news", fetched.folder.name])
        assert not own.folder.exists()

    def test_what_is_built_in_or_elsewhere_stays(self, fetched, tiny_a):
        with pytest.raises(ModelError, match="built in"):
            upkeep.remove("nl-news")
        with pytest.raises(ModelNotFoundError, match="lies elsewhere"):
            upkeep.remove(str(tiny_a.folder))
        assert tiny_a.model_file.exists()

    def test_what_cannot_be_removed_is_told(self, fetched, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(upkeep.Path, "unlink", refuse)
        with pytest.raises(CacheError, match=r"cannot be written[^$]*Permission denied"):
            upkeep.remove(fetched.folder.name)
        assert hub.installed()


class TestPrune:
    def test_what_killed_processes_left(self, fetched, own_cache):
        left = [
            own_cache / "downloads" / ".x-1.part.zip",
            own_cache / "downloads" / "..x-1.part.zip.note",
            own_cache / "downloads" / "x-1" / "model",  # without a record
            own_cache / "models" / ".x.0123.partial" / "model.onnx",
            own_cache / "catalogues" / ".x.partial",
        ]
        for file in left:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"123")
        age(left[3].parent, 2)
        before = upkeep.contents()
        assert len(upkeep.prune(dry_run=True)) == 5
        assert all(file.exists() for file in left)
        assert sum(kept.bytes for kept in upkeep.prune()) == 15
        assert not any(file.exists() for file in left)
        assert upkeep.contents() == before
        assert upkeep.prune() == []

    def test_what_others_are_at_stays(self, own_cache):
        part = own_cache / "downloads" / ".x-1.part.zip"
        young = own_cache / "models" / ".x.0123.partial"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"123")
        young.mkdir(parents=True)
        with cache.locked("x-1"):
            assert upkeep.prune() == []
        assert kinds(upkeep.prune()) == ["leftover"]
        assert young.exists()

    def test_what_was_not_used_for_long(self, fetched, address, huggingface_folder):
        own = import_model(huggingface_folder("own"))
        age(own.folder / "rubriek.json", 91)
        age(fetched.folder / "rubriek.json", 89)
        assert [kept.name for kept in upkeep.prune(unused_days=90)] == ["own"]
        assert hub.find(address) == fetched

    def test_a_clock_that_was_wrong_makes_nothing_old(self, fetched):
        age(fetched.folder / "rubriek.json", -1000)
        age(next(cache.records()).file, -1000)
        assert upkeep.prune(unused_days=0.5) == []

    def test_a_stage_needs_no_original(self, server, saved_zip, monkeypatch):
        monkeypatch.setenv("RUBRIEK_HUB", server.address)
        versions = '"libVersion": {"parts": [5]}, "sparkVersion": {"parts": [3]}, "readyToUse": true'
        row = f'{{"name": "news", "language": "nl", {versions}, "time": "2023-10-31T21:59:00.127Z"}}'
        server.files["/public/models/metadata.json"] = row.encode()
        server.files["/public/models/news_nl_5_3_1698789540127.zip"] = saved_zip
        before = BertForSequenceClassification.pretrained("news", "nl")
        assert kinds(upkeep.prune(originals=True)) == ["original"]
        monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
        after = BertForSequenceClassification.pretrained("news", "nl")
        params = [{p.name: v for p, v in one.extractParamMap().items()} for one in (before, after)]
        assert params[0] == params[1]

    def test_originals(self, fetched, address, server, monkeypatch):
        assert kinds(upkeep.prune(originals=True)) == ["original"]
        monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
        assert hub.resolve(address) == fetched
        assert upkeep.prune(originals=True) == []

    def test_all_of_it(self, fetched, address, own_cache, server):
        for kept in upkeep.contents():
            age(kept.folder / "rubriek.json" if kept.kind == "model" else next(cache.records()).file, 5)
        assert kinds(upkeep.prune(unused_days=1)) == ["model", "original"]
        assert list(cache.records()) == []
        assert hub.resolve(address).labels == fetched.labels


class TestVerify:
    def test_what_is_as_it_was(self, fetched):
        found = list(upkeep.verify())
        assert [error for _, error in found] == [None] * 3
        assert {kept.name for kept, _ in found} >= {"nl-news", fetched.folder.name}

    def test_a_file_that_was_changed(self, fetched):
        content = bytearray(fetched.model_file.read_bytes())
        content[100] ^= 1
        fetched.model_file.write_bytes(content)
        ((_, error),) = [found for found in upkeep.verify() if found[1]]
        assert "not the file that was written" in str(error)

    def test_an_original_that_was_changed_or_lost(self, fetched, address):
        folder = next(cache.records()).folder
        (folder / "metadata" / "part-00000").write_text("{}")
        ((kept, error),) = [found for found in upkeep.verify() if found[1]]
        assert kept.kind == "original"
        assert error.hint == f"rubriek models pull --refresh {address}"
        (folder / "metadata" / "part-00000").unlink()
        assert [error.found for _, error in upkeep.verify() if error] == ["no file"]
        hub.resolve(address, refresh=True)
        assert all(error is None for _, error in upkeep.verify())

    def test_one(self, fetched):
        ((kept, error),) = upkeep.verify("nl-news")
        assert (kept.name, error) == ("nl-news", None)
        with pytest.raises(ModelNotFoundError):
            list(upkeep.verify("nothing"))

    def test_a_record_that_names_files_elsewhere(self, fetched):
        record = next(cache.records())
        content = json.loads(record.file.read_text())
        content["files"]["../../../etc/passwd"] = {"bytes": 1, "sha256": "0"}
        record.file.write_text(json.dumps(content))
        assert [kept.kind for kept, error in upkeep.verify() if error] == ["original"]
