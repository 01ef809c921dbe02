"""The folder of a job holds what this user's jobs wrote, and nothing that leads elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fake_classifier import FakeClassifier
from rubriek import jobs
from rubriek.errors import JobError
from rubriek.files import open_source
from rubriek.jobs.disk import followed, replacing
from rubriek.jobs.lock import locked

NOBODY = 65534
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can give a file to another user: NOT RUN",
)


@pytest.fixture
def secret(tmp_path) -> Path:
    """A file outside the folder, which nothing may write to."""
    file = tmp_path / "secret"
    file.write_text("secret")
    yield file
    assert file.read_text() == "secret"


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "uit.csv.job").mkdir()
    return tmp_path / "uit.csv.job"


@pytest.mark.parametrize("name", ["lock", "errors.jsonl", "manifest.json.partial", "output.partial"])
@pytest.mark.parametrize("target", ["secret", "nowhere", "no/where"])
def test_links_in_the_folder_are_not_followed(tmp_path, folder, secret, name, target):
    (folder / name).symlink_to(tmp_path / target)
    with pytest.raises(JobError, match=r"not a file that a job wrote(.|\n)*a link"), locked(folder):
        raise AssertionError("the folder was taken")
    assert not (tmp_path / "nowhere").exists()


def test_a_link_below_a_folder_of_the_folder_is_found_too(folder, secret):
    (folder / "rows").mkdir()
    (folder / "rows" / "part").symlink_to(secret)
    with pytest.raises(JobError, match="not a file that a job wrote"), locked(folder):
        raise AssertionError("the folder was taken")


def test_a_folder_that_is_a_link_is_refused(tmp_path, folder):
    (tmp_path / "other.csv.job").symlink_to(folder)
    with pytest.raises(JobError, match=r"not a folder(.|\n)*a link"), locked(tmp_path / "other.csv.job"):
        raise AssertionError("the folder was taken")
    assert list(folder.iterdir()) == []


def test_a_pipe_in_the_folder_is_not_waited_for(folder):
    os.mkfifo(folder / "lock")
    with pytest.raises(JobError, match="not a file that a job wrote"), locked(folder):
        raise AssertionError("the folder was taken")


@as_root
def test_a_folder_of_another_user_is_refused(tmp_path, folder, secret):
    (folder / "lock").symlink_to(secret)
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(JobError, match="belongs to another user"), locked(folder):
        raise AssertionError("the folder was taken")
    (tmp_path / "in.csv").write_text("text\nnieuws\n")
    job = jobs.Job(open_source(tmp_path / "in.csv"), tmp_path / "uit.csv", "csv", ("text",))
    with pytest.raises(JobError, match="belongs to another user"):
        jobs.run(job, FakeClassifier())
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_where_files_never_belong_to_who_makes_them_a_folder_is_ones_own(folder, monkeypatch):
    """As on a network drive that gives every file to one user."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with locked(folder):
        assert (folder / "lock").read_text() == str(os.getpid())


def test_a_lock_that_holds_no_number_names_no_process(folder):
    (folder / "lock").write_bytes(b"\xff\x1b[2J")
    descriptor = os.open(folder / "lock", os.O_RDWR)
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(JobError, match="process unknown"), locked(folder):
            raise AssertionError("the folder was taken")
    finally:
        os.close(descriptor)


def test_what_a_killed_process_left_of_a_file_is_replaced_and_not_written_through(tmp_path, secret):
    (tmp_path / "part.partial").symlink_to(secret)
    with replacing(tmp_path / "part") as stream:
        stream.write(b"x")
    assert (tmp_path / "part").read_bytes() == b"x"


class TestFollowed:
    def test_links_are_followed_to_their_end(self, tmp_path):
        (tmp_path / "b").symlink_to(tmp_path / "c")
        (tmp_path / "a").symlink_to("b")
        assert followed(tmp_path / "a") == tmp_path / "c"
        assert followed(tmp_path / "c") == tmp_path / "c"

    def test_a_link_to_itself(self, tmp_path):
        (tmp_path / "a").symlink_to("a")
        with pytest.raises(JobError, match="leads nowhere"):
            followed(tmp_path / "a")

    @as_root
    def test_a_link_of_another_user_where_everybody_may_write(self, tmp_path, secret):
        shared = tmp_path / "shared"
        shared.mkdir()
        (shared / "uit.csv").symlink_to(secret)
        os.chown(shared / "uit.csv", NOBODY, NOBODY, follow_symlinks=False)
        assert followed(shared / "uit.csv") == secret
        shared.chmod(0o1777)
        with pytest.raises(JobError, match="link of another user"):
            followed(shared / "uit.csv")
