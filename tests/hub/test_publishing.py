"""Publishing: what was put on a hub is found there by pretrained(), from a folder and from a web server."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from rubriek.errors import CatalogueError, OfflineError, OptionError, PublishingError, RubriekWarning
from rubriek.hub import publishing, storage
from rubriek.hub.card_parts import read_links
from rubriek.hub.cards import read_card
from rubriek.hub.catalogue import Resource, read_catalogue, with_row
from rubriek.hub.publishing import publish
from rubriek.sparknlp.annotator import BertForSequenceClassification, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, Pipeline

TEXTS = ["De koning opent het museum in Utrecht.", "Beurs sluit hoger na rentebesluit", ""]
MODELS = Path("public", "models")


@pytest.fixture
def hub(tmp_path, own_cache) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def other(tiny_a, tmp_path):
    """The same model with another length, so another model."""
    return dataclasses.replace(tiny_a, max_length=16)


@pytest.mark.parametrize("name", ["../x", "a//b", "a/nul", "/x", "x" * 300, "a\nb"])
def test_a_file_that_leads_out_of_the_hub_is_not_written(tmp_path, name):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PublishingError):
        storage.open_storage(tmp_path / "hub").put(name, tmp_path / "file")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "file"]


def test_a_hub_at_a_path_that_is_not_unicode_is_refused(tmp_path):
    with pytest.raises(PublishingError):
        storage.open_storage(tmp_path / "\ud800").read("x")


def rows(hub: Path) -> list[Resource]:
    return read_catalogue((hub / MODELS / "metadata.json").read_text().splitlines())


def files(hub: Path) -> list[str]:
    found = [path.relative_to(hub) for path in hub.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in found if not path.name.startswith("."))


def answers(classifier) -> list[object]:
    stages = [DocumentAssembler().setInputCol("text").setOutputCol("document")]
    stages.append(Tokenizer().setInputCols(["document"]).setOutputCol("token"))
    stages.append(classifier.setInputCols(["document", "token"]).setOutputCol("class"))
    data = pa.table({"text": TEXTS})
    found = Pipeline(stages=stages).fit(data).transform(data)["class"].to_pylist()
    return [[(one["result"], dict(one["metadata"])) for one in row] for row in found]


def local(bundle) -> BertForSequenceClassification:
    return BertForSequenceClassification.of(bundle).setMaxSentenceLength(bundle.max_length)


def test_what_a_hub_holds_after_publishing(tiny_a, hub):
    before = datetime.now(UTC)
    made = publish(tiny_a, hub, name="sections", language="nl")
    assert files(hub) == sorted([
        f"cards/{made.resource.file.removesuffix('.zip')}.md",
        "public/models/metadata.json",
        f"public/models/{made.resource.file}",
    ])  # fmt: skip
    assert rows(hub) == [made.resource]
    resource = made.resource
    assert resource.file.startswith("sections_nl_5.1.4_3.4_")
    assert resource.checksum == hashlib.md5(Path(made.archive).read_bytes()).hexdigest().upper()
    assert before - timedelta(milliseconds=1) <= resource.time <= datetime.now(UTC)
    assert resource.time.microsecond % 1000 == 0
    card = read_card(made.card)
    assert (card.name, card.language, card.text("edition")) == ("sections", "nl", "Spark NLP 5.1.4")


def test_pretrained_finds_it_in_a_folder_and_gives_the_same_scores(tiny_a, hub, monkeypatch):
    publish(tiny_a, hub, name="sections", language="nl")
    monkeypatch.setenv("RUBRIEK_HUB", str(hub))
    found = BertForSequenceClassification.pretrained("sections", "nl")
    assert answers(found) == answers(
        BertForSequenceClassification.of(tiny_a).setMaxSentenceLength(tiny_a.max_length)
    )


def test_pretrained_finds_it_on_a_web_server_and_gives_the_same_scores(tiny_a, hub, monkeypatch):
    publish(tiny_a, hub, name="sections", language="nl")
    handler = functools.partial(Quiet, directory=str(hub))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("RUBRIEK_HUB", f"http://127.0.0.1:{server.server_port}")
        found = BertForSequenceClassification.pretrained("sections", "nl")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answers(found) == answers(
        BertForSequenceClassification.of(tiny_a).setMaxSentenceLength(tiny_a.max_length)
    )


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_the_same_model_is_published_once(tiny_a, hub):
    first = publish(tiny_a, hub, name="sections", language="nl")
    there = {file: (hub / file).read_bytes() for file in files(hub)}
    again = publish(tiny_a, hub, name="sections", language="nl")
    assert not again.new
    assert again.resource == first.resource
    assert {file: (hub / file).read_bytes() for file in files(hub)} == there


def test_another_model_under_the_name_becomes_the_one_found(tiny_a, other, hub, monkeypatch):
    first = publish(tiny_a, hub, name="sections", language="nl")
    second = publish(other, hub, name="sections", language="nl")
    assert second.new
    assert rows(hub) == [first.resource, second.resource]
    assert Path(first.archive).is_file()
    assert Path(first.card).is_file()
    monkeypatch.setenv("RUBRIEK_HUB", str(hub))
    assert BertForSequenceClassification.pretrained("sections", "nl").getMaxSentenceLength() == 16


def test_what_a_killed_publisher_left_is_no_obstacle(tiny_a, hub, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_add_row", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(tiny_a, hub, name="sections", language="nl")
    assert not (hub / MODELS / "metadata.json").exists()
    assert publish(tiny_a, hub, name="sections", language="nl").new
    assert len(rows(hub)) == 1


def test_a_lost_zip_or_card_is_made_again(tiny_a, hub):
    for lost in ("archive", "card"):
        Path(getattr(publish(tiny_a, hub, name="sections", language="nl"), lost)).unlink()
        assert publish(tiny_a, hub, name="sections", language="nl").new


def test_a_card_follows_the_one_in_the_bundle(tiny_a, hub, tmp_path):
    first = publish(tiny_a, hub, name="sections", language="nl")
    folder = tmp_path / "bundle"
    folder.mkdir()
    for file in tiny_a.folder.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "README.md").write_text("---\nlayout: model\nname: x\n---\n## Accuracy\n\nMeasured: 0.9.\n")
    again = publish(dataclasses.replace(tiny_a, folder=folder), hub, name="sections", language="nl")
    assert not again.new
    assert again.card == first.card
    assert read_card(again.card).section("Accuracy") == "Measured: 0.9."


def test_a_card_that_somebody_has_changed_stays(tiny_a, hub):
    card = Path(publish(tiny_a, hub, name="sections", language="nl").card)
    changed = card.read_text(encoding="utf-8").replace("## References", "## Limits\n\nMany.\n\n## References")
    card.write_text(changed, encoding="utf-8")
    with pytest.warns(RubriekWarning, match="stays as it is"):
        assert not publish(tiny_a, hub, name="sections", language="nl").new
    assert card.read_text(encoding="utf-8") == changed


def test_rows_of_others_stay_as_they_are(tiny_a, hub):
    theirs = '{"name": "theirs", "language": "nl", "libVersion": {"parts": [5, 1, 4]}, "sparkVersion": '
    theirs += '{"parts": [3, 4]}, "readyToUse": true, "time": "2023-10-31T21:59:00.127Z", "more": [1, "é"]}'
    (hub / MODELS).mkdir(parents=True)
    (hub / MODELS / "metadata.json").write_text(theirs, encoding="utf-8")
    publish(tiny_a, hub, name="sections", language="nl")
    lines = (hub / MODELS / "metadata.json").read_text(encoding="utf-8").splitlines()
    assert lines[0] == theirs
    assert json.loads(lines[1])["name"] == "sections"


@pytest.mark.parametrize("junk", [b"<html>", b"\xff\xfe", b"[1]\n"])
def test_a_catalogue_that_is_none_is_not_touched(tiny_a, hub, junk):
    (hub / MODELS).mkdir(parents=True)
    (hub / MODELS / "metadata.json").write_bytes(junk)
    with pytest.raises(CatalogueError):
        publish(tiny_a, hub, name="sections", language="nl")
    assert files(hub) == ["public/models/metadata.json"]
    assert (hub / MODELS / "metadata.json").read_bytes() == junk


def test_a_row_from_a_clock_that_runs_ahead(tiny_a, hub):
    ahead = Resource(
        "sections", "nl", (5, 1, 4), (3, 4), datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    )
    (hub / MODELS).mkdir(parents=True)
    (hub / MODELS / "metadata.json").write_text(with_row("", ahead))
    assert publish(tiny_a, hub, name="sections", language="nl").resource.time > ahead.time


def test_a_file_for_newer_versions_is_told_of(tiny_a, hub):
    newer = Resource("sections", "nl", (5, 5, 0), (3, 4), datetime(2025, 1, 1, tzinfo=UTC))
    (hub / MODELS).mkdir(parents=True)
    (hub / MODELS / "metadata.json").write_text(with_row("", newer))
    with pytest.warns(RubriekWarning, match=r"sections_nl_5\.5\.0_3\.4"):
        publish(tiny_a, hub, name="sections", language="nl")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": None}, "language of the texts is not known"),
        ({"language": "../x"}, "no language"),
        ({"language": "n"}, "no language"),
        ({"name": "../x"}, "no name for a model"),
        ({"name": "a b"}, "no name for a model"),
    ],
)
def test_names_and_languages_that_are_none(tiny_a, hub, options, message):
    with pytest.raises(OptionError, match=message):
        publish(tiny_a, hub, **{"name": "sections", "language": "nl", **options})
    assert not hub.exists()


def test_places_that_are_none(tiny_a, hub, monkeypatch):
    with pytest.raises(OptionError, match="cannot be written to https"):
        publish(tiny_a, "https://hub.example", language="nl")
    hub.write_text("a file")
    with pytest.raises(PublishingError):
        publish(tiny_a, hub, language="nl")
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    with pytest.raises(OfflineError):
        publish(tiny_a, "s3://models", language="nl")


def test_the_download_link_says_where_the_hub_is_served(tiny_a, hub):
    made = publish(tiny_a, hub, name="sections", language="nl", url="https://hub.example/")
    links = read_links(read_card(made.card).section("Predicted Entities"))
    assert links.download == f"https://hub.example/public/models/{made.resource.file}"
    assert links.s3 == ""


def test_publishers_at_once_lose_no_row(tiny_a, hub):
    names = [f"sections-{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: publish(tiny_a, hub, name=name, language="nl"), names))
    assert sorted(row.name for row in rows(hub)) == names


def test_others_that_never_stop_writing(tiny_a, hub, monkeypatch):
    monkeypatch.setattr(storage.Folder, "replace", lambda *_: False)
    with pytest.raises(PublishingError, match="Others keep changing"):
        publish(tiny_a, hub, name="sections", language="nl")


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    place = storage.open_storage(tmp_path)
    assert place.replace("a.json", b"old", None)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(PublishingError, match=r"cannot be read or written(.|\n)*No space left"):
        place.replace("a.json", b"new", place.read("a.json")[1])
    assert place.read("a.json")[0] == b"old"
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["a.json"]
