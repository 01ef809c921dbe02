"""Models through the command: they come from a hub, are checked, and go."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from rubriek.cli import main
from rubriek.cli.transfer import Bar
from rubriek.models import Bundle
from rubriek.models.sparknlp_export import export_sparknlp

NAME = "news"
FILE = f"{NAME}_nl_5.1.4_3.4_1698789540127.zip"
ROW = {
    "name": NAME,
    "language": "nl",
    "libVersion": {"parts": [5, 1, 4]},
    "sparkVersion": {"parts": [3, 4]},
    "readyToUse": True,
    "time": "2023-10-31T21:59:00.127Z",
}


@pytest.fixture(autouse=True)
def folder_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_a: Bundle) -> Iterator[Path]:
    """A cache in which nothing is yet, and a hub that is a folder."""
    folder = tmp_path / "hub" / "public" / "models"
    folder.mkdir(parents=True)
    export_sparknlp(tiny_a, folder / FILE)
    (folder / "metadata.json").write_text(json.dumps(ROW))
    monkeypatch.setenv("RUBRIEK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RUBRIEK_HUB", str(tmp_path / "hub"))
    return folder


def models(*arguments: object, status: int = 0, **environment: str):
    runner = CliRunner(env=environment)
    result = runner.invoke(main, ["models", *map(str, arguments)])
    assert result.exit_code == status, result.output + repr(result.exception)
    return result


def answer(*arguments: object, status: int = 0):
    return json.loads(models(*arguments, "--json", status=status).stdout)


def test_pulled_listed_shown_found_checked_and_removed(tiny_a, tmp_path):
    pulled = answer("pull", NAME, "--lang", "nl")
    assert pulled["labels"] == list(tiny_a.labels)
    listed = {model["name"]: model for model in answer("list")}
    name = Path(pulled["folder"]).name
    assert listed[name]["from"] == "sparknlp://nl/news"
    assert listed[name]["used"]
    assert listed["nl-news"]["from"] == "built in"
    for ref in (name, NAME, "sparknlp://nl/news"):
        assert models("path", ref).stdout.strip() == pulled["folder"]
        assert answer("show", ref)["folder"] == pulled["folder"]
    assert models("path").stdout.strip() == str(tmp_path / "cache")
    assert [kept["error"] for kept in answer("verify")] == [None] * 3
    removed = answer("remove", name)
    assert sorted(kept["kind"] for kept in removed) == ["model", "original"]
    assert [model["name"] for model in answer("list")] == ["nl-news"]


def test_pulling_says_what_it_is(tiny_a):
    text = models("pull", "sparknlp://nl/news").stdout
    assert "Koningshuis" in text
    assert "models prune --originals" in models("list").stdout


def test_showing_fetches_nothing(tmp_path):
    for command in ("show", "path"):
        assert (
            "rubriek models pull sparknlp://nl/news" in models(command, "sparknlp://nl/news", status=1).stderr
        )
    assert not (tmp_path / "cache" / "downloads").exists()


def test_damage_ends_with_a_status():
    folder = Path(answer("pull", NAME)["folder"])
    (folder / "model.onnx").write_bytes(b"")
    assert "is not the file that was written" in models("verify", status=1).stdout
    assert [kept["name"] for kept in answer("verify", status=1) if kept["error"]] == [folder.name]


def test_pruning_tells_before_it_removes():
    models("pull", NAME)
    (kept,) = answer("prune", "--originals", "--dry-run")
    assert Path(kept["folder"]).is_dir()
    assert "would be removed" in models("prune", "--originals", "--dry-run").stdout
    assert models("prune", "--originals").stdout.strip().endswith("removed")
    assert not Path(kept["folder"]).exists()
    assert models("path", NAME).stdout.strip()


def test_offline_and_unknown_names_are_errors(folder_hub):
    away = {"RUBRIEK_HUB": "http://127.0.0.1:9", "RUBRIEK_OFFLINE": "1"}
    assert "RUBRIEK_OFFLINE forbids" in models("pull", NAME, "--lang", "nl", status=1, **away).stderr
    assert "did you mean sparknlp://nl/news" in models("pull", "nwes", "--lang", "nl", status=1).stderr
    assert "The cache holds no model 'nothing'" in models("remove", "nothing", status=1).stderr
    assert "is built in" in models("remove", "nl-news", status=1).stderr


@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_the_list_fits_the_terminal(columns):
    models("pull", NAME)
    lines = models("list", COLUMNS=columns).stdout.splitlines()
    table = lines[: lines.index("")]
    assert all(len(line) <= int(columns) for line in table), table


@pytest.mark.parametrize(
    "command", ["list", "show", "pull", "remove", "prune", "verify", "path", "import", "quantize"]
)
def test_help_has_an_example(command):
    text = models(command, "--help").stdout
    assert f"rubriek models {command}" in text
    assert "--json" in text


def test_a_terminal_sees_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = Bar()
    bar.started("news.zip", 1_000_000, 250_000)
    bar.progressed(500_000)
    bar._bar.refresh()
    bar.ended()
    shown = capsys.readouterr().err
    assert "news.zip:  25%" in shown
    assert "news.zip:  50%" in shown
    bar.started("of unknown size", None, 0)
    bar.progressed(1000)
    bar.ended()
    assert "of unknown size" in capsys.readouterr().err


def test_what_is_no_terminal_sees_none(capsys):
    bar = Bar()
    bar.started("news.zip", 1_000_000, 0)
    bar.progressed(500_000)
    bar.ended()
    assert capsys.readouterr().err == ""
