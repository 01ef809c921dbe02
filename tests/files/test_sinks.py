"""Every format out: what was written is what is read again."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rubriek.errors import FileError
from rubriek.files import open_source
from rubriek.files.compression import open_input
from rubriek.files.json_text import json_texts
from rubriek.files.sinks import open_sink
from rubriek.files.sources import Layout

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ['"', '""', "a\r\nb", "\r", "\n", ",", ";", " x ", "007", "null", "=1+1", "\x00", "\ufeff", "京都", "{}"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def write(path: Path, table: pa.Table, format: str, **options: object) -> bytes:
    with path.open("wb") as stream, open_sink(stream, table.schema, format, **options) as sink:
        for start in range(0, table.num_rows, 2):
            sink.write(table.slice(start, 2))
    return path.read_bytes()


def read(path: Path, format: str) -> pa.Table:
    source = open_source(path, format)
    survey = source.survey((), pytest.fail)
    return pa.concat_tables([survey.schema.empty_table(), *source.tables(survey, ())])


@pytest.mark.parametrize("format", ["csv", "tsv"])
@given(data=st.data())
def test_strings_come_back_from_csv(tmp_path_factory, format, data):
    width = data.draw(st.integers(1, 3))
    rows = data.draw(st.lists(st.tuples(*[texts] * width), max_size=6))
    layout = data.draw(st.sampled_from([Layout(), Layout(";"), Layout(",", byte_order_mark=True)]))
    if layout.delimiter == ";" and width == 1:
        layout = Layout()  # a header of one column shows no delimiter
    table = pa.table({f"c{i}": pa.array([row[i] for row in rows], pa.string()) for i in range(width)})
    path = tmp_path_factory.mktemp("csv") / "a"
    write(path, table, format, layout=layout)
    assert read(path, format).to_pylist() == table.to_pylist()


@given(
    objects=st.lists(
        st.fixed_dictionaries({"text": st.none() | texts}, optional={"x": json_values}), min_size=1
    )
)
def test_objects_come_back_from_jsonl(tmp_path_factory, objects):
    path = tmp_path_factory.mktemp("jsonl") / "a"
    path.write_text("".join(json.dumps(o) + "\n" for o in objects), encoding="utf-8")
    table = read(path, "jsonl")
    again = tmp_path_factory.mktemp("jsonl") / "b"
    lines = write(again, table, "jsonl").decode().split("\n")[:-1]
    expected = [{key: o.get(key) for key in table.column_names} for o in objects]
    assert [json.loads(line) for line in lines] == expected
    assert read(again, "jsonl").equals(table)


NUMBERS = ["1", "1.0", "1.50", "1e5", "1E+2", "-0", "-0.0", "100000", "12345678901234567890123", "0.1e-7"]


@given(
    rows=st.lists(st.none() | st.sampled_from(NUMBERS) | st.floats(0, 1).map(repr), min_size=1, max_size=8)
)
def test_numbers_keep_their_spelling_alone_and_inside_of_others(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("numbers") / "a"
    numbers = ["null" if number is None else number for number in rows]
    lines = "".join(f'{{"text": "a", "n": {n}, "deep": {{"a": [{n}, "é"]}}}}\n' for n in numbers)
    path.write_text(lines, encoding="utf-8")
    table = read(path, "jsonl")
    again = tmp_path_factory.mktemp("numbers") / "b"
    assert write(again, table, "jsonl").decode() == lines
    cells = list(csv.DictReader(io.StringIO(write(again, table, "csv").decode())))
    assert [row["n"] for row in cells] == ["" if number is None else number for number in rows]


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_numbers_that_were_spelled_become_numbers_where_there_are_types(tmp_path, format):
    path = tmp_path / "a"
    path.write_text(
        '{"text": "a", "n": 1e5, "i": 7}\n{"text": "b", "n": 1}\n{"text": "c", "n": null, "i": -1}\n'
    )
    write(tmp_path / "b", read(path, "jsonl"), format)
    assert read(tmp_path / "b", format).to_pydict() == {
        "text": ["a", "b", "c"], "n": [1e5, 1.0, None], "i": [7, None, -1]
    }  # fmt: skip


@pytest.mark.parametrize("format", ["parquet", "arrow"])
@settings(max_examples=5)  # each is read by two processes
@given(
    rows=st.lists(st.tuples(st.none() | texts, st.none() | st.lists(texts, max_size=2), st.floats(width=32)))
)
def test_types_come_back_from_parquet_and_arrow(tmp_path_factory, format, rows):
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    kinds = [pa.string(), pa.list_(pa.string()), pa.float32()]
    table = pa.table(
        [pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], names=["text", "tags", "score"]
    )
    path = tmp_path_factory.mktemp(format) / "a"
    write(path, table, format)
    again = read(path, format)
    assert again.schema.equals(table.schema)
    assert again.slice(0).combine_chunks().equals(table.combine_chunks()) or np.isnan(table["score"]).any()
    assert again.drop(["score"]).to_pylist() == table.drop(["score"]).to_pylist()


def test_types_that_json_lacks_are_written_as_text(tmp_path):
    table = pa.table(
        {
            "when": [datetime.datetime(2026, 11, 25, 20, 0)],
            "price": [Decimal("1.50")],
            "bytes": [b"\xff\x00"],
            "kind": pa.array(["a"]).dictionary_encode(),
            "nan": [float("nan")],
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "flag": [True],
            "nothing": pa.nulls(1),
        }
    )
    line = write(tmp_path / "a", table, "jsonl").decode()
    assert json.loads(line) == {
        "when": "2026-11-25 20:00:00", "price": "1.50", "bytes": "/wA=", "kind": "a", "nan": None,
        "map": [["k", 1]], "flag": True, "nothing": None,
    }  # fmt: skip
    assert write(tmp_path / "b", table, "csv").decode().splitlines()[1] == (
        '2026-11-25 20:00:00,1.50,/wA=,a,,"[[""k"", 1]]",true,'
    )


def test_times_are_written_to_the_nanosecond(tmp_path):
    kinds = [
        pa.timestamp("ns"),
        pa.timestamp("us", "Europe/Amsterdam"),
        pa.date32(),
        pa.time64("ns"),
        pa.duration("ms"),
    ]
    values = [1_500_000_000_000_000_001, 1_500_000_000_000_000, 17_000, 61_000_000_000, 1500]
    columns = [
        pa.array([v, None], pa.int32() if k == pa.date32() else pa.int64()).cast(k)
        for v, k in zip(values, kinds, strict=True)
    ]
    table = pa.table(columns, names=["ns", "zone", "day", "time", "ms"])
    lines = write(tmp_path / "a", table, "jsonl").decode().splitlines()
    assert json.loads(lines[0]) == {
        "ns": "2017-07-14 02:40:00.000000001", "zone": "2017-07-14 04:40:00+0200", "day": "2016-07-18",
        "time": "00:01:01", "ms": "1500",
    }  # fmt: skip
    assert set(json.loads(lines[1]).values()) == {None}


def test_single_floats_have_the_digits_of_a_single_float():
    values = np.random.default_rng(1).random(1000, np.float32)
    column = pa.array(values)
    found = json_texts(column, pa.field("score", column.type))
    assert np.array_equal(np.array([float(text) for text in found], np.float32), values)
    assert max(map(len, found)) <= 13


@given(data=st.data())
def test_slices_of_nested_columns_are_written_as_their_values(data):
    kind = pa.struct({"a": pa.list_(pa.struct({"b": pa.int32()})), "c": pa.string()})
    value = st.none() | st.fixed_dictionaries(
        {
            "a": st.none()
            | st.lists(st.none() | st.fixed_dictionaries({"b": st.none() | st.integers(0, 9)}), max_size=3),
            "c": st.none() | texts,
        }
    )
    values = data.draw(st.lists(value, max_size=8))
    start = data.draw(st.integers(0, len(values)))
    column = pa.array(values, kind).slice(start)
    assert [json.loads(text) for text in json_texts(column, pa.field("x", kind))] == values[start:]


@pytest.mark.parametrize("compression", ["gzip", "zstd", None])
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_equal_tables_give_equal_bytes_compressed_too(tmp_path, format, compression):
    table = pa.table({"text": ["een", "twee", None], "n": [1, 2, 3]})
    first = write(tmp_path / "a", table, format, compression=compression)
    second = write(tmp_path / "b", table, format, compression=compression)
    assert first == second
    with open_input(tmp_path / "a") as stream:
        assert stream.read() == write(tmp_path / "c", table, format)
    if compression == "gzip":
        assert gzip.decompress(first)[4:8] == (tmp_path / "c").read_bytes()[4:8]


def test_small_tables_become_large_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("rubriek.files.sinks._ROW_GROUP", 4)
    write(tmp_path / "a.parquet", pa.table({"n": list(range(10))}), "parquet")
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [4, 4, 2]


def test_an_error_of_the_writer_leaves_an_unfinished_file_not_a_valid_one(tmp_path):
    table = pa.table({"n": [1]})

    def failing(stream: io.BufferedWriter) -> None:
        with open_sink(stream, table.schema, "parquet") as sink:
            sink.write(table)
            raise RuntimeError

    with (tmp_path / "a").open("wb") as stream, pytest.raises(RuntimeError):
        failing(stream)
    with pytest.raises(FileError):
        open_source(tmp_path / "a", "parquet")


def test_lines_hold_no_results():
    with pytest.raises(FileError, match="jsonl"), open_sink(io.BytesIO(), pa.schema([]), "lines"):
        pass
