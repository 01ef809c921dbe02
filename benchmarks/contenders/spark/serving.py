"""The process side of a contender on Spark: start, then answer passes over Parquet folders until stdin ends.

As `benchmarks.contenders.worker`, with rows in the place of texts: columns ``id`` and ``text``, a file for
each partition. A request is ``{"do": "pass", "rows": FOLDER, "sink": "labels" | "nothing"}``.

Spark ends Python workers that were idle for a minute, and with them the models they hold. In a run of
interleaved passes that would happen to whoever waits for a slow one. So each pass comes after an untimed one
over a few rows, for every contender alike: what is measured is work with the model loaded.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from benchmarks.contenders.worker import arguments, protect_stdout, say
from benchmarks.peers import ROOT

Sink: TypeAlias = Literal["labels", "nothing"]
"""Collect the labels, or compute all result columns and let Spark drop them (its ``noop`` format)."""


class ContenderOnRows(Protocol):
    """What a contender does; loading is its ``__init__(arguments)``."""

    about: dict[str, Any]
    """Versions and settings, for the report."""

    def classify(self, rows: Path, sink: Sink) -> dict[int, str]:
        """Classify a Parquet folder; labels by id, none with the sink ``nothing``."""
        ...


SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    # A file is a partition, for everyone: Spark would put small files together.
    "spark.sql.files.maxPartitionBytes": "1m",
}


def session(master: str, **settings: str) -> Any:
    """A local session; Python workers run in the interpreter of this process."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = str(ROOT)  # workers import benchmarks, too
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master(master)
    for name, value in {**SETTINGS, **settings}.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def finish(frame: Any, label: str, sink: Sink) -> dict[int, str]:
    """Run a frame with the columns id and ``label``."""
    if sink == "nothing":
        frame.write.format("noop").mode("overwrite").save()
        return {}
    return {row[0]: row[1] for row in frame.select("id", label).collect()}


def serve(kind: type[Any], *, whole_warm_up: bool = False) -> None:
    """Answer requests; with ``whole_warm_up`` the first warm-up is over all rows (the JVM's compiler)."""
    answers = protect_stdout()
    given = arguments()
    few, all_rows = given.texts / "few", given.texts / "mixed"
    started = time.perf_counter()
    contender: ContenderOnRows = kind(given)
    loaded = time.perf_counter()
    contender.classify(few, "labels")
    answered = time.perf_counter()
    if whole_warm_up:
        contender.classify(all_rows, "labels")
    say(
        answers,
        about=contender.about,
        start_seconds={"session": loaded - started, "first rows": answered - loaded},
    )
    for line in sys.stdin:
        request: Mapping[str, Any] = json.loads(line)
        contender.classify(few, "labels")
        started = time.perf_counter()
        labels = contender.classify(Path(request["rows"]), request["sink"])
        seconds = time.perf_counter() - started
        say(answers, seconds=seconds, labels=[labels[number] for number in sorted(labels)])
