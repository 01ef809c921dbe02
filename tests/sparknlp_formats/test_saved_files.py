"""Folders and zips of saved models: what leads out of them, or is too large, is refused before it is read."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest
from saved import DATA

from rubriek.errors import ModelNotFoundError, SavedModelError
from rubriek.sparknlp.formats import (
    SavedPipeline,
    features,
    files,
    onnx_archive,
    read_saved,
    write_saved,
)
from rubriek.sparknlp.formats.files import open_saved
from rubriek.sparknlp.formats.sequence_file import write_values


def zipped(path, entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def folder_in_zip(path, folder, prefix=""):
    found = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return zipped(path, [(prefix + file.relative_to(folder).as_posix(), file.read_bytes()) for file in found])


def refused(path, expected):
    with pytest.raises(SavedModelError) as caught:
        open_saved(path)
    assert expected in str(caught.value)


def test_a_zip_and_its_folder_hold_the_same(tmp_path):
    path = folder_in_zip(tmp_path / "model.zip", DATA / "model")
    found, expected = read_saved(path), read_saved(DATA / "model")
    assert (found.vocabulary, found.labels, found.params) == (
        expected.vocabulary,
        expected.labels,
        expected.params,
    )
    assert found.onnx.read() == expected.onnx.read()


def test_a_zip_of_the_folder_itself_is_read_too(tmp_path):
    path = folder_in_zip(tmp_path / "model.zip", DATA / "model", "my_model/")
    assert read_saved(path).labels == read_saved(DATA / "model").labels


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:/evil", "a\\..\\evil"])
def test_names_that_leave_the_zip_are_refused(tmp_path, name):
    path = zipped(tmp_path / "x.zip", [("aaaaaaaaaaaaaaaaaa"[: len(name)], b"")])
    path.write_bytes(path.read_bytes().replace(b"a" * len(name), name.encode()))
    refused(path, "a name that leaves it")


def test_a_file_without_a_name_is_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", [("a", b"")])
    path.write_bytes(path.read_bytes().replace(b"a", b"\0"))  # zipfile ends names there
    refused(path, "a file without a name")


def test_links_in_a_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("metadata/part-00000")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(zipped(tmp_path / "x.zip", [(link, "/etc/passwd")]), "a link")


def test_encrypted_zips_are_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", [("metadata/part-00000", b"{}")])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refused(path, "an encrypted file")


def test_zip_bombs_are_refused(tmp_path):
    refused(zipped(tmp_path / "x.zip", [("model", bytes(20 * 2**20))]), "compressed more than 200-fold")


def test_a_name_that_stands_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "x.zip", [("a", b"1"), ("a", b"2")])
    refused(path, "a file twice")


def test_the_directory_of_a_zip_is_limited(tmp_path, monkeypatch):
    path = zipped(tmp_path / "x.zip", [(f"f{number}", b"") for number in range(40)])
    monkeypatch.setattr(files, "MAX_FILES", 39)
    refused(path, "at most 39 files")
    monkeypatch.setattr(files, "MAX_FILES", 1000)
    monkeypatch.setattr(files, "MAX_DIRECTORY", 1000)
    refused(path, "a larger one")


def test_the_files_of_a_folder_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 2)
    for number in range(3):
        (tmp_path / str(number)).touch()
    refused(tmp_path, "at most 2 files")


def test_the_directory_of_a_zip_is_read_once_however_many_parts_it_has(tmp_path, monkeypatch):
    """Parts without an entry, as Spark writes of partitions without rows."""
    path = tmp_path / "model.zip"
    found = [file for file in sorted((DATA / "model").rglob("*")) if file.is_file()]
    entries = [(file.relative_to(DATA / "model").as_posix(), file.read_bytes()) for file in found]
    empty = io.BytesIO()
    write_values(empty, [])
    parts = [(f"fields/labels/part-{number:05}", empty.getvalue()) for number in range(2, 200)]
    zipped(path, [*entries, *parts])
    opened = []

    class Counted(zipfile.ZipFile):
        def __init__(self, *arguments, **options):
            opened.append(arguments)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    assert read_saved(path).labels == read_saved(DATA / "model").labels
    assert len(opened) == 1


def test_a_zip_that_changed_since_it_was_opened_is_refused(tmp_path):
    path = folder_in_zip(tmp_path / "model.zip", DATA / "model")
    saved = read_saved(path)
    zipped(path, [("x", b"1" * 4000)], zipfile.ZIP_STORED)
    with pytest.raises(SavedModelError, match="cannot be read"):
        saved.onnx.read()


def test_files_that_share_bytes_are_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", [("a", b"1" * 100), ("b", b"1" * 100)], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)
    path.write_bytes(data)
    refused(path, "share bytes")


def test_many_small_files_together_are_not_compressed_further_than_a_large_one(tmp_path):
    refused(zipped(tmp_path / "x.zip", [(str(number), bytes(2**20)) for number in range(17)]), "200-fold")


def test_what_is_no_zip_is_refused(tmp_path):
    file = tmp_path / "model.zip"
    file.write_bytes(b"PK" + bytes(100))
    refused(file, "not a zip")
    file.write_bytes(b"")
    refused(file, "not a zip")
    with pytest.raises(ModelNotFoundError):
        open_saved(tmp_path / "nothing")


def test_links_out_of_a_folder_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "model"
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "part-00000").symlink_to(secret)
    with pytest.raises(SavedModelError, match="outside its folder"):
        read_saved(folder)


def test_loops_of_links_end(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(SavedModelError, match="nothing that Spark saved"):
        read_saved(tmp_path)


def with_checksums(folder):
    """Add the checksum file that Hadoop writes beside the metadata."""
    part = folder / "metadata" / "part-00000"
    data = part.read_bytes()
    blocks = [zlib.crc32(data[start : start + 512]) for start in range(0, len(data), 512)]
    numbers = struct.pack(f">I{len(blocks)}I", 512, *blocks)
    (folder / "metadata" / ".part-00000.crc").write_bytes(b"crc\0" + numbers)
    return part


def test_what_differs_from_its_checksums_is_refused(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(DATA / "model", folder)
    part = with_checksums(folder)
    assert read_saved(folder).param("maxSentenceLength") == 256
    part.write_text(part.read_text().replace("256", "512"))
    with pytest.raises(SavedModelError, match="not the file that was saved"):
        read_saved(folder)
    (part.parent / ".part-00000.crc").write_bytes(b"crc\0\0\0\0\0")
    with pytest.raises(SavedModelError, match="another form"):
        read_saved(folder)


def test_a_pipe_is_not_waited_for(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(DATA / "model", folder)
    (folder / "metadata" / "part-00000").unlink()
    os.mkfifo(folder / "metadata" / "part-00000")
    with pytest.raises(SavedModelError, match="no regular file"):
        read_saved(folder)


def test_the_size_of_a_feature_is_limited(monkeypatch):
    monkeypatch.setattr(features, "MOST_BYTES", 1000)
    with pytest.raises(SavedModelError, match="too large"):
        read_saved(DATA / "model")


def test_the_size_of_a_compressed_feature_is_limited(monkeypatch):
    folder = DATA / "compressed" / "block-BZip2Codec"
    size = sum(part.stat().st_size for part in (folder / "fields" / "rules").glob("part-*"))
    monkeypatch.setattr(features, "MOST_BYTES", size)
    with pytest.raises(SavedModelError, match="too large"):
        read_saved(folder)


def test_the_size_of_a_network_is_limited(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(DATA / "model", folder)
    zipped(folder / "bert_classification_onnx", [("a", bytes(20 * 2**20))])
    with pytest.raises(SavedModelError, match="at most 200-fold"):
        read_saved(folder).onnx.read()
    monkeypatch.setattr(onnx_archive, "MOST_BYTES", 1000)
    with pytest.raises(SavedModelError, match="at most 1,000 bytes"):
        read_saved(folder).onnx.read()


@pytest.mark.parametrize("uid", ["../evil", "a/b", "C:evil", "a\\b", "", "u" * 300])
def test_identifiers_that_lead_elsewhere_are_refused(tmp_path, uid):
    folder = tmp_path / "stage"
    stage = read_saved(DATA / "stages" / "document")
    with pytest.raises(SavedModelError, match="identifier"):
        write_saved(SavedPipeline(uid="p", stages=(replace(stage, uid=uid),)), folder)
    assert not folder.exists()
    shutil.copytree(DATA / "stages" / "document", folder)
    file = folder / "metadata" / "part-00000"
    record = {**json.loads(file.read_text()), "uid": uid}
    file.write_text(json.dumps(record))
    with pytest.raises(SavedModelError, match=r"uid|identifier"):
        read_saved(folder)
