"""Faults, and what only a cluster shows: executors of their own, each a Spark application of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyspark
import pytest

import programs

SCRIPT = Path(__file__).with_name("on_cluster.py")


@pytest.fixture
def run(tiny_a):
    programs.require_java()

    def start(name: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, SCRIPT, name, tiny_a.folder],
            env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return start


def test_a_worker_that_is_killed_costs_no_row(run):
    found = run("killed")
    assert found["victims"] == 1
    assert found["failed"] >= 1  # Spark noticed, and ran the task again
    assert found["ids"] == list(range(30_000))
    assert found["labelled"] == 30_000


@pytest.mark.xfail(int(pyspark.__version__[0]) < 4, reason="DataFrames take no profile before PySpark 4")
def test_a_profile_gives_the_engine_its_cores(run):
    assert run("profiled") == {"labels": 100, "threads": [2]}


def test_nothing_is_left_when_spark_is_stopped_in_mid_task(run):
    found = run("stopped")
    assert found["busy"] >= 1
    assert found["python"] >= 2  # a worker and the daemon that forked it
    assert found["left"] == []
