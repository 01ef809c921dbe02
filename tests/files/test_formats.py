"""What a file's name tells, and which columns hold the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from rubriek.errors import ColumnError
from rubriek.files import open_source
from rubriek.files.formats import output_beside, result_format
from rubriek.files.text_columns import choose_text_columns


@pytest.mark.parametrize(
    ("name", "input_format", "output_format", "expected"),
    [
        ("news.csv", "csv", "csv", "news.classified.csv"),
        ("NEWS.CSV", "csv", "csv", "NEWS.classified.CSV"),
        ("news.tab.gz", "tsv", "tsv", "news.classified.tab.gz"),
        ("news.txt", "lines", "csv", "news.classified.csv"),
        ("news.txt.zst", "lines", "jsonl", "news.classified.jsonl.zst"),
        ("news.csv.gz", "csv", "arrow", "news.classified.arrow"),
        ("news.2026", "csv", "csv", "news.2026.classified.csv"),
        ("news.csv", "tsv", "tsv", "news.classified.tsv"),
    ],
)
def test_the_output_lies_beside_the_input(name, input_format, output_format, expected):
    assert output_beside(Path("map") / name, input_format, output_format) == Path("map") / expected


def test_results_keep_the_format_unless_it_cannot_hold_them():
    assert [result_format(f) for f in ("csv", "parquet", "lines")] == ["csv", "parquet", "csv"]


def source(folder: Path, header: str, name: str = "a.csv"):
    (folder / name).write_text(header + "\n", encoding="utf-8")
    return open_source(folder / name)


class TestTextColumns:
    def test_by_default_it_is_text_or_the_only_column_of_strings(self, tmp_path):
        assert choose_text_columns(source(tmp_path, "title,text,section")) == ("text",)
        assert choose_text_columns(source(tmp_path, "kop")) == ("kop",)
        objects = source(tmp_path, '{"id": 1, "kop": "a"}', "a.jsonl")
        assert choose_text_columns(objects) == ("kop",)

    def test_several_candidates_are_listed(self, tmp_path):
        with pytest.raises(ColumnError, match=r"'kop', 'inhoud'\n.*--text-column"):
            choose_text_columns(source(tmp_path, "kop,inhoud"))

    def test_names_may_be_given_apart_or_with_commas(self, tmp_path):
        columns = source(tmp_path, 'kop,inhoud,"a,b"')
        assert choose_text_columns(columns, ["kop,inhoud"]) == ("kop", "inhoud")
        assert choose_text_columns(columns, ["inhoud", "kop", "inhoud"]) == ("inhoud", "kop")
        assert choose_text_columns(columns, ["a,b"]) == ("a,b",)

    def test_a_missing_column_names_the_nearest(self, tmp_path):
        with pytest.raises(ColumnError, match=r"no column 'tekts'(.|\n)*did you mean 'tekst'"):
            choose_text_columns(source(tmp_path, "id,tekst"), ["tekts"])

    def test_a_column_without_text_is_refused(self, tmp_path):
        with pytest.raises(ColumnError, match=r"a\.jsonl has a column 'id' that holds no text"):
            choose_text_columns(source(tmp_path, '{"id": 1, "kop": "a"}', "a.jsonl"), ["id"])
