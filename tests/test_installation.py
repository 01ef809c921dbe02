"""The line that adds an extra names what this rubriek was installed from."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from rubriek.errors import MissingExtraError, need
from rubriek.installation import install_line


@pytest.fixture
def installed_from(tmp_path, monkeypatch):
    """Sets what pip wrote down about where rubriek came from; None: nothing."""

    def write(direct_url: object) -> None:
        info = tmp_path / "rubriek-0.1.0.dist-info"
        info.mkdir()
        if direct_url is not None:
            text = direct_url if isinstance(direct_url, str) else json.dumps(direct_url)
            (info / "direct_url.json").write_text(text, encoding="utf-8")
        monkeypatch.setattr(metadata, "distribution", lambda _: metadata.PathDistribution(info))

    return write


def test_from_the_package_index(installed_from):
    installed_from(None)
    assert install_line("serve") == "pip install 'rubriek[serve]'"


def test_from_a_clone_that_stays_editable(installed_from, tmp_path):
    clone = tmp_path / "it's a clone"
    clone.mkdir()
    installed_from({"url": clone.as_uri(), "dir_info": {"editable": True}})
    assert install_line("serve") == f"""pip install --editable '{tmp_path}/it'"'"'s a clone[serve]'"""


def test_from_a_folder(installed_from, tmp_path):
    installed_from({"url": tmp_path.as_uri(), "dir_info": {}})
    assert install_line("serve") == f"pip install '{tmp_path}[serve]'"


def test_from_a_wheel(installed_from, tmp_path):
    wheel = tmp_path / "rubriek-0.1.0-py3-none-any.whl"
    wheel.touch()
    installed_from({"url": wheel.as_uri(), "archive_info": {}})
    assert install_line("serve") == f"pip install '{wheel}[serve]'"


def test_from_a_repository(installed_from):
    url = "https://git.example/rubriek.git"
    installed_from({"url": url, "vcs_info": {"vcs": "git", "commit_id": "abc"}})
    assert install_line("serve") == f"pip install 'rubriek[serve] @ git+{url}@abc'"


@pytest.mark.parametrize(
    "direct_url",
    [{"url": "file:///no/such/clone", "dir_info": {"editable": True}}, {}, [], {"url": 1}, "no JSON"],
)
def test_where_the_place_is_gone_or_unknown_it_is_the_index(installed_from, direct_url):
    installed_from(direct_url)
    assert install_line("serve") == "pip install 'rubriek[serve]'"


def test_where_rubriek_was_only_unpacked_it_is_the_index(monkeypatch):
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert install_line("serve") == "pip install 'rubriek[serve]'"


def test_a_missing_package_is_named_with_that_line():
    with pytest.raises(MissingExtraError) as caught:
        need("absent", extra="serve", purpose="The HTTP service")
    assert caught.value.hint == install_line("serve")
