"""Every format in: values unchanged, rows in order, and a malformed row named by file, line and cause."""

from __future__ import annotations

import csv
import gzip
import json
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import FileError, MalformedRowError, RubriekError
from rubriek.files import lines as lines_module
from rubriek.files import open_source, sources
from rubriek.files.lines import Problem
from rubriek.text_columns import holds_text


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path: Path, *text_columns: str, start: int = 0) -> tuple[pa.Table, list[Problem]]:
    source = open_source(path)
    problems: list[Problem] = []
    survey = source.survey(text_columns, problems.append)
    tables = list(source.tables(survey, text_columns, start=start))
    whole = pa.concat_tables([survey.schema.empty_table(), *tables])
    assert whole.num_rows + start == survey.rows
    assert whole.schema.equals(survey.schema)
    return whole, problems


def rows(path: Path, *text_columns: str) -> list[dict[str, object]]:
    table, problems = read(path, *text_columns)
    assert problems == []
    return table.to_pylist()


def lines_and_causes(path: Path, *text_columns: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.cause) for problem in read(path, *text_columns)[1]]


class TestDelimited:
    def test_values_stay_the_strings_that_they_were(self, tmp_path):
        path = write(tmp_path, "a.csv", 'id,text,n\n007, "x" ,1.50\n8,,NULL\n')
        assert rows(path) == [
            {"id": "007", "text": ' "x" ', "n": "1.50"},
            {"id": "8", "text": "", "n": "NULL"},
        ]

    def test_semicolons_of_a_dutch_spreadsheet_are_found_and_said(self, tmp_path, caplog):
        path = write(tmp_path, "a.csv", b'\xef\xbb\xbfid;"a,b,c";text\r\n1;2;"een; twee"\r\n')
        with caplog.at_level(logging.INFO, "rubriek"):
            source = open_source(path)
        assert list(source.columns) == ["id", "a,b,c", "text"]
        assert source.layout == sources.Layout(";", byte_order_mark=True)
        assert "delimited by ';'" in caplog.text
        assert rows(path) == [{"id": "1", "a,b,c": "2", "text": "een; twee"}]

    def test_fields_may_hold_line_breaks_and_null_bytes(self, tmp_path):
        path = write(tmp_path, "a.csv", 'text,n\n"een\n\ntwee\r\n",1\n\n"a\x00b",2\n')
        assert [row["text"] for row in rows(path)] == ["een\n\ntwee\r\n", "a\x00b"]

    def test_tabs_delimit_tsv(self, tmp_path):
        assert rows(write(tmp_path, "a.tsv", "a\tb\n1,2\t3;4\n")) == [{"a": "1,2", "b": "3;4"}]

    def test_ragged_rows_are_named(self, tmp_path):
        path = write(tmp_path, "a.csv", 'a,b\n1,2\n"x\ny"\n1,2,3\n3,4\n')
        table, problems = read(path)
        assert table.to_pylist() == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
        assert [(p.line, p.cause, p.raw) for p in problems] == [
            (3, "expected 2 fields, found 1", '"x\ny"\n'),
            (5, "expected 2 fields, found 3", "1,2,3\n"),
        ]

    def test_a_stray_quote_costs_its_own_row_and_no_other(self, tmp_path):
        path = write(tmp_path, "a.csv", 'a,b\n1,"open\n2,goed\n3,"ook goed"\n4,"nooit\n5,dicht\n')
        table, problems = read(path)
        assert [row["a"] for row in table.to_pylist()] == ["2", "3", "5"]
        assert [problem.line for problem in problems] == [2, 5]
        assert "closing quote" in problems[0].cause
        assert "never closed" in problems[1].cause

    def test_bytes_that_are_not_utf8_are_named_and_kept(self, tmp_path):
        path = write(tmp_path, "a.csv", b'a,b\n1,"x\ncaf\xe9"\n2,caf\xc3\xa9\n')
        table, problems = read(path)
        assert table.to_pylist() == [{"a": "2", "b": "café"}]
        assert [(p.line, p.cause) for p in problems] == [(2, "byte 0xe9 is not UTF-8")]
        assert json.loads(problems[0].to_json())["raw"] == '1,"x\ncaf\\xe9"'
        assert "iconv" in str(problems[0].error())

    def test_a_field_over_the_limit_is_a_malformed_row_and_the_process_limit_stays(
        self, tmp_path, monkeypatch
    ):
        for module in (lines_module, __import__("rubriek.files.delimited", fromlist=["_"])):
            monkeypatch.setattr(module, "MAX_LINE", 1000)
        before = csv.field_size_limit()
        long_line, long_field = "y" * 3000, '"' + "zz\n" * 400 + '"'
        path = write(tmp_path, "a.csv", f"a,b\n1,{long_line}\n2,kort\n3,{long_field}\n4,kort\n")
        table, problems = read(path)
        assert {"2", "4"} <= {row["a"] for row in table.to_pylist()}
        assert problems[0].line == 2
        assert "longer than" in problems[0].cause
        assert (4, True) in [(p.line, "field is longer" in p.cause) for p in problems]
        assert csv.field_size_limit() == before

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ("", "is empty"),
            ("a,b,a\n1,2,3\n", "two columns named 'a'"),
            ('"a,b\n1,2\n', "never closed"),
            ("a;b\n".encode("utf-16"), "UTF-16"),
            (b"a,caf\xe9\n", "line 1: byte 0xe9"),
        ],
    )
    def test_a_header_that_cannot_be_used_is_refused(self, tmp_path, data, message):
        with pytest.raises(FileError, match=message):
            open_source(write(tmp_path, "a.csv", data))


