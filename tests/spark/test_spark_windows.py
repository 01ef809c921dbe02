"""Batches of any size become windows of bounded size, in order."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import types

import rubriek
from rubriek import frames
from rubriek.spark.classification import Answer
from rubriek.spark.distribution import send
from rubriek.spark.types import spark_type
from rubriek.spark.windows import BYTES_AT_ONCE, map_windows, windows
from rubriek.statistics import Statistics


@given(st.lists(st.integers(0, 40_000), max_size=6))
def test_windows_hold_the_rows_in_order_and_are_full(sizes):
    bounds = [sum(sizes[:index]) for index in range(len(sizes) + 1)]
    whole = pa.record_batch({"row": pa.array(range(bounds[-1]))})
    batches = [whole.slice(start, size) for start, size in zip(bounds, sizes, strict=False)]
    found = list(windows(iter(batches)))
    assert [row for window in found for row in window["row"].to_pylist()] == list(range(bounds[-1]))
    assert all(len(window) == frames.ROWS_AT_ONCE for window in found[:-1])
    assert all(0 < len(window) <= frames.ROWS_AT_ONCE for window in found)


def test_windows_of_wide_rows_are_bounded_in_bytes():
    batch = pa.record_batch({"image": [b"\0" * 2**20] * 10})
    found = list(windows(iter([batch] * 30)))
    assert sum(len(window) for window in found) == 300
    assert all(window.nbytes <= BYTES_AT_ONCE + batch.nbytes for window in found)


def test_no_more_is_read_than_the_window_needs():
    read = []

    def batches():
        for number in range(5):
            read.append(number)
            yield pa.record_batch({"row": [0] * frames.ROWS_AT_ONCE})

    next(windows(batches()))
    assert read == [0]


def test_memory_stays_level_over_two_million_rows_in_one_partition(spark, tiny_a, tmp_path):
    """What the worker holds after every window, from the second on: the first fills arenas and caches."""
    file = tmp_path / "resident"
    answer = Answer(send(spark, tiny_a), rubriek.load(tiny_a.folder, threads=1), "struct")

    def on_window(window):
        window = window.append_column("prediction", answer(frames.strings(window["text"], ""), Statistics()))
        with file.open("a") as stream:
            stream.write(Path("/proc/self/statm").read_text().split()[1] + "\n")
        return window

    rows = 2_000_000
    data = spark.range(0, rows, 1, 1).selectExpr("concat('nieuws van ', id % 977) AS text")
    fields = [*data.schema.fields, types.StructField("prediction", spark_type(answer.type))]
    result = map_windows(data, on_window, fields)
    assert result.where("prediction.label IS NOT NULL").count() == rows
    resident = [int(pages) * 4096 / 2**20 for pages in file.read_text().split()]
    assert len(resident) == -(-rows // frames.ROWS_AT_ONCE)
    assert max(resident[10:]) - max(resident[:10]) < 30, resident
