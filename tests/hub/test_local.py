from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tiny
from rubriek import hub
from rubriek.errors import BundleError, ModelError, ModelNotFoundError, RubriekWarning, SavedModelError
from rubriek.models import Bundle, import_model
from rubriek.models.sparknlp_export import export_sparknlp
from rubriek.models.weights_safetensors import read_safetensors
from rubriek.sparknlp.formats import files as saved_files

TINY = Path(__file__).parent.parent / "data" / "tiny-a"


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RUBRIEK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def test_a_name_in_the_cache(empty_cache, huggingface_folder):
    bundle = import_model(huggingface_folder("news"))
    assert bundle.folder == empty_cache / "news"
    assert hub.resolve("news") == bundle


def test_a_name_goes_before_a_folder_of_that_name(empty_cache, huggingface_folder, tmp_path, monkeypatch):
    bundle = import_model(huggingface_folder("news"))
    other = import_model(huggingface_folder("other", seed=1), tmp_path / "here" / "news")
    monkeypatch.chdir(tmp_path / "here")
    assert hub.resolve("news") == bundle
    assert hub.resolve("./news").checksums == other.checksums


def test_a_built_in_model_goes_before_the_cache(empty_cache, huggingface_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(hub.local, "BUNDLED", tmp_path / "bundled")
    built_in = import_model(huggingface_folder("a"), tmp_path / "bundled" / "news")
    import_model(huggingface_folder("b", seed=1), name="news")
    assert hub.resolve("news") == built_in
    assert hub.installed() == [built_in]


def test_a_path_to_a_bundle(tiny_a, empty_cache):
    assert hub.resolve(tiny_a.folder) == tiny_a
    assert hub.resolve(str(tiny_a.folder)) == tiny_a
    assert not empty_cache.exists()


def test_a_hugging_face_folder_is_imported_once(empty_cache, huggingface_folder, caplog):
    folder = huggingface_folder("Nieuws (klein)")
    with caplog.at_level(logging.INFO, logger="rubriek"):
        first = hub.resolve(folder)
        assert [record.levelname for record in caplog.records] == ["INFO"]
        assert str(folder) in caplog.text
        assert hub.resolve(str(folder)) == first
        assert len(caplog.records) == 1
    assert first.folder.parent == empty_cache
    assert first.name.startswith("Nieuws-klein-")
    assert hub.resolve(first.name) == first


def test_the_content_decides_whether_a_folder_is_imported_again(empty_cache, huggingface_folder, tmp_path):
    first = hub.resolve(huggingface_folder("news"))
    shutil.copytree(tmp_path / "news", tmp_path / "copy" / "news")
    (tmp_path / "copy" / "news" / "README.md").write_text("Nothing that is imported.")
    assert hub.resolve(tmp_path / "copy" / "news") == first
    tiny.change_json(tmp_path / "news" / "tokenizer_config.json", model_max_length=8)
    second = hub.resolve(tmp_path / "news")
    assert (first.max_length, second.max_length) == (24, 8)
    in_cache = [bundle for bundle in hub.installed() if bundle.folder.parent == empty_cache]
    assert in_cache == sorted([first, second], key=lambda bundle: bundle.name)


def test_weights_in_parts_of_any_name_count_as_content(empty_cache, huggingface_folder):
    folder = huggingface_folder("news")
    (folder / "model.safetensors").rename(folder / "deel-1")
    names = read_safetensors(folder / "deel-1")
    index = {"weight_map": dict.fromkeys(names, "deel-1")}
    tiny.write_json(folder / "model.safetensors.index.json", index)
    first = hub.resolve(folder)
    tiny.write_safetensors(folder / "deel-1", {name: tensor.array * 2 for name, tensor in names.items()})
    assert hub.resolve(folder).checksums != first.checksums


def test_a_damaged_import_is_made_anew(empty_cache, huggingface_folder):
    folder = huggingface_folder("news")
    first = hub.resolve(folder)
    first.model_file.write_bytes(b"")
    with pytest.raises(BundleError):
        hub.resolve(first.name)
    assert Bundle.open(hub.resolve(folder).folder, verify=True) == first


def test_a_snapshot_of_hugging_faces_cache(empty_cache, huggingface_folder, tmp_path):
    """Its files are links to another folder, and its name is a hash."""
    snapshot, blobs = (tmp_path / "models--some--bert" / name for name in ("snapshots/0a1b", "blobs"))
    snapshot.parent.mkdir(parents=True)
    huggingface_folder("model").rename(snapshot)
    blobs.mkdir()
    for file in list(snapshot.iterdir()):
        file.rename(blobs / file.name)
        file.symlink_to(blobs / file.name)
    bundle = hub.resolve(snapshot)
    assert bundle.name.startswith("some-bert-")
    assert (bundle.source["name"], bundle.source["revision"]) == ("some/bert", "0a1b")
    assert not any(file.is_symlink() for file in bundle.folder.iterdir())


def zipped(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_a_zip_with_files_and_one_folder_at_its_top(empty_cache, tiny_a, tmp_path):
    files = {file.name: file.read_bytes() for file in tiny_a.folder.iterdir()}
    bundle = hub.resolve(zipped(tmp_path / "bundle.zip", files | {"img/a.png": b"x"}))
    assert bundle.checksums == tiny_a.checksums
    source = {name: (TINY / name).read_bytes() for name in ("config.json", "tokenizer.json")}
    network = {"onnx/model.onnx": tiny_a.model_file.read_bytes()}
    assert hub.resolve(zipped(tmp_path / "onnx.zip", source | network)).labels == tiny_a.labels


def test_a_zip_that_leads_out_writes_nothing_and_is_refused(empty_cache, tmp_path):
    outside = tmp_path / "outside" / "evil.pth"
    path = zipped(tmp_path / "m.zip", {"a/config.json": b"{}", f"a/{outside}": b"import os"})
    with pytest.raises(SavedModelError, match="a name with an empty part"):
        hub.resolve(path)
    assert not outside.parent.exists()


def test_the_directory_of_a_zip_is_limited_before_it_is_read(empty_cache, tmp_path, monkeypatch):
    path = zipped(tmp_path / "m.zip", {str(number): b"" for number in range(40)})
    monkeypatch.setattr(saved_files, "MAX_DIRECTORY", 1_000)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # what would read it
    with pytest.raises(SavedModelError, match="a larger one"):
        hub.resolve(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names: NOT RUN")
@pytest.mark.parametrize("kind", ["huggingface", "sparknlp", "zip"])
def test_a_path_that_is_not_unicode(empty_cache, huggingface_folder, tiny_a, tmp_path, kind):
    path = tmp_path / os.fsdecode(b"nieuws \xe9")
    if kind == "huggingface":
        huggingface_folder("news").rename(path)
    elif kind == "sparknlp":
        export_sparknlp(tiny_a, path)
    else:
        path = path.with_name(f"{path.name}.zip")
        export_sparknlp(tiny_a, path)
    bundle = hub.resolve(path)
    assert "nieuws ?" in json.dumps(bundle.source)
    assert hub.resolve(path) == bundle


def test_many_at_once_get_the_same_bundle(empty_cache, huggingface_folder):
    folder = huggingface_folder("news")
    with ThreadPoolExecutor(8) as pool:
        bundles = list(pool.map(hub.resolve, [folder] * 8))
    assert all(bundle == bundles[0] for bundle in bundles)
    assert [path.name for path in empty_cache.iterdir()] == [bundles[0].name]


def test_a_folder_that_cannot_be_imported_leaves_nothing(empty_cache, huggingface_folder):
    folder = huggingface_folder("news", hidden_size=9)
    with pytest.raises(ModelError):
        hub.resolve(folder)
    assert not empty_cache.exists() or list(empty_cache.iterdir()) == []


@pytest.mark.parametrize(
    "ref",
    ["", "no/such/folder", "..x", "~/no/such/folder", "~nobody-of-this-name/x", "a\nb", "a\0b", "x" * 300],
)
def test_what_is_nowhere(ref, empty_cache):
    with pytest.raises(ModelNotFoundError):
        hub.resolve(ref)


def test_the_nearest_name_is_told(empty_cache, huggingface_folder):
    import_model(huggingface_folder("toxicity"))
    import_model(huggingface_folder("news-nl"))
    with pytest.raises(ModelNotFoundError, match="did you mean 'toxicity'") as caught:
        hub.resolve("toxcity")
    assert "news-nl" in str(caught.value)


def test_a_folder_of_other_things(tmp_path, empty_cache):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "sea.jpg").write_bytes(b"")
    with pytest.raises(ModelError, match=r"found: *sea\.jpg"):
        hub.resolve(tmp_path / "photos")


def test_the_list_leaves_out_what_cannot_be_used_and_says_so(empty_cache, huggingface_folder):
    good, bad = import_model(huggingface_folder("good")), import_model(huggingface_folder("bad"))
    (bad.folder / "rubriek.json").write_text("{}")
    partial = empty_cache / ".good.0123.partial"  # of a writer that was killed, or is not done
    shutil.copytree(good.folder, partial)
    with pytest.warns(RubriekWarning, match=f"bad{os.sep}?"):
        assert good in hub.installed()
    shutil.rmtree(bad.folder)
    assert good in hub.installed()
    assert all(bundle.folder != partial for bundle in hub.installed())
