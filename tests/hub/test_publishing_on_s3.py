"""Publishing on S3, spoken to a server on loopback (moto)."""

from __future__ import annotations

import pytest

from rubriek.errors import PublishingError
from rubriek.hub.card_parts import read_links
from rubriek.hub.cards import parse_card
from rubriek.hub.catalogue import read_catalogue
from rubriek.hub.progress import watching
from rubriek.hub.publishing import publish
from rubriek.hub.storage import open_storage
from rubriek.sparknlp.annotator import BertForSequenceClassification


@pytest.fixture(scope="module")
def s3():
    """A server that speaks S3, with an empty bucket "models"."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="models")
        yield
    server.stop()


def test_what_was_published_is_found(s3, tiny_a, own_cache, monkeypatch):
    made = publish(tiny_a, "s3://models", name="sections", language="nl")
    hub = open_storage("s3://models")
    assert hub.size(f"public/models/{made.resource.file}") > 0
    assert read_catalogue(hub.read("public/models/metadata.json")[0].decode().splitlines()) == [made.resource]
    card = parse_card(hub.read(made.card.removeprefix("s3://models/"))[0].decode())
    links = read_links(card.section("Predicted Entities"))
    assert links.s3 == made.archive
    assert links.download == ""  # nobody said where this endpoint serves it
    assert not publish(tiny_a, "s3://models", name="sections", language="nl").new
    monkeypatch.setenv("RUBRIEK_HUB", "s3://models")
    found = BertForSequenceClassification.pretrained("sections", "nl")
    assert found.getClasses() == list(tiny_a.labels)


def test_a_file_that_changed_meanwhile_is_not_replaced(s3):
    one, two = open_storage("s3://models/shared"), open_storage("s3://models/shared/")
    assert one.read("a.json") == (b"", None)
    assert one.replace("a.json", b"1", None)
    assert not two.replace("a.json", b"2", None)
    _, seen = two.read("a.json")
    assert one.replace("a.json", b"3", seen)
    assert not two.replace("a.json", b"4", seen)
    assert two.read("a.json")[0] == b"3"


def test_an_upload_is_told_of(s3, tmp_path):
    class Watcher:
        told: list[object] = []  # noqa: RUF012 -- of one test

        def started(self, what, total, done):
            self.told.append((what, total, done))

        def progressed(self, done):
            self.told.append(done)

        def ended(self):
            self.told.append("ended")

    (tmp_path / "file").write_bytes(b"x" * 1000)
    with watching(Watcher()):
        open_storage("s3://models").put("told", tmp_path / "file")
    assert Watcher.told[0] == ("told", 1000, 0)
    assert Watcher.told[-2:] == [1000, "ended"]


def test_a_bucket_that_is_not_there(s3, tiny_a):
    with pytest.raises(PublishingError, match="cannot be read or written"):
        publish(tiny_a, "s3://no-such-bucket", name="sections", language="nl")
