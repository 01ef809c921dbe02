"""Every kind of reference, from the network into the cache and out of it again."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import page, stalled, status

import rubriek
from catalogue_row import FILE, SEED, row
from rubriek import hub, nlu
from rubriek.errors import (
    BundleError,
    CacheError,
    CatalogueError,
    DownloadError,
    ModelError,
    ModelNotFoundError,
    OfflineError,
    RubriekWarning,
    SavedModelError,
)
from rubriek.hub import cache, catalogue, download, hubs
from rubriek.models import Bundle, import_model
from rubriek.sparknlp.annotator import BertForSequenceClassification, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, PipelineModel
from rubriek.sparknlp.pretrained import PretrainedPipeline

CATALOGUE = "/public/models/metadata.json"


@pytest.fixture
def models_hub(hub_of, saved_zip):
    """A hub with the model of the card."""
    hub_of.files[f"/public/models/{FILE}"] = saved_zip
    hub_of.files[CATALOGUE] = (row() + row(name="news_en", language="en")).encode()
    return hub_of


@pytest.fixture
def no_network(monkeypatch):
    """Calling this forbids every socket from then on."""

    def forbid() -> None:
        def refuse(*_, **__):
            raise AssertionError("the network was used")

        for name in ("socket", "create_connection", "getaddrinfo"):
            monkeypatch.setattr(socket, name, refuse)

    return forbid


def test_a_name_of_the_hub_and_then_nothing_of_the_network(models_hub, tiny_a, no_network):
    first = hub.resolve(f"sparknlp://nl/{SEED}")
    assert first.labels == tiny_a.labels
    assert first.folder.name.startswith(f"{SEED}_nl-")
    no_network()
    assert hub.resolve(f"sparknlp://nl/{SEED}") == first
    assert hub.resolve(SEED) == first
    assert hub.resolve("nl.classify.bert.news.finetuned") == first
    assert hub.resolve(first.folder.name) == first
    assert rubriek.load(SEED).predict("De koning opent het museum.").label in tiny_a.labels
    assert BertForSequenceClassification.pretrained(SEED, "nl").getClasses() == list(tiny_a.labels)
    assert nlu.load("nl.classify.bert.news.finetuned").predict("De koning opent het museum.").shape[0] == 1


@pytest.mark.parametrize("ref", [SEED, "nl.classify.bert.news.finetuned", f"sparknlp:///{SEED}"])
def test_the_language_may_be_left_out_where_there_is_one(models_hub, tiny_a, ref):
    assert hub.resolve(ref).labels == tiny_a.labels
    assert hub.resolve(f"sparknlp://nl/{SEED}").labels == tiny_a.labels
    assert len(models_hub.asked(f"/public/models/{FILE}")) == 1


def test_all_faces_share_one_download(models_hub):
    BertForSequenceClassification.pretrained(SEED, "nl")
    hub.resolve(f"sparknlp://nl/{SEED}")
    hub.resolve(f"{models_hub.address}/public/models/{FILE}")
    assert len(models_hub.asked(f"/public/models/{FILE}")) == 1


def test_a_name_in_several_languages_is_ambiguous(models_hub):
    models_hub.files[CATALOGUE] = (row() + row(language="de")).encode()
    with pytest.raises(ModelNotFoundError, match=f"sparknlp://de/{SEED} or sparknlp://nl/{SEED}"):
        hub.resolve(f"sparknlp:///{SEED}")
    with pytest.raises(ModelNotFoundError, match="several languages"):
        hub.resolve(SEED)
    assert hub.resolve(f"sparknlp://nl/{SEED}")


def test_another_language_is_not_taken_in_its_place(models_hub):
    with pytest.raises(
        ModelNotFoundError, match=f"for the language 'de'[^$]*did you mean sparknlp://nl/{SEED}"
    ):
        hub.resolve(f"sparknlp://de/{SEED}")


def test_the_nearest_names_of_the_hub_are_told(models_hub):
    with pytest.raises(ModelNotFoundError, match=f"did you mean sparknlp://nl/{SEED}"):
        hub.resolve(SEED.replace("dutch", "dutsch"))
    with pytest.raises(ModelNotFoundError, match=r"did you mean 'nl-news' or sparknlp://en/news_en\?"):
        hub.resolve("nl-news_en")


def test_a_remote_loc_is_another_folder(models_hub, saved_zip):
    models_hub.files["/ours/models/metadata.json"] = row(name="news").encode()
    models_hub.files["/ours/models/news_nl_5.1.4_3.4_1698789540127.zip"] = saved_zip
    assert hub.resolve("sparknlp://ours/models/nl/news").labels
    assert BertForSequenceClassification.pretrained("news", "nl", "ours/models").getClasses()
    with pytest.raises(ModelNotFoundError):  # what is cached of one folder is not of another
        BertForSequenceClassification.pretrained("news", "nl")


def test_a_hub_that_is_named_answers_and_no_other(models_hub, tmp_path, monkeypatch):
    hub.resolve(f"sparknlp://nl/{SEED}")
    monkeypatch.setenv("RUBRIEK_HUB", str(tmp_path / "another"))
    with pytest.raises(ModelNotFoundError):
        hub.resolve(f"sparknlp://nl/{SEED}")


def test_a_folder_is_a_hub(own_cache, tmp_path, monkeypatch, saved_zip):
    folder = tmp_path / "onze hub" / "public" / "models"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(saved_zip)
    (folder / "metadata.json").write_text(row())
    monkeypatch.setenv("RUBRIEK_HUB", str(tmp_path / "onze hub"))
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")  # which a folder has nothing to do with
    assert hub.resolve(f"sparknlp://nl/{SEED}").labels
    assert (folder / FILE).exists()


def test_a_checksum_in_the_catalogue_of_a_folder(own_cache, tmp_path, monkeypatch, saved_zip):
    folder = tmp_path / "hub" / "public" / "models"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(saved_zip)
    (folder / "metadata.json").write_text(row(checksum="0" * 32))
    monkeypatch.setenv("RUBRIEK_HUB", str(tmp_path / "hub"))
    with pytest.raises(DownloadError, match="damaged"):
        hub.resolve(f"sparknlp://nl/{SEED}")
    assert (folder / FILE).read_bytes() == saved_zip


@pytest.mark.parametrize("ref", [SEED, "nl.classify.bert.news.finetuned", f"sparknlp://nl/{SEED}"])
def test_where_the_cards_model_cannot_be_had_the_built_in_one_is_named(own_cache, tmp_path, monkeypatch, ref):
    hint = "built-in model 'nl-news' has the same nine labels"
    monkeypatch.setenv("RUBRIEK_HUB", str(tmp_path))
    with pytest.raises(ModelError, match=hint):
        hub.resolve(ref)
    monkeypatch.setenv("RUBRIEK_HUB", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=hint):
        hub.resolve(ref)
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    with pytest.raises(ModelError, match=hint):
        hub.resolve(ref)
    with pytest.raises(ModelError, match=hint):
        hub.resolve(f"s3://auxdata.johnsnowlabs.com/public/models/{FILE}")
    with pytest.raises(ModelError) as caught:
        hub.resolve("sparknlp://nl/another")
    assert "nl-news" not in str(caught.value.hint)


@pytest.mark.parametrize(
    "ref", ["sparknlp://nl/x", "hf://owner/name", "https://127.0.0.1:9/x.zip", "s3://bucket/x.zip"]
)
def test_offline_forbids_everything(own_cache, no_network, monkeypatch, ref):
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    monkeypatch.setenv("RUBRIEK_HUB", "http://127.0.0.1:9")
    no_network()
    with pytest.raises(OfflineError, match="RUBRIEK_OFFLINE forbids"):
        hub.resolve(ref)
    with pytest.raises(ModelNotFoundError, match="RUBRIEK_OFFLINE"):
        hub.resolve("unheard-of")


def test_offline_what_is_here_is_used(models_hub, no_network, monkeypatch):
    first = hub.resolve(f"sparknlp://nl/{SEED}")
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    no_network()
    assert hub.resolve(f"sparknlp://nl/{SEED}") == first
    assert hub.resolve("nl-news").labels


class TestAddresses:
    def test_a_zip_of_spark_nlp(self, server, saved_zip, tiny_a, no_network):
        server.files["/x/nieuws model.zip"] = saved_zip
        address = f"{server.address}/x/nieuws%20model.zip"
        bundle = hub.resolve(address)
        assert bundle.labels == tiny_a.labels
        assert bundle.folder.name.startswith("nieuws-20model-")
        no_network()
        assert hub.resolve(address) == bundle

    def test_a_zip_of_a_bundle(self, server, bundle_zip, tiny_a):
        server.files["/news.zip"] = bundle_zip
        bundle = hub.resolve(f"{server.address}/news.zip")
        assert bundle.checksums == tiny_a.checksums
        assert hub.resolve(bundle.folder.name) == bundle
        assert not list(cache.settings.cache_folder().glob("downloads/*/"))

    def test_a_zip_behind_a_query(self, server, saved_zip):
        server.files["/download"] = saved_zip
        assert hub.resolve(f"{server.address}/download?id=3").labels

    def test_a_folder_with_a_bundle(self, server, tiny_a, no_network):
        for file in tiny_a.folder.iterdir():
            server.files[f"/models/news/{file.name}"] = file.read_bytes()
        bundle = hub.resolve(f"{server.address}/models/news/")
        assert bundle.checksums == tiny_a.checksums
        no_network()
        assert hub.resolve(f"{server.address}/models/news/") == bundle

    def test_a_folder_with_a_damaged_bundle(self, server, tiny_a):
        for file in tiny_a.folder.iterdir():
            server.files[f"/news/{file.name}"] = file.read_bytes()
        content = server.files["/news/model.onnx"]
        server.files["/news/model.onnx"] = content[:-1] + bytes([content[-1] ^ 1])
        with pytest.raises(BundleError, match="not the file that was written"):
            hub.resolve(f"{server.address}/news")
        server.files["/news/model.onnx"] = content
        assert hub.resolve(f"{server.address}/news").checksums == tiny_a.checksums

    def test_a_record_that_names_files_elsewhere(self, server, tiny_a):
        record = json.loads((tiny_a.folder / "rubriek.json").read_text())
        record["files"]["../../evil"] = {"bytes": 1, "sha256": "0" * 64}
        server.files["/news/rubriek.json"] = json.dumps(record).encode()
        with pytest.raises(ModelError):
            hub.resolve(f"{server.address}/news")

    def test_other_folders_of_web_servers_are_explained(self, server):
        with pytest.raises(ModelNotFoundError, match="web servers do not list folders"):
            hub.resolve(f"{server.address}/models")

    def test_a_file_url(self, own_cache, tmp_path, tiny_a, saved_zip, bundle_zip):
        assert hub.resolve(tiny_a.folder.as_uri()) == tiny_a
        (tmp_path / "my saved.zip").write_bytes(saved_zip)
        (tmp_path / "my bundle.zip").write_bytes(bundle_zip)
        assert hub.resolve((tmp_path / "my saved.zip").as_uri()).labels == tiny_a.labels
        for _ in range(2):
            assert hub.resolve((tmp_path / "my bundle.zip").as_uri()).checksums == tiny_a.checksums
        assert len(hub.installed()) == 3

    def test_a_zip_of_a_hugging_face_folder(self, own_cache, huggingface_folder, tmp_path):
        folder = huggingface_folder("news")
        with zipfile.ZipFile(tmp_path / "news.zip", "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"news/{file.name}")
        found = hub.resolve(tmp_path / "news.zip")
        assert found.checksums == hub.resolve(folder).checksums
        assert hub.resolve(tmp_path / "news.zip") == found

    def test_refreshing_takes_what_is_there_now(self, server, saved_zip, bundle_zip, tiny_a):
        server.files["/news.zip"] = saved_zip
        address = f"{server.address}/news.zip"
        old = hub.resolve(address)
        server.files["/news.zip"] = bundle_zip
        assert hub.resolve(address) == old
        new = hub.resolve(address, refresh=True)
        assert new.checksums == tiny_a.checksums
        assert hub.resolve(address) == new

    def test_a_failed_refresh_leaves_what_was_there(self, server, saved_zip):
        server.files["/news.zip"] = saved_zip
        address = f"{server.address}/news.zip"
        old = hub.resolve(address)
        for answer in (status(404), status(500), page):
            server.always = answer
            with pytest.raises(ModelError):
                hub.resolve(address, refresh=True)
            assert hub.resolve(address) == old
            assert BertForSequenceClassification.pretrained(address).getClasses() == list(old.labels)


class TestWhatServersSend:
    def test_a_page_in_the_place_of_a_zip(self, server, saved_zip):
        server.files["/news.zip"] = saved_zip
        server.answers = [page]
        with pytest.raises(DownloadError, match=r"is no zip\.[^$]*a web page"):
            hub.resolve(f"{server.address}/news.zip")
        assert hub.resolve(f"{server.address}/news.zip").labels

    def test_a_media_type_that_is_wrong_does_not_matter(self, models_hub, saved_zip):
        models_hub.answers = [
            status(200, row().encode(), Content_Type="text/html"),
            status(200, saved_zip, Content_Type="text/plain; charset=utf-8"),
        ]
        assert hub.resolve(f"sparknlp://nl/{SEED}").labels

    def test_a_page_in_the_place_of_the_catalogue(self, models_hub):
        models_hub.answers = [page]
        with pytest.raises(CatalogueError, match=r"Line 1 of http[^$]*DOCTYPE"):
            hub.resolve(f"sparknlp://nl/{SEED}")
        assert hub.resolve(f"sparknlp://nl/{SEED}").labels

    def test_a_page_leaves_the_catalogue_of_before(self, models_hub, own_cache):
        models_hub.files[CATALOGUE] = row().encode()
        hub.resolve(f"sparknlp://nl/{SEED}")
        kept = [path for path in (own_cache / "catalogues").iterdir() if not path.name.endswith(".tag")]
        before = [path.read_bytes() for path in kept]
        models_hub.answers = [page]
        with pytest.raises(CatalogueError):
            hub.resolve("sparknlp://nl/another")
        assert [path.read_bytes() for path in kept] == before == [row().encode()]

    def test_a_catalogue_is_asked_for_only_if_it_has_changed(self, models_hub):
        for _ in range(2):
            with pytest.raises(ModelNotFoundError):
                hub.resolve("sparknlp://nl/another")
        first, second = models_hub.asked(CATALOGUE)
        assert "If-None-Match" not in first
        assert second["If-None-Match"]
        models_hub.files[CATALOGUE] += row(name="another", time="2023-10-31T21:59:00.127Z").encode()
        models_hub.files["/public/models/another_nl_5.1.4_3.4_1698789540127.zip"] = models_hub.files[
            f"/public/models/{FILE}"
        ]
        assert hub.resolve("sparknlp://nl/another").labels

    @pytest.mark.parametrize("answer", [status(500), status(429), stalled(0)])
    def test_a_hub_that_does_not_answer_now(self, models_hub, caplog, monkeypatch, answer):
        monkeypatch.setenv("RUBRIEK_TIMEOUT", "1")
        with pytest.raises(ModelNotFoundError):
            hub.resolve("sparknlp://nl/another")
        models_hub.answers = [answer] * 3  # the catalogue alone; its files come
        with caplog.at_level(logging.WARNING, logger="rubriek"):
            assert hub.resolve(f"sparknlp://nl/{SEED}").labels
        assert "The catalogue of 20" in caplog.text

    @pytest.mark.parametrize("tag", ["", "{", "null", "7", "[" * 100_000, '"\\ud800"', '"a\\nb"'])
    def test_a_tag_of_the_catalogue_that_was_damaged(self, models_hub, own_cache, tag):
        hub.resolve(f"sparknlp://nl/{SEED}")
        (file,) = (own_cache / "catalogues").glob("*.tag")
        file.write_text(tag)
        assert hub.resolve(f"sparknlp://nl/{SEED}", refresh=True).labels
        assert json.loads(file.read_text()).startswith('"')

    def test_a_catalogue_of_blank_lines_ends_and_is_not_kept(self, models_hub, own_cache, monkeypatch):
        monkeypatch.setattr(catalogue, "MAX_ROWS", 1_000)
        models_hub.files[CATALOGUE] = b"\n" * 1_001
        with pytest.raises(CatalogueError, match="at most 1,000 lines"):
            hub.resolve(f"sparknlp://nl/{SEED}")
        assert list((own_cache / "catalogues").iterdir()) == []

    def test_a_catalogue_over_its_limit_is_not_kept(self, models_hub, own_cache, monkeypatch):
        monkeypatch.setattr(hubs, "MAX_CATALOGUE_BYTES", 1_000)
        models_hub.files[CATALOGUE] = b"\n" * 1_001
        with pytest.raises(DownloadError, match="at most 1,000 bytes"):
            hub.resolve(f"sparknlp://nl/{SEED}")
        assert list((own_cache / "catalogues").iterdir()) == []

    def test_rows_that_lack_something_are_told_and_the_others_count(self, models_hub):
        models_hub.files[CATALOGUE] = ('{"readyToUse": true}\n' + row() + row(time=7) + row()).encode()
        with pytest.warns(RubriekWarning, match="of the rows"):
            assert hub.resolve(f"sparknlp://nl/{SEED}").labels

    @pytest.mark.parametrize("code", [403, 404])
    def test_a_file_that_the_catalogue_promised(self, models_hub, code):
        models_hub.answers = [None, status(code)]
        with pytest.raises(ModelNotFoundError, match=f"There is no file http.*{FILE}[^$]*{code}"):
            hub.resolve(f"sparknlp://nl/{SEED}")

    def test_a_checksum_of_the_catalogue(self, models_hub, own_cache):
        models_hub.files[CATALOGUE] = row(checksum="0" * 32).encode()
        with pytest.raises(DownloadError, match="damaged"):
            hub.resolve(f"sparknlp://nl/{SEED}")
        assert list((own_cache / "downloads").iterdir()) == []

    def test_a_part_that_was_damaged_is_fetched_anew(self, server, saved_zip, own_cache):
        server.files["/news.zip"] = saved_zip
        address = f"{server.address}/news.zip"
        server.answers = [lambda handler: _break_off(handler, saved_zip[:1000])]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RUBRIEK_RETRIES", "0")
            server.always = status(503)
            with pytest.raises(DownloadError):
                hub.resolve(address)
            server.always = None
        (part,) = (own_cache / "downloads").glob(".*.part.zip")
        part.write_bytes(b"PK" + bytes(part.stat().st_size - 2))  # as after a power cut
        assert hub.resolve(address).labels

    def test_a_damaged_zip_is_not_kept(self, server, saved_zip, own_cache):
        server.files["/news.zip"] = saved_zip[: len(saved_zip) // 2]
        with pytest.raises(SavedModelError, match="not a zip that can be read"):
            hub.resolve(f"{server.address}/news.zip")
        assert list((own_cache / "downloads").iterdir()) == []
        server.files["/news.zip"] = saved_zip
        assert hub.resolve(f"{server.address}/news.zip").labels


def _break_off(handler, part: bytes) -> None:
    handler.send(200, part, length=len(handler.content), **handler.tag)
    handler.close_connection = True


def test_a_mistyped_name_waits_for_no_hub(own_cache, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=slept.append))
    monkeypatch.setenv("RUBRIEK_HUB", "http://127.0.0.1:9")
    with pytest.raises(ModelNotFoundError, match=r"found: +.*127.0.0.1:9.*\n[^$]*did you mean 'nl-news'"):
        hub.resolve("nl-nieuws")
    assert slept == []


class TestCacheThatCannotBeWritten:
    """Everything here runs as any user, root too: a file stands where a folder would have to be made."""

    @pytest.fixture
    def read_only(self, tmp_path, monkeypatch) -> Path:
        folder = tmp_path / "mounted"
        folder.mkdir()
        for name in ("models", "downloads", "locks", "catalogues"):
            (folder / name).write_text("no folder")
        monkeypatch.setenv("RUBRIEK_CACHE", str(folder))
        return folder

    def test_the_error_says_so(self, server, saved_zip, read_only, huggingface_folder):
        server.files["/news.zip"] = saved_zip
        for ref in (f"{server.address}/news.zip", str(huggingface_folder("news"))):
            with pytest.raises(CacheError, match=r"cannot be written[^$]*RUBRIEK_CACHE"):
                hub.resolve(ref)

    def test_what_is_here_is_found_without_writing(self, models_hub, monkeypatch, tmp_path):
        first = hub.resolve(f"sparknlp://nl/{SEED}")
        shared = os.environ["RUBRIEK_CACHE"]
        before = {path: path.stat().st_mtime_ns for path in Path(shared).rglob("*")}

        def refuse(*_, **__):
            raise PermissionError("read-only file system")

        for module, name in ((Path, "mkdir"), (Path, "write_text"), (Path, "touch"), (os, "utime")):
            monkeypatch.setattr(module, name, refuse)
        monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
        assert hub.resolve(f"sparknlp://nl/{SEED}") == first
        assert hub.resolve(first.folder.name) == first
        assert BertForSequenceClassification.pretrained(SEED, "nl").getClasses()
        assert before == {path: path.stat().st_mtime_ns for path in Path(shared).rglob("*")}

    def test_a_folder_of_ones_own_before_the_shared_one(self, models_hub, monkeypatch, tmp_path, saved_zip):
        first = hub.resolve(f"sparknlp://nl/{SEED}")
        shared = os.environ["RUBRIEK_CACHE"]
        before = sorted(Path(shared).rglob("*"))
        monkeypatch.setenv("RUBRIEK_CACHE", f"{tmp_path / 'own'}{os.pathsep}{shared}")
        models_hub.files["/other.zip"] = saved_zip
        assert hub.resolve(f"sparknlp://nl/{SEED}") == first
        other = hub.resolve(f"{models_hub.address}/other.zip")
        own = import_model(Path(__file__).parent.parent / "data" / "tiny-b", name="own")
        assert {bundle.folder for bundle in hub.installed()} >= {first.folder, own.folder}
        assert own.folder.parent == tmp_path / "own" / "models"
        assert other.labels == first.labels
        assert before == sorted(Path(shared).rglob("*"))


def test_a_pipeline_of_the_hub(models_hub, tmp_path, tiny_a, no_network):
    classifier = BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"])
    stages = [DocumentAssembler().setInputCol("text"), Tokenizer().model(), classifier.setOutputCol("class")]
    PipelineModel(stages).save(str(tmp_path / "saved"))
    shutil.make_archive(str(tmp_path / "news"), "zip", tmp_path / "saved")
    models_hub.files["/public/models/news_nl_5.1.4_3.4_1698789540127.zip"] = (
        tmp_path / "news.zip"
    ).read_bytes()
    models_hub.files[CATALOGUE] = row(name="news", category="pl").encode()
    first = PretrainedPipeline("news", "nl").annotate("De koning opent het museum.")
    no_network()
    assert PretrainedPipeline("news", "nl").annotate("De koning opent het museum.") == first
    assert hub.resolve("sparknlp://nl/news").labels == tiny_a.labels


def test_damage_in_the_cache_heals_from_the_original(models_hub, no_network):
    first = hub.resolve(f"sparknlp://nl/{SEED}")
    first.model_file.write_bytes(b"")
    no_network()
    assert Bundle.open(hub.resolve(f"sparknlp://nl/{SEED}").folder, verify=True) == first


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "null", '{"key": 1}', '{"references": 3}'),
        '{"key": "x", "references": ["x"], "address": "x", "time": "soon"}',
        '{"key": "x", "references": ["x"], "address": "x", "name": 3}',
        '{"key": "x", "references": ["x"], "address": "x", "files": [1]}',
        '{"key": "x", "references": ["\\ud800"], "address": "x"}',
        '{"key": "x", "references": ["x"], "address": "x", "files": {"\\udfff": {}}}',
        '{"key": "x", "references": ["x"], "address": "x", "time": 1e999}',
        '{"key": "x", "references": ["x"], "address": "x", "revision": 3}',
        pytest.param('{"references": ["x"], "address": "x", "time": 1' + "0" * 400 + "}", id="enormous"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"time": ' + "9" * 5_000 + "}", id="digits"),
    ],
)
def test_a_damaged_record_counts_for_nothing(models_hub, own_cache, content):
    first = hub.resolve(f"sparknlp://nl/{SEED}")
    (file,) = (own_cache / "downloads").glob("*.json")
    file.write_text(content)
    assert hub.resolve(f"sparknlp://nl/{SEED}") == first
    assert len(models_hub.asked(f"/public/models/{FILE}")) == 2


def test_a_record_that_was_tampered_with_leads_nowhere(server, saved_zip, own_cache, tiny_a, tmp_path):
    shutil.copytree(tiny_a.folder, tmp_path / "elsewhere")
    server.files["/news.zip"] = saved_zip
    bundle = hub.resolve(f"{server.address}/news.zip")
    (file,) = (own_cache / "downloads").glob("*.json")
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "bundle": "../../elsewhere"}))
    assert hub.resolve(f"{server.address}/news.zip") == bundle


def test_finding_fetches_nothing(models_hub):
    for ref in (f"sparknlp://nl/{SEED}", SEED, f"{models_hub.address}/public/models/{FILE}", "hf://a/b"):
        with pytest.raises(ModelNotFoundError):
            hub.find(ref)
    assert models_hub.requests == []
    hub.resolve(f"sparknlp://nl/{SEED}")
    assert hub.find(SEED) == hub.find(f"sparknlp://nl/{SEED}")
