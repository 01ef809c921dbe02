"""Zips that nobody should unpack."""

from __future__ import annotations

import stat
import struct
import zipfile

import pytest

from rubriek.errors import CacheError, DownloadError, SavedModelError
from rubriek.hub import download, unzipping
from rubriek.hub.unzipping import unzip


def zipped(path, entries, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_zip_is_unpacked_and_what_it_held_is_told(tmp_path, folder):
    path = zipped(
        tmp_path / "x.zip", [("metadata/part-00000", b"{}"), ("model", b"abc"), ("__MACOSX/x", b"")]
    )
    files = unzip(path, folder)
    assert {name: file["bytes"] for name, file in files.items()} == {"metadata/part-00000": 2, "model": 3}
    assert (folder / "metadata" / "part-00000").read_bytes() == b"{}"
    assert not (folder / "__MACOSX").exists()


def test_a_single_folder_is_gone_into(tmp_path, folder):
    unzip(zipped(tmp_path / "x.zip", [("news/config.json", b"{}"), ("news/a/b", b"")]), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["a", "config.json"]


def with_names(path, *names):
    """A zip whose entries are called exactly so; `zipfile` would put some names right."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, b"")
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "C:\\evil", "a\\..\\..\\evil", "c:evil"]
)
def test_names_that_lead_out(tmp_path, folder, name):
    with pytest.raises(SavedModelError, match="a name that leaves it"):
        unzip(with_names(tmp_path / "x.zip", name), folder)
    assert list(folder.iterdir()) == []


def test_a_name_that_leads_out_once_its_first_folder_is_taken_off(tmp_path, folder):
    outside = tmp_path / "outside" / "evil.pth"
    path = with_names(tmp_path / "x.zip", "a/config.json", f"a/{outside}")
    with pytest.raises(SavedModelError, match="a name with an empty part"):
        unzip(path, folder)
    assert not outside.parent.exists()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["a//b"], "an empty part"),
        (["a/./b"], "an empty part"),
        (["model.onnx//"], "an empty part"),
        (["model.onnx", "MODEL.ONNX"], "differ in case"),
        (["Model/a", "model/b"], "differ in case"),
        (["caf\u00e9", "cafe\u0301"], "differ in case"),
        (["model", "model/a"], "a file and a folder"),
        (["model/a", "model"], "a file and a folder"),
        (["model", "model/"], "a file and a folder"),
        (["a\nb"], "control character"),
        (["a\x1b[2J"], "control character"),
        (["x" * 231], "too long"),
        (["/".join("a" * 17)], "too deep"),
        (["NUL"], "Windows"),
        (["com1.txt"], "Windows"),
        (["a./b"], "Windows"),
    ],
)
def test_names_that_some_system_takes_for_another(tmp_path, folder, names, fault):
    with pytest.raises(SavedModelError, match=fault):
        unzip(with_names(tmp_path / "x.zip", *names), folder)
    assert list(folder.iterdir()) == []


def test_a_name_that_ends_at_nul(tmp_path, folder):
    path = with_names(tmp_path / "x.zip", "config.json_evil")
    path.write_bytes(path.read_bytes().replace(b"_evil", b"\0evil"))
    with pytest.raises(SavedModelError, match="control character"):
        unzip(path, folder)


def test_a_folder_with_content(tmp_path, folder):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("model/", b"content")
    with pytest.raises(SavedModelError, match="a folder with bytes"):
        unzip(tmp_path / "x.zip", folder)


def test_a_link_that_lies_there_already_is_not_followed(tmp_path, folder):
    (tmp_path / "elsewhere").mkdir()
    (folder / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SavedModelError, match="a name that leaves it"):
        unzip(zipped(tmp_path / "x.zip", [("a/b", b""), ("c", b"")]), folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_beside_the_only_folder_stays(tmp_path, folder):
    entries = [("config.json", b"{}"), ("onnx/model.onnx", b"x"), (".DS_Store", b"")]
    assert set(unzip(zipped(tmp_path / "x.zip", entries), folder)) == {name for name, _ in entries}


def test_what_a_file_manager_adds_does_not_count_beside_the_only_folder(tmp_path, folder):
    entries = [("news/config.json", b"{}"), (".DS_Store", b""), ("__MACOSX/news/._config.json", b"")]
    assert set(unzip(zipped(tmp_path / "x.zip", entries), folder)) == {"config.json"}


def test_links(tmp_path, folder):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, b"/etc/passwd")
    with pytest.raises(SavedModelError, match="a link"):
        unzip(tmp_path / "x.zip", folder)


def test_bombs(tmp_path, folder, monkeypatch):
    with pytest.raises(SavedModelError, match="compressed more than"):
        unzip(zipped(tmp_path / "x.zip", [("model", bytes(20 * 2**20))]), folder)
    with pytest.raises(SavedModelError, match="compressed more than"):
        unzip(zipped(tmp_path / "z.zip", [(f"f{number}", bytes(2**20)) for number in range(17)]), folder)
    monkeypatch.setattr(unzipping, "MAX_TOTAL", 99)
    with pytest.raises(DownloadError, match="holds too much"):
        unzip(zipped(tmp_path / "y.zip", [(f"f{number}", b"0123456789") for number in range(10)]), folder)
    assert list(folder.iterdir()) == []


def test_sizes_that_lie(tmp_path, folder):
    """An entry that is longer than its header says; no more than that is ever written."""
    path = zipped(tmp_path / "x.zip", [("model", bytes(1000))])
    data = path.read_bytes().replace(struct.pack("<I", 1000), struct.pack("<I", 10))
    path.write_bytes(data)
    with pytest.raises(SavedModelError, match=r"model in .* cannot be read"):
        unzip(path, folder)
    assert (folder / "model").stat().st_size <= 10


def test_damage(tmp_path, folder):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model", b"a" * 100)
    path.write_bytes(path.read_bytes().replace(b"a" * 100, b"a" * 99 + b"b"))
    with pytest.raises(SavedModelError, match="cannot be read"):
        unzip(path, folder)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<!DOCTYPE html><html>", "a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page or an error message"),
        (b"\n <HTML>", "a web page"),
        (b'{"error": "not found"}', "error"),
        (b"", "b''"),
    ],
)
def test_what_is_no_zip(tmp_path, folder, content, found):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DownloadError, match=f"no zip[^$]*{found}"):
        unzip(tmp_path / "x.zip", folder)


def test_a_zip_that_breaks_off(tmp_path, folder):
    path = zipped(tmp_path / "x.zip", [("model", b"abc" * 1000)])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SavedModelError):
        unzip(path, folder)


def test_room_is_looked_at_first(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("U", (), {"free": 10})())
    with pytest.raises(CacheError, match="no room"):
        unzip(zipped(tmp_path / "x.zip", [("model", b"abc")]), folder)
