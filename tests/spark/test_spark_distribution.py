"""How a model comes to the workers, and what a worker makes sure of."""

from __future__ import annotations

import shutil
import zipfile

import pyspark
import pytest

import rubriek
from rubriek.errors import BundleError, ModelNotFoundError
from rubriek.spark.distribution import Placed, fingerprint, send


class Context:
    master = "spark://elsewhere:7077"

    def __init__(self) -> None:
        self.sent: list[str] = []

    def addArchive(self, path: str) -> None:
        self.sent.append(path)


class Session:
    def __init__(self) -> None:
        self.sparkContext = Context()


def test_what_is_built_in_is_not_sent():
    session = Session()
    bundle = rubriek.load("nl-news").bundle
    placed = send(session, bundle)
    assert (placed.kind, placed.place, session.sparkContext.sent) == ("built in", "nl-news", [])
    assert placed.open() == bundle


def test_on_one_machine_and_where_all_see_it_it_stays_where_it_is(spark, tiny_a):
    for placed in (send(spark, tiny_a), send(Session(), tiny_a, distribute=False)):
        assert (placed.kind, placed.place) == ("path", str(tiny_a.folder))
        assert placed.open().labels == tiny_a.labels


def test_it_is_sent_once_for_each_session_whole_and_with_nothing_beside(tiny_a, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_a.folder, tmp_path / "model")
    (folder / "notes.txt").write_text("not of the model")
    bundle = rubriek.load(folder).bundle
    first, second = Session(), Session()
    placed = [send(session, bundle) for session in (first, first, second)]
    assert len(set(placed)) == 1
    assert [len(session.sparkContext.sent) for session in (first, second)] == [1, 1]
    file, _, name = first.sparkContext.sent[0].partition("#")
    assert name == placed[0].place
    unpacked = tmp_path / "executor" / name
    with zipfile.ZipFile(file) as archive:
        assert set(archive.namelist()) == {"rubriek.json", "model.onnx", "tokenizer.json"}
        archive.extractall(unpacked)
    monkeypatch.setattr(pyspark.SparkFiles, "get", lambda name: str(tmp_path / "executor" / name))
    assert placed[0].open().checksums == tiny_a.checksums


def test_a_model_that_changes_or_goes_is_noticed_when_it_is_sent_again(tiny_a, tmp_path):
    folder = shutil.copytree(tiny_a.folder, tmp_path / "model")
    bundle, session = rubriek.load(folder).bundle, Session()
    send(session, bundle)
    with (folder / "tokenizer.json").open("r+b") as file:
        file.write(b" ")
    with pytest.raises(BundleError, match="is not the file that was written"):
        send(session, bundle)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BundleError, match="incomplete"):
        send(session, bundle)


def test_a_worker_refuses_another_model_and_a_damaged_one(tiny_a, multi_label, tmp_path):
    mark = fingerprint(tiny_a.folder)
    with pytest.raises(ModelNotFoundError, match="has to be seen by every node"):
        Placed("path", str(tmp_path / "absent"), mark).open()
    with pytest.raises(BundleError, match="not the one that the driver uses"):
        Placed("path", str(multi_label.folder), mark).open()
    folder = shutil.copytree(tiny_a.folder, tmp_path / "damaged")
    with (folder / "tokenizer.json").open("r+b") as file:
        file.write(b" ")
    with pytest.raises(BundleError, match="is not the file that was written"):
        Placed("path", str(folder), mark).open()


def test_another_version_of_rubriek_on_the_workers_is_noticed():
    with pytest.raises(BundleError, match="install the driver's version of rubriek"):
        Placed("built in", "nl-news", "0" * 64).open()
