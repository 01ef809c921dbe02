"""The same over a real Spark Connect server on loopback, from a client that cannot reach a JVM."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pyspark
import pytest

import programs


@pytest.fixture(scope="module")
def server(tmp_path_factory, cache):
    programs.require_java()
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": folder / "local",
    }
    home = Path(pyspark.__file__).parent
    command = [home / "bin/spark-submit", "--master", "local[2]", "--driver-memory", "1g"]
    command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_until_open(port, process, log)
        yield f"sc://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as one:
            one.settimeout(1)
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"The Spark Connect server did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def reports(server, tiny_a):
    client = Path(__file__).with_name("connect_client.py")
    done = subprocess.run(
        [sys.executable, client, server, tiny_a.folder],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("name"): line for line in lines}


def test_it_classifies_as_locally(reports):
    found = reports["classify"]
    assert found["same"]
    assert found["rows"] == 12
    assert reports["again"]["labels"] == 9


def test_it_counts(reports):
    found = reports["classify"]["counts"]
    assert found["documents"] == 12
    assert found["nulls"] == 3
    assert found["tokens"] > 0


def test_the_function_of_sql(reports):
    assert reports["sql"]["same"]


def test_stages_of_spark_nlp(reports):
    assert reports["sparknlp"]["same"]


def test_the_command_runs_there(server, tiny_a, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(2):
        table = pa.table({"id": range(3 * number, 3 * number + 3), "text": ["Beurs sluit hoger", None, "x"]})
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    code = "from rubriek.cli import main; main()"
    command = [sys.executable, "-c", code, "classify", tmp_path / "in", "-o", tmp_path / "uit", "--spark"]
    command += ["--master", server, "-m", tiny_a.folder, "--json"]
    for finished in (0, 2):
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert (summary["rows"], summary["finished_files"], summary["nulls"]) == (6, finished, 2)
    found = pyarrow.dataset.dataset(tmp_path / "uit", partitioning="hive").to_table()
    assert sorted(found["id"].to_pylist()) == list(range(6))