class TestJsonl:
    def test_columns_keep_their_types_and_what_has_none_stays_json(self, tmp_path):
        objects = [
            {"text": "a", "n": 1, "x": 1, "b": True, "tags": ["é", 1], "mixed": "1", "big": 2**70},
            {"text": None, "n": 2**60, "x": 2.5, "b": None, "tags": {"k": None}, "mixed": 1},
            {"text": "c", "late": "x"},
        ]
        path = write(tmp_path, "a.jsonl", "\n\n".join(map(json.dumps, objects)))
        table, problems = read(path, "text")
        assert problems == []
        kinds = {field.name: str(field.type) for field in table.schema}
        assert kinds == {
            "text": "string", "n": "int64", "x": "double", "b": "bool", "tags": "string", "mixed": "string",
            "big": "string", "late": "string",
        }  # fmt: skip
        assert table["tags"].to_pylist() == ['["é", 1]', '{"k": null}', None]
        assert table["mixed"].to_pylist() == ['"1"', "1", None]
        assert table["big"].to_pylist() == [str(2**70), None, None]
        assert table["late"].to_pylist() == [None, None, "x"]

    @pytest.mark.parametrize(
        ("line", "cause"),
        [
            ('{"text": "a"', "not JSON: "),
            ("[1]", "expected a JSON object, found a list"),
            ('"a"', "expected a JSON object, found a text"),
            ('{"tekst": "a"}', "the column 'text' is missing; the row has 'tekst'"),
            ("{}", "the row has no columns"),
            ('{"text": 7}', "holds a whole number, not a text"),
            ('{"text": "a", "text": "b"}', "the key 'text' stands twice"),
            ('{"text": "\\ud800"}', "half of a character"),
            ('{"text": "a", "n": Infinity}', "Infinity is no JSON value"),
            ('{"text": "a", "n": 1e999}', "1e999 is too large"),
            ('{"text": "a", "n": ' + "[" * 100_000 + "}", "nested too deeply"),
            ('{"text": "a", "n": ' + "9" * 5000 + "}", "not JSON that can be read"),
            (b'{"text": "caf\xe9"}', "byte 0xe9 is not UTF-8"),
            (b"\x00\x00", "not JSON"),
        ],
    )
    def test_a_line_that_is_no_row_is_named(self, tmp_path, line, cause):
        raw = line.encode() if isinstance(line, str) else line
        path = write(tmp_path, "a.jsonl", b'{"text": "goed"}\n' + raw + b'\n{"text": "ook"}\n')
        table, problems = read(path, "text")
        assert table["text"].to_pylist() == ["goed", "ook"]
        assert [problem.line for problem in problems] == [2]
        assert cause in problems[0].cause
        json.loads(problems[0].to_json())
        assert isinstance(problems[0].error(), MalformedRowError)

    def test_nan_is_null(self, tmp_path):
        assert rows(
            write(tmp_path, "a.jsonl", '{"text": NaN, "n": 1.5}\n{"text": "x", "n": NaN}'), "text"
        ) == [
            {"text": None, "n": 1.5},
            {"text": "x", "n": None},
        ]

    def test_a_file_without_objects_is_refused(self, tmp_path):
        with pytest.raises(FileError, match="no rows"):
            open_source(write(tmp_path, "a.jsonl", "\n \n"))
        with pytest.raises(MalformedRowError, match="line 1: not JSON"):
            open_source(write(tmp_path, "b.jsonl", "text\na\n"))


