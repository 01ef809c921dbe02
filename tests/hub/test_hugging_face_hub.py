"""hf:// against a server with the three calls of Hugging Face's hub that a download takes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import pytest
from hub_server import Handler, HubServer, page, running, status

from rubriek import hub
from rubriek.errors import DownloadError, ModelNotFoundError, UnsupportedModelError
from rubriek.hub.huggingface import wanted_files
from rubriek.models import Bundle

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HuggingFaceHandler(Handler):
    """``/api/models/NAME[/revision/REV]``, its ``/tree/REV``, and ``/NAME/resolve/REV/FILE``."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        with self.hub.lock:
            self.hub.requests.append((self.path, dict(self.headers)))
            answer = self.hub.answers.pop(0) if self.hub.answers else self.hub.always
        if answer:
            answer(self)
            return
        about = re.fullmatch(r"/api/models/owner/name(/revision/(?P<revision>[\w.]+))?(\?.*)?", self.path)
        tree = re.fullmatch(rf"/api/models/owner/name/tree/{COMMIT}(\?.*)?", self.path)
        file = re.fullmatch(rf"/owner/name/resolve/({COMMIT}|main)/(?P<name>[^?]+)", self.path)
        if about and about["revision"] in (None, "main", "v1", COMMIT):
            files = [{"rfilename": name, "size": len(data)} for name, data in self.hub.files.items()]
            described = {"id": "owner/name", "sha": COMMIT, "siblings": files}
            self.send(200, json.dumps(described).encode(), Content_Type="application/json")
        elif tree:
            listed = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.hub.files.items()
            ]
            self.send(200, json.dumps(listed).encode(), Content_Type="application/json")
        elif about:
            self.send(404, b"{}", X_Error_Code="RevisionNotFound")
        elif file and file["name"] in self.hub.files:
            content = self.hub.files[file["name"]]
            tag = hashlib.sha256(content).hexdigest()
            body = b"" if self.command == "HEAD" else content
            self.send(200, body, length=len(content), ETag=f'"{tag}"', X_Repo_Commit=COMMIT)
        else:
            self.send(404, b"{}", X_Error_Code="RepoNotFound")


