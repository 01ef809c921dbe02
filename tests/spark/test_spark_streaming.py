"""Streams: every row that came in is in the output once, over stops and restarts."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

import rubriek.spark


@pytest.fixture
def numbered(spark, tmp_path):
    """Writes files of rows with numbers, as they might come in one after the other."""

    def write(start: int, stop: int) -> None:
        spark.range(start, stop, 1, 1).selectExpr("id", "concat('nieuws ', id % 5) AS text").write.mode(
            "append"
        ).parquet(f"file://{tmp_path}/in")

    return write


def test_files_come_in_and_out_once_over_a_restart(spark, numbered, tmp_path, tiny_a):
    def run() -> None:
        stream = spark.readStream.schema("id long, text string").option("maxFilesPerTrigger", 1)
        result = rubriek.spark.classify(
            stream.parquet(f"file://{tmp_path}/in"), "text", model=tiny_a.folder, observe="run"
        )
        assert result.isStreaming
        query = (
            result.writeStream.format("parquet")
            .option("path", f"file://{tmp_path}/out")
            .option("checkpointLocation", f"file://{tmp_path}/checkpoint")
            .trigger(availableNow=True)
            .start()
        )
        assert query.awaitTermination(120)
        metrics = [entry.get("observedMetrics") for entry in query.recentProgress]
        progress.extend(entry["run"]["documents"] for entry in metrics if entry)

    progress: list[int] = []
    numbered(0, 50)
    numbered(50, 80)
    run()
    numbered(80, 100)
    run()
    run()  # nothing new
    rows = spark.read.parquet(f"file://{tmp_path}/out").collect()
    assert Counter(row.id for row in rows) == dict.fromkeys(range(100), 1)
    assert all(row.prediction.label for row in rows)
    assert sum(progress) == 100


def test_a_batch_that_fails_is_run_again_and_is_there_once(spark, tmp_path, tiny_a):
    """A rate source, stopped by a failure in the midst of a batch, and started again from its checkpoint."""
    seen: list[int] = []
    enough = threading.Event()

    def start(sink):
        rate = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 20).load()
        texts = rate.selectExpr("value", "concat('nieuws ', value % 5) AS text")
        result = rubriek.spark.classify(texts, "text", model=tiny_a.folder)
        return (
            result.writeStream.foreachBatch(sink)
            .option("checkpointLocation", f"file://{tmp_path}/checkpoint")
            .start()
        )

    def write(batch, number: int) -> None:
        # A folder for each batch, written over: the way to exactly once that Spark's guide gives.
        batch.write.mode("overwrite").parquet(f"file://{tmp_path}/out/batch={number}")
        seen.append(number)
        if len(seen) == 6:
            enough.set()

    def fail_in_the_third(batch, number: int) -> None:
        write(batch, number)
        if number == 2:
            raise RuntimeError("power cut")

    failing = start(fail_in_the_third)
    with pytest.raises(Exception, match="power cut"):
        failing.awaitTermination(120)
    again = start(write)
    assert enough.wait(120)
    again.stop()
    assert seen[:4] == [0, 1, 2, 2]
    rows = spark.read.parquet(f"file://{tmp_path}/out").where(f"batch <= {max(seen)}").collect()
    assert Counter(row.value for row in rows) == dict.fromkeys(range(20 * (max(seen) + 1)), 1)
    assert all(row.prediction.label for row in rows)
