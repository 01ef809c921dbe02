"""``rubriek classify --spark``: the command around `rubriek.spark.job`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import rubriek
from rubriek.cli import main
from rubriek.models import Bundle

TEXTS = ["Koning opent museum", "De Tweede Kamer stemt over de begroting", "Beurs sluit hoger", None]


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        table = pa.table({"title": [f"{name} {i}" for i in range(4)], "text": TEXTS})
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


@pytest.fixture
def classify(spark, tiny_a: Bundle, monkeypatch):
    """The command, in the session of all tests: it must not end with it."""
    monkeypatch.setattr(type(spark), "stop", lambda self: None)

    def run(*arguments: object, status: int = 0):
        command = ["classify", *map(str, arguments), "--spark", "--model", str(tiny_a.folder)]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == status, result.output + repr(result.exception)
        return result

    yield run
    spark.conf.unset("spark.sql.sources.partitionColumnTypeInference.enabled")


def test_a_folder_becomes_a_folder_and_the_summary_says_so(classify, source, tmp_path, tiny_a, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    output = tmp_path / "uit"
    text = classify(source, "-o", output).stdout
    found = pyarrow.dataset.dataset(output, partitioning="hive").to_table().to_pylist()
    expected = rubriek.load(tiny_a.folder).predict(TEXTS)["label"].to_pylist()
    assert sorted((row["title"], row["label"]) for row in found) == [
        (f"{name} {i}", expected[i]) for name in ("a", "b") for i in range(4)
    ]
    for part in ("a 0", expected[0], "8 (", "real tokens", "files", "local[2]", "2 null", str(output)):
        assert part in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("output")) <= 60
    assert "2 finished by an earlier run" in " ".join(classify(source, "-o", output).stdout.split())


def test_the_json_has_what_the_local_one_has_and_the_files(classify, source, tmp_path):
    result = classify(source / "b.parquet", source / "a.parquet", "-o", tmp_path / "uit", "--json")
    found = json.loads(result.stdout)
    local = CliRunner().invoke(main, ["classify", str(source / "a.parquet"), "--json"])
    assert set(json.loads(local.stdout)) - {"threads"} == set(found) - {"files", "finished_files", "master"}
    assert (found["rows"], found["files"], found["finished_files"], found["nulls"]) == (8, 2, 0, 2)
    assert sum(found["labels"].values()) == 6
    assert found["documents_per_second"] == pytest.approx(8 / found["wall_seconds"])


def test_options_reach_the_workers(classify, source, tmp_path):
    classify(source, "-o", tmp_path / "uit", "-t", "title,text", "--top-k", 2, "--prefix", "x_", "-q")
    row = pyarrow.dataset.dataset(tmp_path / "uit", partitioning="hive").to_table().to_pylist()[0]
    assert [len(row["x_top"]), list(row)[:3]] == [2, ["title", "text", "x_label"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--spark writes a folder: name it with -o"),
        (("-o", "-"), "--spark writes a folder: name it with -o"),
        (("-o", "uit", "--format", "csv"), "reads and writes Parquet"),
        (("-o", "uit", "--threads", "2"), "spark.task.cpus"),
        (("-o", "uit", "--on-error", "skip"), "no malformed rows"),
    ],
)
def test_options_without_a_meaning_on_spark_are_refused(source, arguments, said):
    result = CliRunner().invoke(main, ["classify", str(source), "--spark", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr


def test_options_of_spark_are_refused_without_it(source):
    for arguments, said in (
        (["a.parquet", "--master", "yarn"], "--master goes with --spark"),
        (["a.parquet", "b.parquet"], "Several inputs go into a folder"),
    ):
        result = CliRunner().invoke(main, ["classify", *arguments])
        assert result.exit_code == 2
        assert said in result.stderr


def test_errors_are_messages(classify, source, tmp_path):
    result = classify(tmp_path / "nothing", "-o", tmp_path / "uit", status=1)
    assert "There is no file or folder" in result.stderr
    result = classify(source, "-o", source / "uit", status=2)
    assert "lies inside the input" in result.stderr
    assert sorted(path.name for path in source.iterdir()) == ["a.parquet", "b.parquet"]
