"""The index of a folder of cards: what it finds, how, and what it does when files or the index change."""

from __future__ import annotations

import logging
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from benchmarks import hub as benchmark
from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import FileError, OptionError
from rubriek.hub import index as module
from rubriek.hub.card_parts import write_labels
from rubriek.hub.cards import Card, Section, card_text
from rubriek.hub.index import Index
from rubriek.hub.queries import Query


def write(folder: Path, name: str, *, labels=(), description="", file=None, **front) -> Path:
    values = {"layout": "model", "name": name, "language": "nl", "task": "Text Classification"}
    values |= {"annotator": "BertForSequenceClassification", "engine": "onnx", "date": "2023-10-31", **front}
    sections = (Section("Description", description), Section("Predicted Entities", write_labels(labels)))
    path = folder / (file or f"{name}.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(card_text(Card(values, sections)), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path, own_cache) -> Path:
    folder = tmp_path / "cards"
    write(folder, "bert_dutch_news", labels=["Economie", "Cultuur & Media"], date="2023-01-01", tags=["open"])
    write(folder, "bert_reviews", description="Trained on news of one day.", date="2024-01-01")
    write(folder, "ner_clinical", task=["Named Entity Recognition", "Text Classification"], language="en",
          annotator="NerDLModel", engine="tensorflow", title="Clinical café")  # fmt: skip
    write(folder, "wav2vec", task="Automatic Speech Recognition", language="xx", file="deep/er/wav2vec.md")
    return folder


@pytest.fixture
def index(folder):
    with Index(folder) as index:
        index.refresh()
        yield index


def names(index: Index, **query: str) -> list[str]:
    return [card.name for card in index.search(Query(**query))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["bert_reviews", "wav2vec", "ner_clinical", "bert_dutch_news"]),
        ({"text": "news"}, ["bert_dutch_news", "bert_reviews"]),
        ({"text": "NEWS dutch"}, ["bert_dutch_news"]),
        ({"text": "dutch_news"}, ["bert_dutch_news"]),
        ({"text": "econ"}, ["bert_dutch_news"]),
        ({"text": "Café"}, ["ner_clinical"]),
        ({"text": "cafe"}, ["ner_clinical"]),
        ({"text": "open"}, ["bert_dutch_news"]),
        ({"text": "nothing of this"}, []),
        ({"task": "text classification"}, ["bert_reviews", "ner_clinical", "bert_dutch_news"]),
        (
            {"task": "Text Classification", "language": "nl", "text": "news"},
            ["bert_dutch_news", "bert_reviews"],
        ),
        ({"language": "EN"}, ["ner_clinical"]),
        ({"annotator": "NerDLModel"}, ["ner_clinical"]),
        ({"engine": "tensorflow"}, ["ner_clinical"]),
        ({"engine": "tensorflow", "language": "nl"}, []),
        ({"text": 'x" OR name:*', "language": ""}, []),
    ],
)
def test_what_is_found_and_in_which_order(index, query, expected):
    assert names(index, **query) == expected
    assert index.count(Query(**query)) == len(expected)


def test_what_is_known_of_a_card(index):
    (card,) = index.search(Query("economie"))
    assert (card.path, card.language, card.date) == ("bert_dutch_news.md", "nl", "2023-01-01")
    assert card.labels == ("Economie", "Cultuur & Media")
    assert index.search(Query(annotator="NerDLModel"))[0].tasks == (
        "Named Entity Recognition",
        "Text Classification",
    )
    assert index.search(Query("wav2vec"))[0].path == "deep/er/wav2vec.md"
    assert len(index.search(limit=2)) == 2


@pytest.mark.parametrize(
    ("query", "used"),
    [
        (Query("news"), "words VIRTUAL TABLE INDEX"),
        (Query(language="nl"), "USING INDEX by_language (language=?)"),
        (Query(annotator="NerDLModel"), "USING INDEX by_annotator (annotator=?)"),
        (Query(engine="onnx"), "USING INDEX by_engine (engine=?)"),
        (Query(task="Translation"), "tasks USING PRIMARY KEY (task=?)"),
        (Query("news", "Translation", "nl"), "words VIRTUAL TABLE INDEX"),
        (Query(), "cards USING INDEX by_date"),
    ],
)
def test_no_query_reads_all_cards(index, query, used):
    plan = index.plan(query)
    assert used in plan
    assert "SCAN cards\n" not in f"{plan}\n"
    assert "SCAN tasks" not in plan


@given(st.text())
def test_no_text_is_a_query_of_another_kind(text):
    statement = None
    try:
        statement, values = Query(text).statement()
    except OptionError:
        return
    base = sqlite3.connect(":memory:")
    for table in filter(str.strip, module.TABLES.split(";")):
        base.execute(table)
    assert base.execute(statement, values).fetchall() == []
    base.close()


@pytest.mark.parametrize("text", ["...", "a " * 30])
def test_texts_without_words_or_with_too_many(text):
    with pytest.raises(OptionError, match="cannot be searched for"):
        Query(text).statement()


