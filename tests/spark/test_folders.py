"""Where a job on Spark finds its files and what it calls its folders; no Spark here."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import fs

from rubriek.errors import FileError, JobError, OptionError
from rubriek.spark.folders import COLUMN, Footer, OutputFolder, Place, escaped, find_inputs


def write(path: Path, rows: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"text": ["Beurs sluit hoger"] * rows}), path)
    return path


def test_files_are_found_to_the_bottom_and_in_order(tmp_path):
    for name in ("b.parquet", "a/c.parquet", "2024/a.parquet"):
        write(tmp_path / name)
    for name in ("_spark_metadata/x.parquet", ".hidden.parquet", "a/_SUCCESS", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [file.name for file in find_inputs([str(tmp_path)])] == [
        "2024/a.parquet",
        "a/c.parquet",
        "b.parquet",
    ]


def test_a_file_is_called_by_its_own_name(tmp_path, monkeypatch):
    write(tmp_path / "map" / "b.parquet", rows=7)
    monkeypatch.chdir(tmp_path / "map")
    for name in (
        "b.parquet",
        "./b.parquet",
        str(tmp_path / "map" / "b.parquet"),
        f"file://{tmp_path}/map/b.parquet",
    ):
        (file,) = find_inputs([name])
        assert file.survey() == Footer("b.parquet", 7, {"text": pa.string()})
        assert file.url == f"file://{tmp_path}/map/b.parquet"


def test_two_files_of_one_name_are_refused(tmp_path):
    write(tmp_path / "a" / "x.parquet")
    write(tmp_path / "b" / "x.parquet")
    with pytest.raises(OptionError, match=r"Two inputs are called x\.parquet"):
        find_inputs([str(tmp_path / "a"), str(tmp_path / "b")])
    assert len(find_inputs([str(tmp_path)])) == 2


def test_no_input_is_an_error(tmp_path):
    with pytest.raises(FileError, match="No Parquet file in"):
        find_inputs([str(tmp_path)])
    with pytest.raises(FileError, match="There is no file or folder"):
        find_inputs([str(tmp_path / "nothing")])
    with pytest.raises(FileError, match="cannot be reached"):
        find_inputs(["ftp://somewhere/else"])


def test_what_is_no_parquet_is_said_with_its_name(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no more")
    (file,) = find_inputs([str(tmp_path)])
    with pytest.raises(FileError, match=r"x\.parquet is no Parquet file"):
        file.survey()


def test_patterns_in_names_are_no_patterns_for_spark(tmp_path):
    (file,) = find_inputs([str(write(tmp_path / "b{2}" / "a[1]*.parquet"))])
    assert file.url.endswith("/b\\{2\\}/a\\[1\\]\\*.parquet")
    assert file.folder.endswith("/b{2}")


def test_urls_reach_arrow_and_spark_under_the_names_that_each_knows(monkeypatch):
    asked = []

    def from_uri(url: str) -> tuple[fs.FileSystem, str]:
        asked.append(url)
        return fs.LocalFileSystem(), "bucket/articles"

    monkeypatch.setattr(fs, "FileSystem", types.SimpleNamespace(from_uri=from_uri))
    place = Place("s3a://bucket/articles/")
    assert asked == ["s3://bucket/articles"]
    assert place.under("2024", "a.parquet") == "bucket/articles/2024/a.parquet"
    assert place.url_of("2024", "a.parquet") == "s3a://bucket/articles/2024/a.parquet"


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_names_come_back_from_folders(name):
    folder = escaped(name)
    assert "/" not in folder
    assert "=" not in folder
    # As Spark does it, a character for each %XX
    assert re.sub("%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), folder) == name


def test_arrow_reads_the_names_too(tmp_path):
    for name in ("2024/é: nieuws.parquet", "b.parquet"):
        write(tmp_path / f"{COLUMN}={escaped(name)}" / "part-0.parquet")
    found = pyarrow.dataset.dataset(tmp_path, partitioning="hive").to_table()
    assert set(found[COLUMN].to_pylist()) == {"2024/é: nieuws.parquet", "b.parquet"}


@pytest.fixture
def output(tmp_path) -> OutputFolder:
    folder = OutputFolder(Place(str(tmp_path / "uit")))
    folder.prepare()
    return folder


RECORD = {"rows": 1, "input": {}, "settings": {}, "statistics": {}}


def path_of(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def test_a_folder_has_its_name_when_it_is_finished_and_not_before(output, tmp_path):
    assert output.record("a.parquet") is None
    write(path_of(output.url_to_write("a.parquet")) / "part-0.parquet")
    assert output.record("a.parquet") is None
    assert pyarrow.dataset.dataset(tmp_path / "uit", partitioning="hive").count_rows() == 0
    output.finish("a.parquet", RECORD)
    assert output.record("a.parquet") == RECORD
    assert pyarrow.dataset.dataset(tmp_path / "uit", partitioning="hive").count_rows() == 2


def test_a_finished_folder_is_replaced(output, tmp_path):
    for rows in (2, 5):
        write(path_of(output.url_to_write("a.parquet")) / f"part-{rows}.parquet", rows)
        output.finish("a.parquet", RECORD)
    assert pyarrow.dataset.dataset(tmp_path / "uit", partitioning="hive").count_rows() == 5
    output.close()
    assert [path.name for path in (tmp_path / "uit").iterdir()] == [f"{COLUMN}=a.parquet"]


def test_where_nothing_is_renamed_the_record_comes_last(tmp_path, monkeypatch):
    monkeypatch.setattr(Place, "renames", False)
    output = OutputFolder(Place(str(tmp_path / "uit")))
    output.prepare()
    write(path_of(output.url_to_write("a.parquet")) / "part-0.parquet")
    assert output.record("a.parquet") is None
    output.finish("a.parquet", RECORD)
    assert output.record("a.parquet") == RECORD


def test_a_damaged_record_is_an_error_that_names_it(output, tmp_path):
    write(path_of(output.url_to_write("a.parquet")) / "part-0.parquet")
    output.finish("a.parquet", {"rows": 1})
    with pytest.raises(JobError, match=r"_rubriek\.json is damaged"):
        output.record("a.parquet")
    (file,) = tmp_path.rglob("_rubriek.json")
    file.write_text("[" * 100_000)
    with pytest.raises(JobError, match="nested more than"):
        output.record("a.parquet")


def test_a_file_in_the_place_of_the_output_is_an_error(tmp_path):
    (tmp_path / "uit").write_text("x")
    with pytest.raises(FileError, match="is a file"):
        OutputFolder(Place(str(tmp_path / "uit"))).prepare()
