"""The rule, on frames and on files: both answer from the same table."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rubriek import frames
from rubriek.errors import ColumnError
from rubriek.files import open_source
from rubriek.files.text_columns import choose_text_columns
from rubriek.text_columns import find_text_columns

NULLS = pa.nulls(1)
STRUCT = pa.array([{"a": 1}])
FOUND = {
    "text beside others": ({"title": ["t"], "text": ["x"]}, None, ["x"]),
    "the only column of strings": ({"id": [1], "body": ["x"], "note": NULLS}, None, ["x"]),
    "a frame with nothing but text": ({"text": ["x"]}, None, ["x"]),
    "text without a single value": ({"text": NULLS, "source": ["nrc"]}, None, [None]),
    "the one that was named": ({"title": ["t"], "text": ["x"]}, "title", ["t"]),
    "several that were named, one of them twice": (
        {"title": ["t"], "text": ["x"]},
        ["title", "text", "title"],
        ["t\nx"],
    ),
    "dictionaries": ({"text": pa.array(["x"]).dictionary_encode(), "source": ["nrc"]}, None, ["x"]),
}
REFUSED = {
    "text of bytes": ({"text": [b"x"], "source": ["nrc"]}, None, "'text' that holds no text(.|\n)*binary"),
    "text of lists": ({"text": [["x"]], "source": ["nrc"]}, None, "'text' that holds no text(.|\n)*list"),
    "text of numbers": ({"text": [1], "source": ["nrc"]}, None, "'text' that holds no text(.|\n)*int64"),
    "text of structs": ({"text": STRUCT, "source": ["nrc"]}, None, "'text' that holds no text(.|\n)*struct"),
    "several columns of strings": ({"title": ["t"], "body": ["x"]}, None, "leaves open which column"),
    "no column of strings": ({"id": [1]}, None, "leaves open which column"),
    "no column of the name given": (
        {"body": ["x"]},
        "bodies",
        "no column 'bodies'(.|\n)*did you mean 'body'",
    ),
    "a column of numbers that was named": ({"id": [1], "text": ["x"]}, "id", "'id' that holds no text"),
}


def texts_of_frame(columns: dict, named) -> list:
    chunks = frames.read(pa.table(columns), named, "").chunks
    return [text for chunk in chunks for text in chunk.to_pylist()]


def texts_of_file(columns: dict, named, folder) -> list:
    pq.write_table(pa.table(columns), folder / "a.parquet")
    asked = [named] if isinstance(named, str) else named or []
    chosen = choose_text_columns(open_source(folder / "a.parquet"), asked)
    return texts_of_frame(columns, chosen)


@pytest.mark.parametrize(("columns", "named", "texts"), FOUND.values(), ids=FOUND)
def test_frames_and_files_find_the_same_texts(columns, named, texts, tmp_path):
    assert texts_of_frame(columns, named) == texts_of_file(columns, named, tmp_path) == texts


@pytest.mark.parametrize(("columns", "named", "message"), REFUSED.values(), ids=REFUSED)
def test_no_other_column_is_read_in_silence(columns, named, message, tmp_path):
    with pytest.raises(ColumnError, match=message):
        texts_of_frame(columns, named)
    with pytest.raises(ColumnError, match=message):
        texts_of_file(columns, named, tmp_path)


def test_a_name_that_occurs_twice_is_refused_only_where_it_is_meant():
    columns = [("id", pa.int64()), ("id", pa.string()), ("text", pa.string())]
    assert find_text_columns(columns) == ("text",)
    with pytest.raises(ColumnError, match="2 columns named 'id'"):
        find_text_columns(columns, ["id"])


def test_a_frame_of_very_many_columns_gets_a_short_message():
    columns = [(f"column_{number}" * 50, pa.int64()) for number in range(10_000)]
    with pytest.raises(ColumnError) as caught:
        find_text_columns(columns)
    assert len(str(caught.value)) < 3000