class TestLines:
    def test_every_line_is_a_row_an_empty_one_too(self, tmp_path):
        path = write(tmp_path, "a.txt", "\ufeffeen\r\n\n \ntwee, drie\ttab\r\nlaatste")
        assert [row["text"] for row in rows(path, "text")] == ["een", "", " ", "twee, drie\ttab", "laatste"]

    def test_an_empty_file_has_no_rows(self, tmp_path):
        assert rows(write(tmp_path, "a.txt", "")) == []

    def test_a_line_over_the_limit_is_one_problem_and_the_next_line_is_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lines_module, "MAX_LINE", 100)
        path = write(tmp_path, "a.txt", "a\n" + "b" * 1000 + "\nc\n")
        table, problems = read(path)
        assert table["text"].to_pylist() == ["a", "c"]
        assert [problem.line for problem in problems] == [2]


class TestBinary:
    TABLE = pa.table(
        {
            "text": pa.array([f"tekst {i}" for i in range(10)], pa.large_string()),
            "kind": pa.array(["a", None] * 5).dictionary_encode(),
            "nested": [{"a": [i]} for i in range(10)],
        },
    ).replace_schema_metadata({"note": "kept"})

    def test_parquet_feather_and_streams_come_through_with_their_types(self, tmp_path, monkeypatch):
        monkeypatch.setattr("rubriek.files.arrow.CHUNK_ROWS", 4)
        pq.write_table(self.TABLE, tmp_path / "a.parquet", row_group_size=3)
        pyarrow.feather.write_feather(self.TABLE, str(tmp_path / "a.feather"), chunksize=3)
        with pa.ipc.new_stream(tmp_path / "a.arrow", self.TABLE.schema) as stream:
            stream.write_table(self.TABLE, max_chunksize=3)
        for name in ("a.parquet", "a.feather", "a.arrow"):
            source = open_source(tmp_path / name)
            assert {name: holds_text(kind) for name, kind in source.columns.items()} == {
                "text": True,
                "kind": True,
                "nested": False,
            }
            survey = source.survey(["text"], pytest.fail)
            assert survey.rows == 10
            tables = list(source.tables(survey, ["text"], start=1))
            assert [table.num_rows for table in tables] == [4, 4, 1]
            whole = pa.concat_tables(tables)
            assert whole.to_pylist() == self.TABLE.slice(1).to_pylist()
            assert whole.schema.metadata[b"note"] == b"kept"
            assert whole.schema.field("kind").type == self.TABLE.schema.field("kind").type

    def test_tables_are_bounded_in_bytes_too(self, tmp_path, monkeypatch):
        monkeypatch.setattr("rubriek.files.arrow.CHUNK_BYTES", 20_000)
        texts = ["x" * 1_000 * (number % 7) for number in range(50)] + ["y" * 50_000, "z"]
        pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
        source = open_source(tmp_path / "a.parquet")
        tables = list(source.tables(source.survey(["text"], pytest.fail), ["text"]))
        assert [text for table in tables for text in table["text"].to_pylist()] == texts
        assert len(tables) < 20
        assert all(table.nbytes < 46_000 for table in tables if "y" * 50_000 not in table["text"].to_pylist())

    @pytest.mark.parametrize("name", ["a.parquet", "a.feather"])
    @given(cut=st.integers(0, 400), junk=st.binary(max_size=40))
    def test_a_damaged_file_gives_an_error_of_ours(self, tmp_path_factory, name, cut, junk):
        folder = tmp_path_factory.mktemp("damaged")
        if name.endswith("parquet"):
            pq.write_table(self.TABLE, folder / name)
        else:
            pyarrow.feather.write_feather(self.TABLE, str(folder / name))
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: min(cut, len(whole) - 1)] + junk)
        with pytest.raises(FileError):
            read(folder / name)


