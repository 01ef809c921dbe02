"""Folders and zips of saved models: what leads out of them, or is too large, is refused before it is read."""

from __future__ import annotations

import stat
import zipfile

import pytest
from saved import DATA

from rubriek.errors import ModelNotFoundError, SavedModelError
from rubriek.sparknlp.formats import files, read_saved
from rubriek.sparknlp.formats.files import open_saved


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
    monkeypatch.setattr(files, "MOST_FILES", 39)
    refused(path, "at most 39 files")
    monkeypatch.setattr(files, "MOST_FILES", 1000)
    monkeypatch.setattr(files, "MOST_DIRECTORY", 1000)
    refused(path, "a larger one")


def test_the_files_of_a_folder_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 2)
    for number in range(3):
        (tmp_path / str(number)).touch()
    refused(tmp_path, "at most 2 files")


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
