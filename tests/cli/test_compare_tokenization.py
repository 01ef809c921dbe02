"""What Spark NLP's way of reading costs, on one's own texts."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from click.testing import CliRunner

import rubriek
from rubriek.cli import main
from rubriek.sparknlp.comparison import compare

TEXTS = ["De auto's van Noord-Holland kosten 15.000 euro.", "Zonder leestekens", "", "Zonder leestekens"]


@pytest.fixture(scope="module")
def classifier(tiny_a):
    return rubriek.load(tiny_a.folder)


def test_dropped_words_are_counted_and_named(classifier):
    found = compare(classifier, pa.chunked_array([[*TEXTS, None]]))
    assert (found.documents, found.words, found.dropped, found.with_dropped) == (4, 18, 6, 1)
    assert found.most_dropped == {"'": 1, "s": 1, "-": 1, "Holland": 1, ".": 1, "000": 1}
    assert found.examples[0].row == 0
    assert found.examples[0].dropped == ("'", "s", "-", "Holland", ".", "000")


def test_labels_are_those_of_the_two_tokenisations(classifier, data):
    texts = [json.loads(line)["text"] for line in (data / "texts.jsonl").read_text().splitlines()]
    found = compare(classifier, pa.chunked_array([texts]), examples=1000)
    changed = [example for example in found.examples if example.sparknlp != example.huggingface]
    assert found.labels_changed == len(changed) > 0
    for example in changed:
        assert classifier.predict(example.text).label == example.huggingface


def test_the_command_shows_it(tmp_path, tiny_a):
    (tmp_path / "in.csv").write_text("text\n" + "\n".join(f'"{text}"' for text in TEXTS), encoding="utf-8")
    arguments = ["compare-tokenization", str(tmp_path / "in.csv"), "-m", str(tiny_a.folder)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "6 (33.3 %)" in result.stdout
    assert "not read: ' s - Holland . 000" in result.stdout
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json", "--examples", "1"]).stdout)
    assert (found["words"], found["dropped"], len(found["examples"])) == (18, 6, 1)


def test_a_file_that_is_not_there_is_told(tiny_a):
    result = CliRunner().invoke(main, ["compare-tokenization", "nowhere.csv", "-m", str(tiny_a.folder)])
    assert result.exit_code == 1
    assert "There is no file nowhere.csv" in result.stderr
