"""s3:// against moto's server, gs:// against a small one with the two calls of Google's JSON interface."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator

import pytest
from hub_server import Handler, HubServer, running, status

from rubriek import hub
from rubriek.errors import DownloadError, MissingExtraError, ModelNotFoundError
from rubriek.hub import buckets
from rubriek.installation import install_line
from rubriek.models import Bundle

NAME = "news"
FILE = "news_nl_5.1.4_3.4_1698789540127.zip"
ROW = {
    "name": NAME,
    "language": "nl",
    "libVersion": {"parts": [5, 1, 4]},
    "sparkVersion": {"parts": [3, 4]},
    "readyToUse": True,
    "time": "2023-10-31T21:59:00.127Z",
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of botocore, moto and gcsfs about themselves
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(moto, own_cache, monkeypatch) -> Iterator[object]:
    """A bucket, and an environment in which S3 is on loopback."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = boto3.resource("s3").create_bucket(Bucket="auxdata.johnsnowlabs.com")
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


class TestS3:
    def test_the_uri_of_a_card(self, bucket, saved_zip, tiny_a, monkeypatch):
        bucket.put_object(Key=f"public/models/{FILE}", Body=saved_zip)
        uri = f"s3://auxdata.johnsnowlabs.com/public/models/{FILE}"
        bundle = hub.resolve(uri)
        assert bundle.labels == tiny_a.labels
        monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
        assert hub.resolve(uri) == bundle

    def test_a_bucket_is_a_hub(self, bucket, saved_zip, tiny_a, monkeypatch):
        monkeypatch.setenv("RUBRIEK_HUB", "s3://auxdata.johnsnowlabs.com")
        bucket.put_object(Key="public/models/metadata.json", Body=json.dumps(ROW).encode())
        bucket.put_object(Key=f"public/models/{FILE}", Body=saved_zip)
        assert hub.resolve("sparknlp://nl/news").labels == tiny_a.labels
        with pytest.raises(ModelNotFoundError, match="did you mean sparknlp://nl/news"):
            hub.resolve("sparknlp://nl/nieuws")

    def test_a_folder(self, bucket, tiny_a):
        for file in tiny_a.folder.iterdir():
            bucket.put_object(Key=f"models/tiny/{file.name}", Body=file.read_bytes())
        bundle = hub.resolve("s3://auxdata.johnsnowlabs.com/models/tiny")
        assert Bundle.open(bundle.folder, verify=True).checksums == tiny_a.checksums

    def test_what_is_not_there(self, bucket):
        for key in ("x.zip", "folder"):
            with pytest.raises(ModelNotFoundError, match="There is no file s3://"):
                hub.resolve(f"s3://auxdata.johnsnowlabs.com/{key}")
        with pytest.raises(ModelNotFoundError):
            hub.resolve("s3://no-such-bucket/x.zip")

    def test_names_that_lead_out(self, bucket):
        bucket.put_object(Key="models/evil/../../../x", Body=b"x")
        with pytest.raises((DownloadError, ModelNotFoundError)):
            hub.resolve("s3://auxdata.johnsnowlabs.com/models/evil")

    @pytest.mark.parametrize(
        "names", [["a", "A"], ["a", "a/b"], ["a//b", "c"], ["nul"], ["x" * 231], ["a\\b"], ["a\nb"]]
    )
    def test_names_that_some_system_takes_for_another(self, bucket, names, own_cache, monkeypatch):
        monkeypatch.setattr(buckets, "listed", lambda address: dict.fromkeys(names, 1))
        with pytest.raises(DownloadError, match=r"s3://auxdata\.johnsnowlabs\.com/models holds"):
            hub.resolve("s3://auxdata.johnsnowlabs.com/models")
        assert [path for path in own_cache.rglob("*") if path.is_file() and path.suffix != ".lock"] == []

    def test_a_transfer_goes_on_where_it_was(self, bucket, saved_zip, own_cache, monkeypatch):
        bucket.put_object(Key="x.zip", Body=saved_zip)
        asked = []
        opened = buckets.opened

        def broken(address, *, start, tag, known):
            asked.append(start)
            return opened(address, start=start, tag=tag, known=known)

        chunks = buckets._chunks

        def breaking(address, stream):
            if len(asked) == 1:
                yield stream.read(1000)
                raise buckets.InterruptedTransferError("broken off")
            yield from chunks(address, stream)

        monkeypatch.setattr(buckets, "opened", broken)
        monkeypatch.setattr(buckets, "_chunks", breaking)
        assert hub.resolve("s3://auxdata.johnsnowlabs.com/x.zip").labels
        assert asked == [0, 1000]


def test_s3_that_is_out_of_reach(own_cache, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("RUBRIEK_RETRIES", "0")
    with pytest.raises(DownloadError, match=r"s3://bucket/x\.zip cannot be read"):
        hub.resolve("s3://bucket/x.zip")


@pytest.mark.parametrize(("address", "extra"), [("s3://bucket/x.zip", "s3"), ("gs://bucket/x.zip", "gs")])
def test_the_package_that_is_missing_is_named(own_cache, monkeypatch, address, extra):
    monkeypatch.setitem(buckets.PACKAGES, extra, ("no_such_package", extra))
    with pytest.raises(MissingExtraError, match=re.escape(install_line(extra))):
        hub.resolve(address)


class GoogleHandler(Handler):
    """``GET /storage/v1/b/BUCKET/o/OBJECT``, its content with ``alt=media``, and the list with ``prefix``."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        options = dict(urllib.parse.parse_qsl(query))
        parts = path.removeprefix("/download").split("/")
        with self.hub.lock:
            self.hub.requests.append((self.path, dict(self.headers)))
        if parts[-1] == "o":
            found = sorted(name for name in self.hub.files if name.startswith(options.get("prefix", "")))
            self.send(200, json.dumps({"items": [self.item(name) for name in found]}).encode())
            return
        name = urllib.parse.unquote(parts[-1])
        if name not in self.hub.files:
            status(404, b"{}")(self)
        elif options.get("alt") == "media" or self.path.startswith("/download"):
            content = self.hub.files[name]
            first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            stop = min(int(last) + 1 if last else len(content), len(content))
            part = content[int(first) : stop]
            self.send(206, part, Content_Range=f"bytes {first}-{stop - 1}/{len(content)}")
        else:
            self.send(200, json.dumps(self.item(name)).encode())

    def item(self, name: str) -> dict[str, object]:
        content = self.hub.files[name]
        size, address = str(len(content)), f"{self.hub.address}/download/storage/v1/b/b/o/"
        media = f"{address}{urllib.parse.quote(name, safe='')}?alt=media"
        return {
            "name": name,
            "bucket": "bucket",
            "size": size,
            "etag": "1",
            "generation": "1",
            "mediaLink": media,
        }


@pytest.fixture
def google(own_cache, monkeypatch) -> Iterator[HubServer]:
    with running(HubServer(), GoogleHandler) as found:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", found.address)
        yield found


class TestGoogle:
    def test_a_zip(self, google, saved_zip, tiny_a):
        google.files["models/x.zip"] = saved_zip
        assert hub.resolve("gs://bucket/models/x.zip").labels == tiny_a.labels

    def test_a_folder(self, google, tiny_a):
        for file in tiny_a.folder.iterdir():
            google.files[f"models/tiny/{file.name}"] = file.read_bytes()
        assert hub.resolve("gs://bucket/models/tiny").checksums == tiny_a.checksums

    def test_what_is_not_there(self, google):
        with pytest.raises(ModelNotFoundError, match=r"There is no file gs://bucket/x\.zip"):
            hub.resolve("gs://bucket/x.zip")
