from __future__ import annotations

import enum
import io
import itertools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek import frames, text_values
from rubriek.errors import ColumnError, InputError

TEXTS = ["een", None, "", "vier"]


class Capsule:
    """A frame of a library that nobody knows: only its Arrow stream is to be had."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


FRAMES = {
    "pandas": lambda columns: pd.DataFrame(columns),
    "pandas-object": lambda columns: pd.DataFrame(columns, dtype=object),
    "pandas-arrow": lambda columns: pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda columns: pl.DataFrame(columns),
    "arrow": lambda columns: pa.table(columns),
    "record batch": lambda columns: pa.RecordBatch.from_pydict(columns),
    "capsule": lambda columns: Capsule(pa.table(columns)),
}
COLUMNS = {
    "pandas": lambda values: pd.Series(values, name="text"),
    "pandas-object": lambda values: pd.Series(values, dtype=object),
    "pandas-category": lambda values: pd.Series(values, dtype="category"),
    "polars": lambda values: pl.Series("text", values),
    "polars-category": lambda values: pl.Series("text", values, dtype=pl.Categorical),
    "arrow": lambda values: pa.array(values),
    "arrow-large": lambda values: pa.array(values, pa.large_string()),
    "arrow-view": lambda values: pa.array(values, pa.string_view()),
    "arrow-dictionary": lambda values: pa.array(values).dictionary_encode(),
    "arrow-chunked": lambda values: pa.chunked_array([values[:1], values[1:]], pa.string()),
}


def lengths(texts: frames.Texts) -> pa.Table:
    """Stand in for a classifier: the length of each text, null for null."""
    values = [None if text is None else len(text) for chunk in texts.chunks for text in chunk.to_pylist()]
    labels = [None if value is None else str(value) for value in values]
    return pa.table({"label": pa.array(labels, pa.string()), "tokens": pa.array(values, pa.int32())})


def to_rows(frame) -> list[dict]:
    if isinstance(frame, pd.DataFrame):
        frame = pa.Table.from_pandas(frame, preserve_index=False)
    if isinstance(frame, pl.DataFrame):
        return frame.to_dicts()
    return frame.to_pylist()


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_a_frame_comes_back_with_columns_added_and_itself_unchanged(make):
    columns = {"id": [1, 2, 3, 4], "text": TEXTS}
    frame = make(columns)
    texts = frames.read(frame, "text", "my_")
    result = texts.attach(lengths(texts))
    assert type(result) is (pa.Table if isinstance(frame, Capsule) else type(frame))
    assert to_rows(result) == [
        {"id": 1, "text": "een", "my_label": "3", "my_tokens": 3},
        {"id": 2, "text": None, "my_label": None, "my_tokens": None},
        {"id": 3, "text": "", "my_label": "0", "my_tokens": 0},
        {"id": 4, "text": "vier", "my_label": "4", "my_tokens": 4},
    ]
    if not isinstance(frame, Capsule):
        assert to_rows(frame) == to_rows(make(columns))


@pytest.mark.parametrize("make", COLUMNS.values(), ids=COLUMNS)
def test_a_column_comes_back_as_a_frame_of_results(make):
    column = make(TEXTS)
    texts = frames.read(column, None, "")
    result = texts.attach(lengths(texts))
    kinds = {pd.Series: pd.DataFrame, pl.Series: pl.DataFrame}
    assert type(result) is kinds.get(type(column), pa.Table)
    assert [row["tokens"] for row in to_rows(result)] == [3, None, 0, 4]


@pytest.mark.parametrize(
    "data",
    [TEXTS, tuple(TEXTS), iter(TEXTS), (text for text in TEXTS), np.array(TEXTS, dtype=object)],
    ids=["list", "tuple", "iterator", "generator", "numpy"],
)
def test_plain_values_need_no_way_back(data):
    texts = frames.read(data, None, "")
    assert texts.attach is None
    assert lengths(texts)["tokens"].to_pylist() == [3, None, 0, 4]


def test_numpy_strings():
    texts = frames.read(np.array(["een", "vier"]), None, "")
    assert lengths(texts)["tokens"].to_pylist() == [3, 4]


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT], ids=repr)
def test_everything_that_means_missing_is_null(missing):
    assert text_values.column(["een", missing]).to_pylist() == ["een", None]


def test_pandas_keeps_an_index_with_repeated_values_and_odd_column_names():
    frame = pd.DataFrame({0: ["een", "vier"], ("a", 1): [1.5, 2.5], "text": ["x", "yy"]}, index=["i", "i"])
    texts = frames.read(frame, "text", "")
    result = texts.attach(lengths(texts))
    assert result.index.tolist() == ["i", "i"]
    assert result.columns.tolist() == [0, ("a", 1), "text", "label", "tokens"]
    assert result["tokens"].tolist() == [1, 2]


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_several_columns_are_joined_and_nulls_left_out(make):
    frame = make({"title": ["A", None, "C", None], "text": ["b", "b", None, None]})
    texts = frames.read(frame, ["title", "text"], "")
    joined = [text for chunk in texts.chunks for text in chunk.to_pylist()]
    assert joined == ["A\nb", "b", "C", None]


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize(
    ("text_column", "message"),
    [
        ("body", "The frame has no column 'body'"),
        (None, "leaves open which column"),
        ("id", "'id' that holds no text"),
        (["title", ["x"]], r"no column \['x'\]"),
    ],
)
def test_a_column_that_does_not_serve_is_named(make, text_column, message):
    frame = make({"id": [1, 2], "title": ["c", "d"], "body_": ["a", "b"]})
    with pytest.raises((ColumnError, InputError), match=message):
        lengths(frames.read(frame, text_column, ""))


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_nothing_is_overwritten(make):
    frame = make({"label": ["a"], "text": ["b"]})
    texts = frames.read(frame, "text", "")
    with pytest.raises(ColumnError, match="prefix="):
        texts.attach(lengths(texts))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "found: +builtins.int"),
        (b"bytes", "found: +builtins.bytes"),
        ({"a": "b"}, r"list\(texts.values\(\)\)"),
        (np.zeros((2, 2), dtype=object), r"shape \(2, 2\)"),
        (np.zeros(2), "dtype float64"),
        (pl.DataFrame({"text": ["a"]}).lazy(), "collect"),
        (pa.array([1, 2]), "type int64"),
        (["a", 3], "Row 1 is not a text"),
        (["a", b"\xff"], "Row 1 is not a text"),
        (["a", "\ud800"], "Row 1 holds half a surrogate pair"),
        (pd.Series(["a", 3], dtype=object), "Row 1 is not a text"),
    ],
)
def test_data_without_texts_is_refused_by_name(data, message):
    with pytest.raises((InputError, ColumnError), match=message):
        lengths(frames.read(data, None, ""))


def test_a_text_column_for_data_that_has_none_is_refused():
    with pytest.raises(InputError, match="no named columns"):
        frames.read(["a"], "text", "")


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)), st.integers(1, 7))
def test_chunks_keep_every_text_in_order(texts, rows):
    chunks = list(frames.chunked(iter(texts), rows))
    assert [text for chunk in chunks for text in chunk.to_pylist()] == texts
    assert all(1 <= len(chunk) <= rows for chunk in chunks)


def test_a_chunk_closes_early_on_long_texts(monkeypatch):
    monkeypatch.setattr(frames, "CHARACTERS_AT_ONCE", 10)
    assert [len(chunk) for chunk in frames.chunked(["x" * 6] * 5)] == [2, 2, 1]


@given(
    st.lists(st.lists(st.none() | st.integers(0, 60).map("x".__mul__), max_size=12), max_size=5),
    st.integers(1, 9),
    st.integers(1, 400),
)
def test_gathered_rows_are_bounded_and_where_a_table_ends_follows_from_where_it_begins(batches, rows, size):
    """So a job that goes on behind a finished table cuts the same ones as one that was never interrupted."""
    texts = pa.array([text for batch in batches for text in batch], pa.string())
    whole = pa.record_batch({"text": texts, "kind": texts.dictionary_encode()})
    ends = np.cumsum([len(batch) for batch in batches], dtype=int).tolist()

    def tables(start: int = 0) -> list[pa.Table]:
        bounds = itertools.pairwise([0, *ends])
        parts = (whole.slice(max(first, start), max(0, last - max(first, start))) for first, last in bounds)
        return list(frames.gathered(parts, rows=rows, size=size))

    found = tables()
    assert [row for table in found for row in table["text"].to_pylist()] == texts.to_pylist()
    assert all(1 <= len(table) <= rows for table in found)
    starts = np.cumsum([0, *map(len, found)]).tolist()
    for number, start in enumerate(starts[:-1]):
        assert [len(table) for table in tables(start)] == [len(table) for table in found[number:]]


class TestPandasAsItComes:
    def test_another_name_may_occur_twice(self):
        frame = pd.DataFrame([["een", 1, 2]], columns=["text", "n", "n"])
        texts = frames.read(frame, "text", "")
        result = texts.attach(lengths(texts))
        assert result.columns.tolist() == ["text", "n", "n", "label", "tokens"]
        assert result["tokens"].tolist() == [3]

    def test_the_name_of_the_texts_may_not(self):
        frame = pd.DataFrame([["een", "twee"]], columns=["text", "text"])
        with pytest.raises(ColumnError, match="2 columns named 'text'"):
            frames.read(frame, "text", "")

    def test_a_csv_column_without_any_text_is_no_text_in_every_row(self):
        frame = pd.read_csv(io.StringIO("id,text\n1,\n2,\n"))
        assert frame["text"].dtype == float
        texts = frames.read(frame, "text", "")
        assert texts.attach(lengths(texts))["tokens"].isna().all()
        series = frames.read(frame["text"], None, "")
        assert lengths(series)["tokens"].to_pylist() == [None, None]

    def test_the_same_with_nullable_types(self):
        frame = pd.read_csv(io.StringIO("id,text\n1,\n2,\n"), dtype_backend="numpy_nullable")
        assert frame["text"].dtype == "Int64"
        assert lengths(frames.read(frame, None, ""))["tokens"].to_pylist() == [None, None]

    def test_whole_numbers_without_rows_are_refused(self):
        with pytest.raises(ColumnError, match="holds no text"):
            frames.read(pd.DataFrame({"text": pd.Series([], dtype="int64")}), None, "")

    def test_a_column_of_numbers_is_still_refused(self):
        with pytest.raises(ColumnError, match="holds no text"):
            frames.read(pd.DataFrame({"text": [1.5, np.nan]}), "text", "")

    @pytest.mark.parametrize("name", [0, 1, "", ("a", 1), 1.5, False])
    def test_any_name_can_be_that_of_the_texts(self, name):
        names = pd.Index([name, "x"], tupleize_cols=False)
        texts = frames.read(pd.DataFrame([["een", 2]]).set_axis(names, axis=1), name, "")
        assert lengths(texts)["tokens"].to_pylist() == [3]

    def test_a_header_of_several_levels(self):
        frame = pd.DataFrame([["een", 1]], columns=pd.MultiIndex.from_tuples([("nl", "text"), ("n", "")]))
        texts = frames.read(frame, ("nl", "text"), "")
        result = texts.attach(lengths(texts))
        assert result["tokens"].tolist() == [3]
        frame.columns = pd.MultiIndex.from_tuples([("nl", "text"), ("label", "human")])
        with pytest.raises(ColumnError, match="already has 'label'"):
            frames.read(frame, ("nl", "text"), "").check(["label"])

    def test_categories_of_several_types_name_the_row(self):
        frame = pd.DataFrame({"text": pd.Series(["een", 1], dtype="category")})
        with pytest.raises(InputError, match=r"Column 'text': Row 1 is not a text(.|\n)*int \(1\)"):
            frames.read(frame, "text", "")


@pytest.mark.parametrize("value", [np.ones(2), [1], b"x", object, {"a": 1}, 1.5], ids=repr)
def test_a_list_that_holds_something_else_names_the_row(value):
    with pytest.raises(InputError, match="Row 1 is not a text"):
        text_values.column(["een", value, "drie"])


def test_a_member_of_an_enumeration_is_the_text_that_it_stands_for():
    kind = enum.Enum("Kind", {"NEWS": "nieuws"}, type=str)
    assert text_values.column([kind.NEWS, "b"]).to_pylist() == ["nieuws", "b"]


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_a_clash_of_names_is_found_before_any_work(make):
    texts = frames.read(make({"label": ["a"], "text": ["b"]}), "text", "")
    texts.check(["my_label"])
    with pytest.raises(ColumnError, match="already has 'label'"):
        texts.check(["label", "tokens"])


def test_a_column_stream_of_an_unknown_library_is_read():
    texts = frames.read(Capsule(pa.chunked_array([TEXTS])), None, "")
    assert lengths(texts)["tokens"].to_pylist() == [3, None, 0, 4]


def test_a_stream_that_breaks_is_said():
    def batches():
        yield pa.record_batch({"text": ["een"]})
        raise OSError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("text", pa.string())]), batches())
    with pytest.raises(InputError, match="the disk is gone"):
        frames.read(reader, "text", "")
