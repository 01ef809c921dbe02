"""Cards and hubs through the command: write, publish, search, make a site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rubriek.cli import main
from rubriek.hub.cards import parse_card, read_card

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("RUBRIEK_CACHE", str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def run(*arguments: object, status: int = 0):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == status, result.output + repr(result.exception)
    return result


def test_a_card_is_printed_or_written(tiny_a, tmp_path):
    card = parse_card(run("models", "card", tiny_a.folder).stdout)
    assert card.name == "tiny-a"
    run("models", "card", tiny_a.folder, "-o", tmp_path / "card.md")
    assert read_card(tmp_path / "card.md") == card
    found = json.loads(run("models", "card", tiny_a.folder, "--json").stdout)
    assert found["front"] == dict(card.front)
    assert [part["title"] for part in found["sections"]] == [part.title for part in card.sections]


def test_publish_search_and_site(tiny_a, tmp_path):
    hub = tmp_path / "hub"
    publish = ("models", "publish", tiny_a.folder, "--to", hub, "--name", "sections", "--lang", "nl")
    shown = run(*publish).stdout
    assert f"RUBRIEK_HUB={hub}" in shown
    assert "pretrained('sections', 'nl')" in shown
    again = run(
        "models", "publish", tiny_a.folder, "--to", hub, "--name", "sections", "--lang", "nl", "--json"
    )
    made = json.loads(again.stdout)
    assert (made["new"], made["name"], Path(made["archive"]).is_file()) == (False, "sections", True)
    search = ("hub", "search", hub, "--task", "Text Classification", "--lang", "nl", "--text", "sections")
    found = run(*search).stdout
    assert "sections" in found.splitlines()[1]
    assert found.splitlines()[-1] == "1 found among 1 cards"
    answer = json.loads(run("hub", "search", hub, "--json").stdout)
    assert (answer["total"], answer["cards"][0]["name"], answer["problems"]) == (1, "sections", {})
    site = ("hub", "site", hub, "-o", tmp_path / "site")
    assert f"1 cards: {tmp_path / 'site' / 'index.html'}" in run(*site).stdout
    built = json.loads(run(*site, "--title", "Ours", "--json").stdout)
    assert "<title>Ours</title>" in Path(built["index"]).read_text()


def test_what_is_not_found_and_what_is_no_card(tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "README.md").write_text("# About")
    (tmp_path / "cards" / "news.md").write_text("---\nname: news\n---\n")
    result = run("hub", "search", tmp_path / "cards", "--text", "unheard")
    assert result.stdout == "None of the 1 cards fits.\n"
    assert "README.md is left out" in result.stderr


def test_an_int8_model_is_told_of(tmp_path):
    result = run("models", "publish", "nl-news", "--to", tmp_path / "hub", "--name", "nl_news")
    assert "int8" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("hub", "search", "none"), 1, "There is no folder none"),
        (("hub", "site", "none", "-o", "site"), 1, "There is no folder none"),
        (("hub", "search", ".", "--text", "..."), 2, "cannot be searched for"),
        (("models", "card", "no-such-model"), 1, "no-such-model"),
        (("models", "publish", DATA / "tiny-a", "--to", "hub"), 2, "--language"),
        (("models", "publish", "nl-news", "--to", "ftp://hub"), 2, "cannot be written to ftp://hub"),
    ],
)
def test_what_cannot_be_done_says_so(arguments, status, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    result = run(*arguments, status=status)
    assert message in result.stderr
