"""Models through the command: what is there, what comes in, what gets smaller."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rubriek import evaluation
from rubriek.cli import main
from rubriek.models import Agreement, Bundle

DATA = Path(__file__).parent.parent / "data"
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "nieuws.csv"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("RUBRIEK_CACHE", str(folder))
    return folder


def models(*arguments: object, status: int = 0):
    result = CliRunner().invoke(main, ["models", *map(str, arguments)])
    assert result.exit_code == status, result.output + repr(result.exception)
    return result


def names() -> list[str]:
    return [bundle["name"] for bundle in json.loads(models("list", "--json").stdout)]


def test_what_is_imported_is_listed_shown_and_used_by_its_name(tmp_path):
    before = names()
    assert "proef" in models("import", DATA / "tiny-a", "--name", "proef", "--max-length", 64).stdout
    assert sorted([*before, "proef"]) == sorted(names())
    line = next(line for line in models("list").stdout.splitlines() if line.startswith("proef "))
    assert line.split()[1:4] == ["9", "fp32", "64"]
    text = models("show", "proef").stdout
    assert "64 pieces" in text
    assert "Koningshuis" in text
    (tmp_path / "in.txt").write_text("Koning opent museum\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["classify", str(tmp_path / "in.txt"), "-m", "proef", "-o", "-", "-q"])
    assert "Koningshuis" in done.stdout


HOSTILE = "Sport\x1b]0;van mij\x07\x9b31m\u202e"


def test_no_command_lets_a_model_write_to_the_terminal(huggingface_folder, tmp_path):
    folder = huggingface_folder("model", labels=[HOSTILE, "Economie", "Weer"])
    models("import", folder, "--name", "vijandig")
    (tmp_path / "in.csv").write_text(f"text\nde kamer{HOSTILE}\n", encoding="utf-8")
    source, model = str(tmp_path / "in.csv"), ["-m", "vijandig"]
    for command in (
        ["models", "show", "vijandig"],
        ["models", "show", "vijandig", "--json"],
        ["models", "list", "--json"],
        ["models", "card", "vijandig", "--json"],
        ["explain", "de kamer", *model, "--label", HOSTILE],
        ["explain", "de kamer", *model, "--label", HOSTILE, "--json"],
        ["explain", "de kamer", *model, "--label", "Sprot"],
        ["classify", source, *model, "-o", str(tmp_path / "uit.csv")],
        ["classify", source, *model, "-o", str(tmp_path / "uit.csv"), "--json"],
        ["classify", source, *model, "-t", HOSTILE],
        ["compare-tokenization", source, *model],
    ):
        result = CliRunner().invoke(main, command, color=False)
        assert result.exit_code in (0, 2), result.output
        assert result.output
        assert not set(result.output) & set("\x1b\x07\x9b\u202e"), command
        if "--json" in command:
            json.loads(result.stdout)


def test_show_gives_all_of_it_as_json(tiny_a: Bundle):
    found = json.loads(models("show", tiny_a.folder, "--json").stdout)
    assert found["labels"] == list(tiny_a.labels)
    assert found["checksums"] == tiny_a.checksums
    assert found["folder"] == str(tiny_a.folder)


def test_labels_can_be_named(tmp_path, huggingface_folder):
    folder = huggingface_folder(labels=["a", "b"])
    named = ["--label", "ham, gekookt", "--label", "spam"]
    found = json.loads(models("import", folder, "--name", "post", *named, "--json").stdout)
    assert found["labels"] == ["ham, gekookt", "spam"]
    wrong = models("import", folder, "--name", "andere", "--label", "ham", status=1)
    assert "2 labels" in wrong.stderr


def test_the_side_at_which_texts_are_cut_is_shown(huggingface_folder):
    folder = huggingface_folder()
    settings = {"do_lower_case": False, "truncation_side": "left"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert "the left" in models("import", folder, "--name", "einde").stdout
    assert "the left" in models("show", "einde").stdout
    assert json.loads(models("show", "einde", "--json").stdout)["truncation_side"] == "left"
    assert "the right" in models("show", "nl-news").stdout


def test_import_into_a_folder_of_ones_own(tmp_path, own_cache):
    models("import", DATA / "tiny-a", "-o", tmp_path / "eigen", "--json")
    assert Bundle.open(tmp_path / "eigen").labels
    assert not (own_cache / "models").exists()


def test_a_name_that_is_taken_is_refused(tmp_path):
    models("import", DATA / "tiny-a", "--name", "proef")
    assert "already" in models("import", DATA / "tiny-b", "--name", "proef", status=1).stderr


def test_the_nearest_name_is_told():
    models("import", DATA / "tiny-a", "--name", "proefmodel")
    assert "did you mean 'proefmodel'" in models("show", "proefmodle", status=1).stderr


class TestQuantize:
    @pytest.fixture(autouse=True)
    def model(self) -> None:
        models("import", DATA / "tiny-a", "--name", "proef")

    def test_it_records_how_often_it_agrees(self):
        command = ["quantize", "proef", "--sample", EXAMPLE, "-t", "title,text", "--min-agreement", 0.9]
        text = models(*command).stdout
        assert "of 225 texts (nieuws.csv)" in text
        found = json.loads(models("show", "proef-int8", "--json").stdout)
        assert found["precision"] == "int8"
        assert 0.9 <= found["agreement"]["agreement"] <= 1
        assert found["agreement"]["documents"] == 225

    def test_below_the_agreement_asked_for_nothing_is_written(self, monkeypatch):
        low = Agreement(documents=225, agreement=0.5, largest_score_difference=0.9)
        monkeypatch.setattr(evaluation, "agreement", lambda *models, **options: low)
        before = names()
        result = models("quantize", "proef", "--sample", EXAMPLE, "-t", "text", status=1)
        assert "50.00%" in result.stderr
        assert names() == before

    def test_a_sample_is_read_like_an_input(self, tmp_path):
        (tmp_path / "kapot.csv").write_text("text\ngoed\na,b\n", encoding="utf-8")
        result = models("quantize", "proef", "--sample", tmp_path / "kapot.csv", status=1)
        assert "line 3: expected 1 fields, found 2" in result.stderr