def test_only_what_changed_is_read_again(folder, index, monkeypatch):
    read = []
    true = module.read_card
    monkeypatch.setattr(module, "read_card", lambda file: (read.append(file.name), true(file))[1])
    assert index.refresh().read == 0
    write(folder, "new_one")
    changed = write(folder, "bert_reviews", description="Now of books, at length.")
    (folder / "bert_dutch_news.md").unlink()
    done = index.refresh()
    assert (done.cards, done.read, done.removed) == (4, 2, 1)
    assert sorted(read) == [changed.name, "new_one.md"]
    assert names(index, text="news") == []
    assert names(index, text="books") == ["bert_reviews"]


def test_a_change_of_time_alone_is_seen(folder, index):
    file = write(folder, "bert_reviews", description="Trained on NEWS of one day.", date="2024-01-01")
    os.utime(file, ns=(1, 1))
    assert index.refresh().read == 1


def test_the_index_is_kept(folder, index, monkeypatch):
    monkeypatch.setattr(module, "read_card", None)
    with Index(folder) as again:
        assert again.file == index.file
        assert again.file.is_relative_to(os.environ["RUBRIEK_CACHE"])
        assert again.refresh().read == 0
        assert names(again, text="news") == ["bert_dutch_news", "bert_reviews"]


def test_folders_have_indexes_of_their_own(folder, index, tmp_path):
    other = tmp_path / "other"
    write(other, "alone")
    with Index(other) as alone:
        assert alone.refresh().cards == 1
        assert alone.file != index.file


def test_files_that_are_no_cards_are_told_of(folder, index):
    (folder / "README.md").write_text("# About these cards")
    (folder / "broken.md").write_text("---\nname: [\n---\n")
    (folder / "notes.txt").write_text("no Markdown")
    (folder / ".hidden").mkdir()
    write(folder / ".hidden", "hidden")
    done = index.refresh()
    assert done.cards == 4
    assert sorted(done.problems) == ["README.md", "broken.md"]
    assert "front matter" in done.problems["README.md"]
    assert index.refresh().problems == done.problems
    write(folder, "mended", file="broken.md")
    assert sorted(index.refresh().problems) == ["README.md"]


def test_a_damaged_index_is_made_anew(folder, own_cache, caplog):
    with Index(folder) as index:
        index.refresh()
    index.file.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING, "rubriek"), Index(folder) as again:
        assert again.refresh().read == 4
        assert names(again, text="news") == ["bert_dutch_news", "bert_reviews"]
    assert "damaged" in caplog.text


def test_where_nothing_can_be_kept_the_index_is_in_memory(folder, tmp_path, caplog):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with caplog.at_level(logging.WARNING, "rubriek"), Index(folder, blocked / "index.sqlite") as index:
        assert index.refresh().cards == 4
        assert names(index, text="news") == ["bert_dutch_news", "bert_reviews"]
    assert "in memory" in caplog.text


def test_an_index_that_cannot_be_changed_is_made_in_memory(folder, own_cache, caplog, monkeypatch):
    with Index(folder) as index:
        index.refresh()
    write(folder, "new_one")
    with caplog.at_level(logging.WARNING, "rubriek"), Index(folder) as again:
        again._base.execute("PRAGMA query_only = 1")
        assert again.refresh().cards == 5
    assert "in memory" in caplog.text


def test_several_at_once_make_one_index(folder, own_cache):
    def refreshed(_: int) -> tuple[int, int]:
        with Index(folder) as index:
            done = index.refresh()
            return done.cards, done.read

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(refreshed, range(4)))
    assert {cards for cards, _ in done} == {4}
    assert sorted(read for _, read in done) == [0, 0, 0, 4]


def test_a_refresh_that_is_broken_off_leaves_the_index_as_it_was(folder, index, monkeypatch):
    write(folder, "new_one")

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "read_card", interrupted)
        with pytest.raises(KeyboardInterrupt):
            index.refresh()
    assert len(names(index)) == 4
    assert index.refresh().cards == 5


def test_progress_is_told(folder, own_cache):
    told = []
    with Index(folder) as index:
        index.refresh(lambda done, total: told.append((done, total)))
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)


def test_a_folder_that_is_not_there(tmp_path, own_cache, monkeypatch):
    with pytest.raises(FileError, match="There is no folder"):
        Index(tmp_path / "none")
    monkeypatch.setattr(module, "MOST_CARDS", 1)
    write(tmp_path / "cards", "one")
    write(tmp_path / "cards", "two")
    with Index(tmp_path / "cards") as index, pytest.raises(FileError, match="too large"):
        index.refresh()


def test_the_benchmark_of_cards_runs(own_cache, capsys):
    benchmark.main(["--cards", "30"])
    shown = capsys.readouterr().out
    assert "index 30 cards" in shown
    for name in benchmark.QUERIES:
        assert name in shown
    assert list(benchmark.cards(3)) == list(benchmark.cards(3))
