"""Parquet and Arrow files of others: damaged, hostile or cut off, they end in an error of ours."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rubriek.errors import FileError
from rubriek.files import open_source
from rubriek.files.sources import Source


def write(path: Path, table: pa.Table) -> Source:
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd", store_schema=False)
    else:
        new = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
        with new(path, table.schema) as writer:
            writer.write_table(table)
    return open_source(path, "parquet" if path.suffix == ".parquet" else "arrow")


def unchecked(kind: pa.DataType, rows: int, *buffers: bytes) -> pa.Table:
    """Make a column of buffers that nothing has validated."""
    column = pa.Array.from_buffers(kind, rows, [None, *map(pa.py_buffer, buffers)])
    return pa.table({"text": column})


def read(source: Source) -> pa.Table:
    survey = source.survey(["text"], pytest.fail)
    return pa.concat_tables(source.tables(survey, ["text"]))


@pytest.mark.parametrize("name", ["a.arrow", "a.arrows"])
@pytest.mark.parametrize(
    "offsets",
    [[0, 2**30, 2**31 - 1], [0, -(2**31), 5], [2**30, 2**30, 2**30]],
    ids=["beyond", "before", "away"],
)
def test_offsets_that_lead_out_of_the_text_are_damage(tmp_path, name, offsets):
    source = write(tmp_path / name, pa.table({"text": ["abc", "de"]}))
    data = source.path.read_bytes()
    good, bad = (np.array(numbers, np.int32).tobytes() for numbers in ([0, 3, 5], offsets))
    assert good in data
    source.path.write_bytes(data.replace(good, bad))
    with pytest.raises(FileError, match="cannot be read as arrow"):
        read(source)


@pytest.mark.parametrize("name", ["a.arrow", "a.parquet"])
def test_text_that_is_not_utf8_is_named_with_its_column(tmp_path, name):
    source = write(
        tmp_path / name, unchecked(pa.string(), 1, np.array([0, 4], np.int32).tobytes(), b"caf\xe9")
    )
    with pytest.raises(FileError, match="the column 'text' holds text that is not UTF-8"):
        read(source)


def test_a_column_name_that_is_not_utf8_is_damage(tmp_path):
    path = tmp_path / "a.arrow"
    write(path, pa.table({"text": ["a"], "kolom": ["b"]}))
    path.write_bytes(path.read_bytes().replace(b"kolom", b"kol\xe9m"))
    with pytest.raises(FileError, match="name of a column is not UTF-8"):
        open_source(path)


def repeated(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def test_a_small_file_cannot_fill_the_memory(tmp_path):
    source = write(tmp_path / "a.parquet", pa.table({"text": repeated("a" * 10_000_000, 3_000)}))
    assert source.path.stat().st_size < 1_000
    with pytest.raises(FileError, match=r"too large to be read.*more memory than"):
        read(source)


def test_views_cannot_show_the_same_bytes_without_end(tmp_path):
    one = pa.array(["a" * 1_000_000], pa.string_view()).buffers()
    views = pa.Array.from_buffers(
        pa.string_view(), 5_000, [None, pa.py_buffer(one[1].to_pybytes() * 5_000), one[2]]
    )
    source = write(tmp_path / "a.arrow", pa.table({"text": views}))
    with pytest.raises(FileError, match=r"too large.*more than 64 times"):
        read(source)


def test_a_row_and_a_text_are_bounded(tmp_path):
    nested = pa.array([[None] * 20_000_000], pa.list_(pa.int32()))
    with pytest.raises(FileError, match="a row of 79 MiB"):
        read(write(tmp_path / "a.parquet", pa.table({"text": ["a"], "numbers": nested})))
    texts = ["a"] * 10 + ["b" * (17 * 2**20)]
    with pytest.raises(FileError, match=r"a text of 17 MiB in the column 'text'"):
        read(write(tmp_path / "b.parquet", pa.table({"text": texts})))


@pytest.mark.parametrize("kind", [pa.bool_(), pa.null()], ids=str)
def test_values_in_a_row_are_bounded(tmp_path, kind):
    def source(rows: list[int]) -> Source:
        ends = np.cumsum([0, *rows], dtype=np.int32)
        nested = pa.ListArray.from_arrays(ends, pa.nulls(sum(rows), kind))
        table = pa.table({"text": ["a"] * len(rows), "nested": pa.StructArray.from_arrays([nested], ["a"])})
        return write(tmp_path / "a.arrow", table)

    with pytest.raises(FileError, match="a row has 3,000,001 values, and may have 1,048,576"):
        read(source([5, 3_000_000]))
    assert read(source([600_000] * 4)).num_rows == 4


def test_rows_behind_one_long_dictionary_entry_come_in_small_tables(tmp_path):
    source = write(tmp_path / "a.arrow", pa.table({"text": repeated("a" * 2_000_000, 20)}))
    tables = list(source.tables(source.survey(["text"], pytest.fail), ["text"]))
    assert [table.num_rows for table in tables] == [3] * 6 + [2]


def test_views_come_through_as_views(tmp_path):
    texts = [None, "kort", "een tekst die langer is", "b" * 100_000] * 200
    source = write(tmp_path / "a.arrow", pa.table({"text": pa.array(texts, pa.string_view())}).slice(1))
    table = read(source)
    assert table["text"].to_pylist() == texts[1:]
    assert table.schema.field("text").type == pa.string_view()


def test_a_file_that_is_cut_off_while_it_is_read_is_an_error(tmp_path):
    texts = pa.array([os.urandom(500).hex() for _ in range(1_000)])
    table = pa.table({"text": pa.concat_arrays([texts] * 40)})
    source = write(tmp_path / "a.arrow", table)
    survey = source.survey(["text"], pytest.fail)
    tables = source.tables(survey, ["text"])
    next(tables)
    os.truncate(source.path, 100_000)
    with pytest.raises(FileError, match="cut off while it was read"):
        list(tables)


def test_too_many_columns_are_refused(tmp_path):
    names = [f"c{i}" for i in range(40_000)]
    path = tmp_path / "a.csv"
    path.write_text(",".join(names) + "\n")
    with pytest.raises(FileError, match=r"too many columns(.|\n)*at most 2,048(.|\n)*40,000"):
        open_source(path)