class TestCompressed:
    def test_the_first_bytes_decide_not_the_name(self, tmp_path):
        data = b"text\n" + b"x" * 100 + b"\n"
        zstd = pa.compress(data, "zstd", asbytes=True)
        for name, packed in [
            ("a.csv.gz", gzip.compress(data[:9]) + gzip.compress(data[9:])),
            ("a.csv.zst", zstd),
            ("b.csv.gz", data),
            ("b.csv", gzip.compress(data)),
        ]:
            assert rows(write(tmp_path, name, packed)) == [{"text": "x" * 100}]

    @pytest.mark.parametrize("codec", ["gzip", "zstd"])
    def test_a_cut_off_file_is_an_error_not_a_short_file(self, tmp_path, codec):
        data = "text\n" + "\n".join(f"regel {i * i}" for i in range(5000))
        packed = (
            gzip.compress(data.encode())
            if codec == "gzip"
            else pa.compress(data.encode(), codec, asbytes=True)
        )
        path = write(tmp_path, "a.csv.gz", packed[: len(packed) // 2])
        with pytest.raises(FileError, match="cut off or damaged"):
            read(path)


class TestChunks:
    def test_tables_close_at_a_number_of_rows_or_of_characters(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sources, "CHUNK_ROWS", 4)
        monkeypatch.setattr(sources, "CHUNK_CHARACTERS", 50)
        path = write(tmp_path, "a.txt", "".join("x\n" for _ in range(9)) + "y" * 60 + "\nz\n")
        source = open_source(path)
        survey = source.survey(["text"], pytest.fail)
        sizes = [table.num_rows for table in source.tables(survey, ["text"])]
        assert sizes == [4, 4, 2, 1]

    @given(start=st.integers(0, 12))
    def test_reading_from_a_row_on_gives_the_rest(self, tmp_path_factory, start):
        path = write(
            tmp_path_factory.mktemp("start"), "a.csv", "text\n" + "".join(f"{i}\n" for i in range(12))
        )
        table, _ = read(path, "text", start=start)
        assert table["text"].to_pylist() == [str(i) for i in range(start, 12)]


class TestOpening:
    def test_a_missing_file_names_the_nearest(self, tmp_path):
        write(tmp_path, "nieuws.csv", "text\n")
        with pytest.raises(FileError, match=r"did you mean .*nieuws\.csv"):
            open_source(tmp_path / "niews.csv")

    def test_a_folder_is_refused(self, tmp_path):
        with pytest.raises(FileError, match="is a folder"):
            open_source(tmp_path)

    @pytest.mark.parametrize(
        ("name", "hint"), [("a.xlsx", "CSV UTF-8"), ("a.jsn", "--input-format"), ("a", "csv")]
    )
    def test_an_unknown_format_is_refused_with_what_to_do(self, tmp_path, name, hint):
        with pytest.raises(FileError, match=hint):
            open_source(write(tmp_path, name, "text\n"))

    def test_the_format_may_be_said(self, tmp_path):
        source = open_source(write(tmp_path, "a.xlsx", "text\n"), "csv", name="stdin")
        assert (source.format, source.name) == ("csv", "stdin")


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "lines", "parquet", "arrow"])
@given(data=st.binary(max_size=300) | st.text(',;"\n\r\t{}[]:\\a1\x00é', max_size=60).map(str.encode))
def test_junk_never_gives_anything_but_rows_and_errors_of_ours(tmp_path_factory, format, data):
    path = write(tmp_path_factory.mktemp("junk"), "junk", data)
    problems: list[Problem] = []
    try:
        source = open_source(path, format)
        survey = source.survey((), problems.append)
        tables = list(source.tables(survey, ()))
    except RubriekError:
        return
    assert sum(table.num_rows for table in tables) == survey.rows
    for problem in problems:
        assert json.loads(problem.to_json())["line"] >= 1
