"""Folders of Parquet in, a folder of Parquet out: each row once, whatever happens on the way."""

from __future__ import annotations

import datetime
import decimal
import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

import rubriek
from rubriek.errors import ColumnError, FileError, JobError
from rubriek.jobs.lock import locked
from rubriek.spark import folders, tasks
from rubriek.spark import job as module
from rubriek.spark.folders import COLUMN
from rubriek.spark.job import SparkJob, run

TEXTS = ["Koning opent museum", None, "De Tweede Kamer stemt over de begroting", "", "Beurs sluit hoger"]
RESULTS = ["label", "score", "scores", "tokens", "truncated", "windows", "empty"]


def table(rows: int, start: int = 0) -> pa.Table:
    """Rows of several types; texts differ by their number but for every fifth, which is null."""
    numbers = range(start, start + rows)
    texts = [None if TEXTS[i % 5] is None else f"{TEXTS[i % 5]} {i}" for i in numbers]
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "text": pa.array(texts, pa.string()),
            "when": pa.array([datetime.date(2023, 10, 31)] * rows),
            "price": pa.array([decimal.Decimal("1.50")] * rows, pa.decimal128(10, 2)),
            "tags": pa.array([["a", None]] * rows, pa.list_(pa.string())),
        }
    )


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "in [x]"
    for number, name in enumerate(["a.parquet", "map/b [1}é.parquet", "c.parquet"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(20, 20 * number), path)
    return folder


@pytest.fixture(scope="module")
def classifier(tiny_a):
    return rubriek.load(tiny_a.folder, threads=1)


@pytest.fixture
def go(spark, source, tmp_path, classifier):
    def start(classifier=classifier, prefix="", columns=("text",), **options):
        job = SparkJob([str(source)], str(tmp_path / "uit"), columns, prefix)
        return run(spark, job, classifier, **options)

    return start


def read(folder: Path) -> pa.Table:
    return pyarrow.dataset.dataset(folder, partitioning="hive").to_table()


def ids(folder: Path) -> list[int]:
    found = read(folder)
    return sorted(found["id"].to_pylist()) if found.num_columns else []


def state(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_rows_come_out_as_they_went_in_with_the_answers_of_the_library(go, source, tmp_path, classifier):
    report = go()
    assert (report.rows, report.resumed_rows, report.files, report.finished_files) == (60, 0, 3, 0)
    for path in source.rglob("*.parquet"):
        name = path.relative_to(source).as_posix()
        expected = classifier.predict(pq.read_table(path), text_column="text")
        found = read(tmp_path / "uit" / f"{COLUMN}={folders.escaped(name)}")
        assert found.column_names == expected.column_names
        for column in ("id", "text", "when", "price", "tags", "label", "tokens", "truncated", "empty"):
            assert found[column].to_pylist() == expected[column].to_pylist()
        assert found["score"].drop_null().to_pylist() == pytest.approx(
            expected["score"].drop_null().to_pylist(), abs=1e-5
        )


def test_spark_reads_the_output_with_the_names_of_the_files(go, spark, source, tmp_path):
    go()
    frame = spark.read.parquet(f"file://{tmp_path}/uit")
    counts = {row[0]: row[1] for row in frame.groupBy(COLUMN).count().collect()}
    assert counts == {"a.parquet": 20, "map/b [1}é.parquet": 20, "c.parquet": 20}


def test_the_report_adds_up_to_what_is_there(go, tmp_path):
    seen = []
    report = go(
        on_start=lambda *rows: seen.append(rows), on_progress=lambda found: seen.append(found.documents)
    )
    answered = read(tmp_path / "uit")
    labels = Counter(answered["label"].drop_null().to_pylist())
    statistics = report.statistics
    assert statistics.labels == labels
    assert (statistics.documents, statistics.nulls, statistics.empty) == (60, 12, 0)
    assert statistics.tokens == sum(answered["tokens"].drop_null().to_pylist())
    assert seen[0] == (60, 0)
    assert seen[-1] == 60
    assert seen[1:] == sorted(seen[1:])
    assert not statistics.over_threshold


def test_labels_over_their_thresholds_are_counted(go, tmp_path, multi_label):
    report = go(rubriek.load(multi_label.folder, threads=1, threshold=0.3))
    answered = read(tmp_path / "uit")
    over = Counter(label for labels in answered["labels"].drop_null().to_pylist() for label in labels)
    assert report.statistics.over_threshold == over
    assert sum(over.values()) > 48
    assert report.preview["text"].to_pylist() == table(10)["text"].to_pylist()
    assert report.preview["label"].null_count == 2


def test_twice_is_once(go, tmp_path):
    go()
    before = state(tmp_path / "uit")
    report = go()
    assert state(tmp_path / "uit") == before
    assert (report.rows, report.resumed_rows, report.finished_files) == (60, 60, 3)
    assert report.statistics.documents == 60


def test_new_files_are_added_and_the_old_ones_left_alone(go, source, tmp_path):
    go()
    before = state(tmp_path / "uit")
    pq.write_table(table(7, 60), source / "d.parquet")
    report = go()
    assert (report.rows, report.resumed_rows) == (67, 60)
    assert ids(tmp_path / "uit") == list(range(67))
    assert before.items() <= state(tmp_path / "uit").items()


def test_a_file_that_changed_is_done_again_in_its_place(go, source, tmp_path):
    go()
    pq.write_table(table(3, 100), source / "a.parquet")
    report = go()
    assert (report.rows, report.resumed_rows) == (43, 40)
    assert ids(tmp_path / "uit") == [*range(20, 60), 100, 101, 102]


def test_an_output_that_was_made_differently_is_refused_until_restart(go, tmp_path, tiny_a):
    go()
    other = rubriek.load(tiny_a.folder, threads=1, max_length=16)
    with pytest.raises(JobError) as caught:
        go(other)
    assert caught.value.found == "options.max_length 16"
    assert "--restart" in caught.value.hint
    go(other, restart=True)
    assert ids(tmp_path / "uit") == list(range(60))


def test_many_tasks_keep_the_order_of_the_rows(go, source, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "FEWEST_ROWS", 3)
    for path in source.rglob("*.parquet"):
        path.unlink()
    pq.write_table(table(50), source / "a.parquet")
    go()
    parts = sorted((tmp_path / "uit" / f"{COLUMN}=a.parquet").glob("*.parquet"))
    assert len(parts) > 3
    assert [number for part in parts for number in pq.read_table(part)["id"].to_pylist()] == list(range(50))


@pytest.mark.parametrize(("renames", "ends"), [(True, (1, 3)), (False, (3,))])
def test_wherever_a_run_ends_the_next_one_completes_it(go, tmp_path, monkeypatch, renames, ends):
    """Fail when the n-th file is finished; what is seen meanwhile is never a row twice."""
    monkeypatch.setattr(folders.Place, "renames", renames)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 1)
    finish = folders.OutputFolder.finish
    for die_at in ends:
        numbers = itertools.count(1)

        def dying(self, name, record, numbers=numbers, die_at=die_at):
            if next(numbers) >= die_at:
                raise OSError("the disk is gone")
            finish(self, name, record)

        with monkeypatch.context() as patch:
            patch.setattr(folders.OutputFolder, "finish", dying)
            with pytest.raises(OSError, match="the disk is gone"):
                go(restart=True)
        if renames:
            assert len(set(ids(tmp_path / "uit"))) == len(ids(tmp_path / "uit"))
    report = go()
    assert ids(tmp_path / "uit") == list(range(60))
    assert report.resumed_rows == 40
    assert not (tmp_path / "uit" / folders.UNFINISHED).exists()


KILLED = """
import os, signal, sys
from rubriek.spark import folders, tasks

finish = folders.OutputFolder.finish
left = [1]

def killed(self, name, record):
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left.pop()
    finish(self, name, record)

folders.OutputFolder.finish = killed
from rubriek.cli import main
main()
"""


def test_killed_and_run_again_each_row_is_there_once(go, source, tmp_path, tiny_a):
    command = [sys.executable, "-c", KILLED, "classify", source, "-o", tmp_path / "uit", "--spark"]
    command += ["--master", "local[1]", "-m", tiny_a.folder, "-t", "text", "-q"]
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(ids(tmp_path / "uit")) == 20
    report = go()
    assert (report.resumed_rows, report.finished_files) == (20, 1)
    assert ids(tmp_path / "uit") == list(range(60))


def test_what_cannot_be_read_is_an_error_before_any_work(go, source, tmp_path):
    (source / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(FileError, match=r"b\.parquet"):
        go()
    assert not list((tmp_path / "uit").glob(f"{COLUMN}=*"))


def test_a_file_without_the_texts_is_named(go, source):
    pq.write_table(pa.table({"id": [1]}), source / "d.parquet")
    with pytest.raises(ColumnError, match=r"d\.parquet has no column 'text'"):
        go()


def test_no_column_is_overwritten(go, source, tmp_path):
    pq.write_table(table(2).append_column("Label", pa.array(["a", "b"])), source / "a.parquet")
    with pytest.raises(ColumnError, match=r"a\.parquet has a column 'Label' already"):
        go()
    go(prefix="found_")
    assert "found_label" in read(tmp_path / "uit").column_names


def test_an_error_of_a_worker_is_said_in_its_own_words(go, tiny_a):
    strict = rubriek.load(tiny_a.folder, threads=1, max_length=4, overflow="error")
    with pytest.raises(JobError, match="Spark failed on") as caught:
        go(strict)
    assert "more pieces than are read at once" in caught.value.found


def test_damage_inside_a_file_is_said_with_its_name_and_keeps_what_is_finished(go, source, tmp_path):
    go()
    path = source / "d.parquet"
    pq.write_table(table(20, 60), path, compression="snappy")
    content = bytearray(path.read_bytes())
    end = pq.read_metadata(path).row_group(0).column(1).total_compressed_size
    content[40 : 40 + end] = bytes(end)
    path.write_bytes(content)
    with pytest.raises(JobError, match=r"Spark failed on d\.parquet") as caught:
        go()
    assert "parquet" in caught.value.found.lower()
    assert "\n" not in caught.value.found
    assert "An error occurred" not in caught.value.found
    assert ids(tmp_path / "uit") == list(range(60))


def test_names_of_columns_may_hold_anything(go, source, tmp_path):
    for path in source.rglob("*.parquet"):
        path.unlink()
    pq.write_table(pa.table({"a`b": [1], "c.d": [2], "text": ["Beurs sluit hoger"]}), source / "a.parquet")
    go()
    assert read(tmp_path / "uit").column_names[:3] == ["a`b", "c.d", "text"]


def test_files_without_rows_stay_files_without_rows(go, source, tmp_path):
    for path in source.rglob("*.parquet"):
        path.unlink()
    pq.write_table(table(0), source / "a.parquet")
    report = go()
    assert (report.rows, report.files, len(report.preview)) == (0, 1, 0)
    assert read(tmp_path / "uit").column_names[:5] == table(0).column_names
    assert go().finished_files == 1


def test_values_in_names_of_folders_become_columns(go, source, tmp_path):
    (source / "year=2024").mkdir()
    pq.write_table(table(4, 60), source / "year=2024" / "a.parquet")
    go()
    found = read(tmp_path / "uit" / f"{COLUMN}=year%3D2024%2Fa.parquet")
    assert [str(year) for year in found["year"].to_pylist()] == ["2024"] * 4


def test_one_run_at_a_time(go, tmp_path):
    (tmp_path / "uit").mkdir()
    with locked(tmp_path / "uit" / folders.UNFINISHED), pytest.raises(JobError, match="Another process"):
        go()


def test_each_folder_says_what_it_was_made_of(go, source, tmp_path, classifier):
    go()
    record = json.loads((tmp_path / "uit" / f"{COLUMN}=a.parquet" / folders.RECORD).read_text())
    assert record["rows"] == 20
    assert record["input"]["size"] == (source / "a.parquet").stat().st_size
    assert record["settings"]["model"]["checksums"] == classifier.bundle.checksums
    assert record["settings"]["engine"] == {"name": "onnxruntime", "precision": "fp32"}
