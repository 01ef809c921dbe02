"""What needs an application of its own; run by a test with the name of a function below and a model's folder.

Prints what it found as JSON.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import threading
from typing import Any

import pyarrow as pa
from pyspark.resource import ResourceProfileBuilder, TaskResourceRequests
from pyspark.sql import SparkSession

import processes
import rubriek.spark
from rubriek.engines.onnxruntime import OnnxRuntimeEngine


def session(master: str, **settings: str) -> Any:
    """Start Spark on loopback."""
    builder = SparkSession.builder.master(master).config("spark.driver.host", "127.0.0.1")
    builder = builder.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
    for name, value in settings.items():
        builder = builder.config(name.replace("_", "."), value)
    started = builder.getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    return started


def texts(spark: Any, rows: int, partitions: int) -> Any:
    """Make rows with a number and a text that no other row has."""
    return spark.range(0, rows, 1, partitions).selectExpr(
        "id", "concat('De koning opent museum ', id) AS text"
    )


def killed(folder: str) -> dict[str, Any]:
    """Kill a worker with SIGKILL in the midst of its task."""
    spark = session("local-cluster[2,1,1024]")
    victims: list[int] = []

    def kill() -> None:
        victims.append(processes.wait_for(lambda: processes.classifying(os.getpid()))[0])
        os.kill(victims[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    spark.sparkContext.setJobGroup("killed", "killed")
    result = rubriek.spark.classify(texts(spark, 30_000, 4), "text", model=folder)
    rows = [(row.id, row.label) for row in result.select("id", "prediction.label").collect()]
    killer.join()
    tracker = spark.sparkContext.statusTracker()
    stages = [
        stage for job in tracker.getJobIdsForGroup("killed") for stage in tracker.getJobInfo(job).stageIds
    ]
    failed = sum(tracker.getStageInfo(stage).numFailedTasks for stage in stages)
    spark.stop()
    return {
        "ids": [number for number, _ in rows],
        "labelled": sum(label is not None for _, label in rows),
        "victims": len(victims),
        "failed": failed,
    }


def profiled(folder: str) -> dict[str, Any]:
    """Give the tasks of one query two cores by a ResourceProfile, where others have one."""
    spark = session("local-cluster[1,2,1024]")
    profile = ResourceProfileBuilder().require(TaskResourceRequests().cpus(2)).build
    result = rubriek.spark.classify(texts(spark, 100, 2), "text", model=folder, profile=profile)
    labels = result.where("prediction.label IS NOT NULL").count()

    def look(batches: Any) -> Any:
        for _ in batches:
            pass
        engines = [kept.threads for kept in gc.get_objects() if isinstance(kept, OnnxRuntimeEngine)]
        yield pa.record_batch({"threads": pa.array(engines, pa.int64())})

    found = spark.range(0, 4, 1, 4).mapInArrow(look, "threads long", profile=profile).collect()
    spark.stop()
    return {"labels": labels, "threads": sorted({row.threads for row in found})}


def stopped(folder: str) -> dict[str, Any]:
    """Stop Spark in the midst of a task that would take hours."""
    spark = session("local[2]", spark_task_cpus="2")
    result = rubriek.spark.classify(texts(spark, 100_000_000, 2), "text", model=folder)

    def run() -> None:
        with contextlib.suppress(Exception):  # it is stopped
            result.write.format("noop").mode("overwrite").save()

    query = threading.Thread(target=run, daemon=True)
    query.start()
    busy = processes.wait_for(lambda: processes.classifying(os.getpid()))
    python = processes.python_workers(os.getpid())
    spark.stop()
    processes.wait_for(lambda: not any(map(processes.alive, python)))
    return {"busy": len(busy), "python": len(python), "left": processes.python_workers(os.getpid())}


if __name__ == "__main__":
    found = {"killed": killed, "profiled": profiled, "stopped": stopped}[sys.argv[1]](sys.argv[2])
    sys.stdout.write(json.dumps(found) + "\n")
