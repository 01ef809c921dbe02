"""Whatever others call a file, it is written below its folder or refused."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rubriek.errors import DownloadError
from rubriek.paths import MAX_PART_BYTES, name_clash, name_fault, open_below

PIECES = st.sampled_from(
    ["a", "b", "A", "..", ".", "", " ", "\0", "\n", "\\", ":", "nul", "é", "\ud800", "link", "x" * 300]
)
NAMES = st.lists(PIECES, max_size=5).map("/".join) | st.text(max_size=8)


def everything(folder):
    return {path for path in folder.rglob("*") if not path.is_dir()}


@given(names=st.lists(NAMES, max_size=6), mode=st.sampled_from(["xb", "wb", "ab"]))
def test_nothing_is_written_outside(names, mode, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    folder = home / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(home)
    for name in names:
        try:
            with open_below(folder, name, mode, error=DownloadError, where="x") as stream:
                stream.write(b"x")
        except DownloadError:
            continue
        assert (folder / name).read_bytes().endswith(b"x")
    assert {path for path in home.iterdir() if path != folder} == set()


LETTERS = st.sampled_from(["a", "A", "b", "é", "e\u0301"])


@given(st.lists(st.lists(LETTERS, min_size=1, max_size=3).map("/".join), max_size=4))
def test_names_without_fault_and_clash_are_written_as_they_are(tmp_path_factory, names):
    assert not any(map(name_fault, names))
    assume(name_clash(names) is None)
    folder = tmp_path_factory.mktemp("folder")
    for name in names:
        open_below(folder, name, "xb", error=DownloadError, where="x").close()
    assert {path.relative_to(folder).as_posix() for path in everything(folder)} == set(names)


def test_a_link_at_the_name_itself_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").symlink_to("b")
    for mode in ("xb", "wb", "ab"):
        with pytest.raises(DownloadError, match="cannot be written"):
            open_below(tmp_path / "folder", "a", mode, error=DownloadError, where="x")
    assert not (tmp_path / "folder" / "b").exists()


def test_a_loop_of_links_is_refused(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(DownloadError):
        open_below(tmp_path, "a/x", "wb", error=DownloadError, where="x")


def test_a_file_where_a_folder_is_wanted_is_refused(tmp_path):
    open_below(tmp_path, "a", "xb", error=DownloadError, where="x").close()
    with pytest.raises(DownloadError, match="cannot be written"):
        open_below(tmp_path, "a/b", "xb", error=DownloadError, where="x")
    open_below(tmp_path, "c/d", "xb", error=DownloadError, where="x").close()
    with pytest.raises(DownloadError, match="cannot be written"):
        open_below(tmp_path, "c", "wb", error=DownloadError, where="x")


def test_a_path_too_long_for_the_system_is_refused(tmp_path):
    folder = tmp_path
    while len(os.fspath(folder)) < 3_500:
        folder /= "f" * 200
    folder.mkdir(parents=True)
    name = "/".join(["x" * MAX_PART_BYTES] * 4)
    assert name_fault(name) is None
    with pytest.raises(DownloadError, match="cannot be written"):
        open_below(folder, name, "xb", error=DownloadError, where="x")


def test_a_full_disk_is_no_matter_of_the_name(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space"):
        open_below(tmp_path, "a", "xb", error=DownloadError, where="x")
