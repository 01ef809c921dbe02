"""The delimiter of a CSV: found among the usual ones, stated by the file, or an error."""

from __future__ import annotations

import pytest

from rubriek.errors import FileError
from rubriek.files import open_source


def read(folder, data: str, name: str = "a.csv") -> list[dict[str, str]]:
    (folder / name).write_text(data, encoding="utf-8")
    source = open_source(folder / name)
    survey = source.survey((), pytest.fail)
    return [row for table in source.tables(survey, ()) for row in table.to_pylist()]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.txt"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_usual_delimiters_are_found_whatever_the_name(tmp_path, delimiter, name):
    path = tmp_path / name
    path.write_text(f"id{delimiter}text\n1{delimiter}een\n", encoding="utf-8")
    source = open_source(path, "csv" if name.endswith("txt") else None)
    assert list(source.columns) == ["id", "text"]
    assert source.layout.delimiter == delimiter
    assert bool(source.notes) == (delimiter != ("\t" if name == "a.tsv" else ","))


def test_rows_decide_where_the_header_holds_several(tmp_path):
    assert read(tmp_path, "id;titel, ondertitel, bron\n1;a\n2;b, c\n") == [
        {"id": "1", "titel, ondertitel, bron": "a"},
        {"id": "2", "titel, ondertitel, bron": "b, c"},
    ]


def test_two_equal_candidates_are_an_error(tmp_path):
    with pytest.raises(FileError, match=r"not clear(.|\n)*commas and semicolons(.|\n)*sep="):
        read(tmp_path, "a,b;c\n1,2;3\n")


def test_an_unusual_delimiter_is_an_error_unless_stated(tmp_path):
    rows = "id^text\n1^een\n2^twee\n"
    with pytest.raises(FileError, match="seem to be delimited by"):
        read(tmp_path, rows)
    assert read(tmp_path, "sep=^\n" + rows)[1] == {"id": "2", "text": "twee"}


@pytest.mark.parametrize("line", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_a_line_for_excel_states_the_delimiter(tmp_path, line):
    assert read(tmp_path, line + "id;a,b,c\n1;2\n") == [{"id": "1", "a,b,c": "2"}]


def test_lines_are_counted_with_the_one_for_excel(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;\na;b\n1;2\n3\n")
    problems = []
    open_source(tmp_path / "a.csv").survey((), problems.append)
    assert [problem.line for problem in problems] == [4]


def test_one_column_needs_no_delimiter(tmp_path):
    assert read(tmp_path, "text\neen; twee\n") == [{"text": "een; twee"}]