@pytest.fixture
def hugging_face(own_cache, tmp_path, monkeypatch, huggingface_folder) -> Iterator[HubServer]:
    """A repository of a model, with files that a bundle does not need, and a cache of Hugging Face's own."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    files = {file.name: file.read_bytes() for file in huggingface_folder("source").iterdir()}
    files |= {"pytorch_model.bin": b"x", "tf_model.h5": b"x", "README.md": b"# x"}
    with running(HubServer(files=files), HuggingFaceHandler) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        yield found


def test_a_repository_and_then_nothing_of_the_network(hugging_face, tmp_path, monkeypatch):
    bundle = hub.resolve("hf://owner/name")
    assert bundle.source["name"] == "owner/name"
    assert bundle.source["revision"] == COMMIT
    assert bundle.folder.name.startswith("owner-name-")
    fetched = {path.rpartition("/")[2] for path, _ in hugging_face.requests if "/resolve/" in path}
    assert "model.safetensors" in fetched
    assert not fetched & {"pytorch_model.bin", "tf_model.h5"}
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    hugging_face.requests.clear()
    assert hub.resolve("hf://owner/name") == bundle
    assert hub.resolve(bundle.folder.name) == bundle
    assert hugging_face.requests == []


def test_a_revision(hugging_face):
    assert hub.resolve("hf://owner/name@v1").labels
    with pytest.raises(ModelNotFoundError, match="There is no hf://owner/name@v2"):
        hub.resolve("hf://owner/name@v2")


def test_a_repository_that_holds_a_bundle(hugging_face, tiny_a):
    hugging_face.files = {file.name: file.read_bytes() for file in tiny_a.folder.iterdir()}
    bundle = hub.resolve("hf://owner/name")
    assert Bundle.open(bundle.folder, verify=True).checksums == tiny_a.checksums
    assert not any(file.is_symlink() for file in bundle.folder.iterdir())


def test_of_another_family_the_graph_is_taken(hugging_face, tiny_a):
    config = json.loads(hugging_face.files["config.json"])
    labels = {str(at): label for at, label in enumerate(tiny_a.labels)}
    other = {**config, "model_type": "deberta-v2", "architectures": ["Other"], "id2label": labels}
    hugging_face.files["config.json"] = json.dumps(other).encode()
    hugging_face.files["onnx/model_q4.onnx"] = b"x"
    hugging_face.files["onnx/model.onnx"] = tiny_a.model_file.read_bytes()
    hugging_face.files["tokenizer.json"] = tiny_a.tokenizer_file.read_bytes()
    bundle = hub.resolve("hf://owner/name")
    assert bundle.source["format"] == "onnx"
    fetched = {path.partition(f"/{COMMIT}/")[2] for path, _ in hugging_face.requests if "/resolve/" in path}
    assert "onnx/model.onnx" in fetched
    assert not fetched & {"model.safetensors", "pytorch_model.bin", "onnx/model_q4.onnx"}


def test_of_a_bert_the_weights_are_taken_whatever_graphs_there_are(hugging_face):
    hugging_face.files |= {"onnx/model_fp16.onnx": b"x", "onnx/model_q4.onnx": b"x"}
    assert hub.resolve("hf://owner/name").source["format"] == "huggingface"


def test_the_only_graph_of_a_repository_is_taken():
    sizes = {"config.json": 1, "onnx/model_int8.onnx": 2, "onnx/model_int8.onnx_data": 3, "other/x.onnx": 4}
    assert list(wanted_files(sizes)) == ["config.json", "onnx/model_int8.onnx", "onnx/model_int8.onnx_data"]


def test_an_adapter_alone(hugging_face):
    hugging_face.files = {"adapter_config.json": b"{}", "adapter_model.safetensors": b""}
    with pytest.raises(UnsupportedModelError, match="LoRA adapter alone"):
        hub.resolve("hf://owner/name")


def test_what_is_not_there(hugging_face):
    with pytest.raises(ModelNotFoundError, match="HF_TOKEN"):
        hub.resolve("hf://owner/other")
    hugging_face.files = {"config.json": b"{}", "tf_model.h5": b""}
    with pytest.raises(ModelNotFoundError, match=r"no weights that rubriek reads[^$]*tf_model\.h5"):
        hub.resolve("hf://owner/name")


@pytest.mark.parametrize(
    "names",
    [
        ["model-/../../../evil.safetensors"],
        ["model-a//b.safetensors"],
        ["model.onnx", "model.onnx_data/../../evil"],
        ["model-a.safetensors", "model-A.safetensors"],
    ],
)
def test_a_listing_that_leads_elsewhere(hugging_face, names, tmp_path):
    hugging_face.files = {"config.json": b"{}"} | dict.fromkeys(names, b"x")
    with pytest.raises(DownloadError, match="hf://owner/name holds"):
        hub.resolve("hf://owner/name")
    assert not any("/resolve/" in path for path, _ in hugging_face.requests)


def test_a_commit_that_leads_elsewhere(hugging_face, monkeypatch):
    described = {"id": "owner/name", "sha": "../../../evil", "siblings": [{"rfilename": "model.safetensors"}]}
    hugging_face.always = status(200, json.dumps(described).encode(), Content_Type="application/json")
    with pytest.raises(DownloadError, match="has no commit"):
        hub.resolve("hf://owner/name")


@pytest.mark.parametrize(
    "answer",
    [
        status(500),
        page,
        *(
            status(200, text, Content_Type="application/json")
            for text in (
                b"[]",
                b"5",
                b"[" * 100_000,
                b'{"id": 5, "siblings": [5]}',
                b'{"id": "a", "siblings": 5}',
            )
        ),
    ],
)
def test_a_hub_that_misbehaves(hugging_face, answer, monkeypatch):
    hugging_face.always = answer
    with pytest.raises(DownloadError, match="cannot be fetched"):
        hub.resolve("hf://owner/name")


def test_a_hub_that_is_out_of_reach(hugging_face, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="cannot be fetched"):
        hub.resolve("hf://owner/name")
