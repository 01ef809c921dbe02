"""The logic of the benchmark on Spark: rows, fit, targets, report. Nothing is measured here."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from benchmarks import peers
from benchmarks.results import Measured
from benchmarks.spark import memory, rows
from benchmarks.spark.contenders import (
    BESIDE_ITSELF,
    BESIDE_PEERS,
    FP32,
    INT8,
    LOCAL,
    ON_SPARK,
    PREDICT_BATCH,
    RECIPE,
    SPARK_NLP,
    SPARK_NLP_AS_IT_COMES,
)
from benchmarks.spark.report import markdown
from benchmarks.spark.results import SparkRun
from benchmarks.spark.rows import Amounts
from benchmarks.spark.scaling import Cluster, Fit, Point, break_even, estimate, fit
from benchmarks.spark.targets import targets
from benchmarks.texts import many_headlines
from hypothesis import given
from hypothesis import strategies as st

from abacus import ABACUS

COSTS = Fit(job=0.5, text=0.001, contention=0.1, task=0.05)
SIZES = Amounts().scale


def points(costs: Fit) -> list[Point]:
    """Jobs that took just what the model says."""
    return [
        Point(cores, texts, tasks, costs.seconds(cores, texts, tasks))
        for cores in (1, 2)
        for texts, tasks in SIZES
    ]


def test_seconds_counted_by_hand():
    assert COSTS.seconds(1, 1000, 10) == pytest.approx(0.5 + 1000 * 0.001 + 10 * 0.05)
    assert COSTS.seconds(2, 1000, 10) == pytest.approx(0.5 + (1000 * 0.0011 + 10 * 0.05) / 2)


@given(
    st.builds(
        Fit,
        job=st.floats(0.1, 2),
        text=st.floats(1e-4, 1e-2),
        contention=st.floats(0, 0.5),
        task=st.floats(0, 0.2),
    )
)
def test_the_fit_finds_the_costs_that_made_the_points(costs):
    found = fit(points(costs))
    for point in points(costs):
        assert found.seconds(point.cores, point.texts, point.tasks) == pytest.approx(point.seconds, rel=1e-6)
    assert (found.job, found.text) == pytest.approx((costs.job, costs.text), rel=1e-3)
    assert (found.contention, found.task) == pytest.approx((costs.contention, costs.task), abs=1e-3)


def test_noise_makes_no_cost_negative():
    noisy = [
        Point(p.cores, p.texts, p.tasks, p.seconds * (0.8 if p.cores == 2 else 1)) for p in points(COSTS)
    ]
    found = fit(noisy)
    assert found.contention == 0
    assert min(found.job, found.text, found.task) >= 0


def test_points_that_do_not_tell_the_costs_apart_are_refused():
    with pytest.raises(ValueError, match="on one core and on two"):
        fit([point for point in points(COSTS) if point.cores == 1])


def test_other_texts_between_the_same_costs():
    other = COSTS.with_text(COSTS.job + 3, 2, 1000, 8)
    assert other.seconds(2, 1000, 8) == pytest.approx(COSTS.job + 3)
    assert (other.job, other.task, other.contention) == (COSTS.job, COSTS.task, COSTS.contention)


CLUSTER = Cluster(model_bytes=100e6, start_seconds=5)


def test_an_estimate_counted_by_hand():
    # 100,000 texts in 20 tasks of 5,000 on 8 cores: 3 rounds of 5.55 s, the last 1.5 times as long.
    one = estimate(COSTS, CLUSTER, 100_000, 2)
    task = 5_000 * 0.0011 + 0.05
    assert one.work == pytest.approx(0.5 + 20 * task / 8)
    assert one.work + one.waiting == pytest.approx(0.5 + 3.5 * task)
    assert (one.start, one.model, one.driver) == (5, pytest.approx(0.8), 0)
    assert one.seconds == pytest.approx(0.5 + 3.5 * task + 5 + 0.8)
    assert one.core_hours == pytest.approx(one.seconds * 8 / 3600 * 10)
    assert one.cost == pytest.approx(one.core_hours * 0.05)


@given(st.integers(1, 500), st.integers(1, 3_000_000))
def test_no_part_of_an_estimate_is_negative_and_all_add_up(executors, texts):
    one = estimate(COSTS, CLUSTER, texts, executors)
    parts = (one.work, one.waiting, one.start, one.model, one.driver)
    assert min(parts) >= -1e-9
    assert sum(parts) == pytest.approx(one.seconds)


def test_more_executors_than_tasks_only_cost_more():
    tasks = 1_000_000 // CLUSTER.texts_per_task
    enough, more = (estimate(COSTS, CLUSTER, 1_000_000, n) for n in (tasks // 4, tasks))
    assert more.seconds >= enough.seconds
    assert more.core_hours > 3 * enough.core_hours


def test_where_a_document_costs_twice_its_work():
    found = break_even(COSTS, CLUSTER, 1_000_000)
    pure = COSTS.busy_text * 1e6 / 3600
    assert estimate(COSTS, CLUSTER, 1_000_000, found).core_hours > 2 * pure
    assert estimate(COSTS, CLUSTER, 1_000_000, found - 1).core_hours <= 2 * pure


def test_a_driver_that_launches_slowly_holds_up_a_cluster():
    slow = Cluster(model_bytes=0, start_seconds=0, launch_seconds=1.0, texts_per_task=100)
    assert estimate(COSTS, slow, 100_000, 100).driver > 900


def test_rows_are_the_texts_in_order_in_as_many_files(tmp_path):
    rows.write(tmp_path / "rows", [f"text {i}" for i in range(19)], 8)
    files = sorted((tmp_path / "rows").iterdir())
    sizes = [pq.read_metadata(file).num_rows for file in files]
    assert (len(sizes), sum(sizes), max(sizes) - min(sizes)) == (8, 19, 1)
    assert [row for file in files for row in pq.read_table(file)["id"].to_pylist()] == list(range(19))


def test_many_headlines_are_distinct_as_long_as_titles_and_the_same_every_time():
    found = many_headlines(20_000)
    assert len(set(found)) == len(found) == 20_000
    assert found == many_headlines(20_000) != many_headlines(20_000, seed=1)
    words = [sum(len(text.split()) for text in many_headlines(count)) / count for count in (3_000, 20_000)]
    assert words[1] == pytest.approx(words[0], rel=0.05)


def a_run(seconds: dict[str, float], **changes: object) -> SparkRun:
    """A run in which each contender took these seconds and gave the same labels."""
    run = SparkRun(ABACUS, [2, 3, 4], 50_000, 8, passes=1, **changes)
    for name, wall in seconds.items():
        one = Measured(name, name.startswith("rubriek"), weights=100)
        one.add_pass({"seconds": wall, "others": 0.0, "labels": ["a", "b", "b"]})
        one.start_seconds = {"session": 4.0, "first rows": 3.0}
        one.worker_pss = [300_000_000, 200_000_000]
        (run.beside_itself if name in (LOCAL, ON_SPARK) else run.beside_peers).append(one)
        run.model_bytes[name] = 100
    return run


WHOLE = {
    SPARK_NLP: 24.0,
    SPARK_NLP_AS_IT_COMES: 48.0,
    RECIPE.format(8): 40.0,
    RECIPE.format(32): 60.0,
    PREDICT_BATCH: 20.0,
    FP32: 8.0,
    INT8: 3.0,
    LOCAL: 10.0,
    ON_SPARK: 10.5,
}


def met(run: SparkRun) -> list[bool | None]:
    return [target.met for target in targets(run)]


def test_targets_met_and_missed():
    assert met(a_run(WHOLE)) == [True] * 8
    # The best recipe counts, not the slowest.
    assert met(a_run(WHOLE | {RECIPE.format(32): 14.0}))[:2] == [False, False]
    assert met(a_run(WHOLE | {SPARK_NLP: 17.9}))[2:6] == [True, True, False, False]
    assert met(a_run(WHOLE | {ON_SPARK: 11.01}))[6] is False
    run = a_run(WHOLE)
    run.find(INT8).worker_pss = [350_000_000]
    assert met(run)[7] is False


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert met(a_run({})) == [None] * 8
    assert "Not measured." in markdown(a_run({}))


def test_the_report_shows_every_figure_and_survives_its_json():
    run = a_run(WHOLE, points=points(COSTS), notes=["a note"], failed={"x": "cause"}, missing={"y": "line"})
    page = markdown(run)
    for part in (
        "| Spark NLP, 1 thread | 0.1 |",
        "| x | failed: cause |",
        "| y | not measured; install it: `line` |",
        "Spark adds +5.0%",
        "a job 0.50 s, a headline 1.000 ms",
        "10% more when both work, a task 50 ms",
        "300, 200",
        "a million documents",
        "2000-01-01",
    ):
        assert part in page
    assert markdown(SparkRun.from_dict(json.loads(json.dumps(run.to_dict())))) == page


def test_a_peer_that_is_not_installed_is_named_with_its_install_line(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    missing = {one.name: one.missing() for one in BESIDE_PEERS}
    assert missing[RECIPE.format(8)] == missing[SPARK_NLP] == "scripts/bench --peers"
    assert LOCAL in {one.name for one in BESIDE_ITSELF if one.missing() is None}


def test_only_what_the_daemon_forked_counts_as_a_worker():
    # A process that is called like Spark's daemon and forks one that waits, as the daemon does.
    daemon = (
        "import os, sys\n"
        "if os.fork() == 0:\n"
        "    print(os.getpid(), flush=True)\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    command = [sys.executable, "-c", daemon, "pyspark.daemon"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        found = memory.worker_pss(process.pid)
        with memory.watched(process.pid) as peaks:
            pass
        process.stdin.close()
    assert set(found) == set(peaks) == {worker}
    assert 1_000_000 < found[worker] < 1_000_000_000
