from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
import socket
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import asynccontextmanager

import numpy as np
import pytest
from benchmarks.peers import split
from benchmarks.serving import outcomes as figures
from benchmarks.serving.arrivals import mix, poisson
from benchmarks.serving.connection import pool, post
from benchmarks.serving.ideal import ideal_latencies
from benchmarks.serving.load import Target, closed_loop, open_loop
from benchmarks.serving.outcomes import Outcome, Stage, Texts, best_label, drift, quantile, summarise
from benchmarks.serving.picture import svg
from benchmarks.serving.report import markdown
from benchmarks.serving.results import Measured, Run
from benchmarks.serving.services import (
    LITSERVE,
    RUBRIEK,
    SERVICES,
    TEI,
    Running,
    Service,
    ServiceEnded,
    body_of,
)
from benchmarks.serving.stages import Load, Plan, all_stages
from benchmarks.serving.targets import targets
from benchmarks.texts import ARTICLES, LONGEST_HEADLINE, many_mixed_texts
from hypothesis import given
from hypothesis import strategies as st

from abacus import ABACUS

GOOD = json.dumps([{"score": 0.9, "label": "a"}, {"score": 0.1, "label": "b"}]).encode()
TEXTS = Texts(["kop", "x" * 200], [10, 190], ["a", "a"], longest_headline=150)
PATIENCE = 30.0
"""Far more than any test needs; none waits for it."""


# Arrivals


@given(st.floats(1, 1000), st.floats(0.01, 5), st.integers())
def test_arrivals_are_in_order_and_within_the_stage(rate, seconds, seed):
    times = poisson(rate, seconds, random.Random(seed))
    assert times == sorted(times)
    assert all(0 <= time < seconds for time in times)


def test_arrivals_are_a_poisson_process():
    times = poisson(50.0, 400.0, random.Random(7))
    # 20,000 expected, standard deviation 141; the seed is fixed, so this holds always or never
    assert len(times) == pytest.approx(20_000, abs=600)
    gaps = np.diff(times)
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # of exponential gaps, and of no regular ones
    assert np.corrcoef(gaps[:-1], gaps[1:])[0, 1] == pytest.approx(0, abs=0.03)


def test_the_mix_asks_about_every_text_once_before_any_comes_again():
    order = mix(range(50), random.Random(1))
    first, second = (list(itertools.islice(order, 50)) for _ in range(2))
    assert sorted(first) == list(range(50)) != first
    assert first == second


def test_a_flood_has_distinct_texts_in_the_proportion_of_the_mix():
    texts = many_mixed_texts(920)
    assert len(set(texts)) == 920
    assert sum(len(text) > LONGEST_HEADLINE for text in texts) == 2 * ARTICLES
    assert texts == many_mixed_texts(920) != many_mixed_texts(920, seed=1)


def test_a_perfect_queue_has_the_latencies_of_theory():
    # Equal texts at half the capacity: M/D/1. Half of all wait for nothing, so p50 is the service itself;
    # by Erlang's distribution of the waiting time, p99 is 4.337 services.
    p50, p99 = ideal_latencies([10], rate=5.0, pieces_per_second=100.0)
    assert p50 == pytest.approx(0.1, rel=0.02)
    assert p99 == pytest.approx(0.4337, rel=0.05)


# Figures


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200),
    st.floats(0, 1, exclude_min=True),
)
def test_a_quantile_is_the_smallest_value_that_the_share_does_not_exceed(values, share):
    assert quantile(values, share) == np.quantile(values, share, method="inverted_cdf")


def test_a_quantile_of_nothing_is_not_a_number():
    assert math.isnan(quantile([], 0.5))


def test_latency_counts_from_the_intended_time_and_lateness_is_reported():
    outcome = Outcome(0, intended=1.0, sent=1.5, ended=2.0, status=200, label="a")
    assert outcome.latency == 1.0
    stage = summarise("50%", [outcome], TEXTS, seconds=5.0, offered=1.0)
    assert stage.latency(0.5) == 1.0
    assert stage.late == 0.5


@given(st.lists(st.sampled_from([200, 429, 500, 503, None, "broken"]), max_size=60))
def test_every_request_has_one_fate(statuses):
    outcomes = [
        Outcome(0, 0.0, 0.0, math.nan if status is None else 1.0, status if status != "broken" else None)
        for status in statuses
    ]
    stage = summarise("100%", outcomes, TEXTS, seconds=5.0, offered=1.0)
    assert stage.requests == len(statuses)
    assert stage.fates == {
        "good": statuses.count(200),
        "refused": statuses.count(429),
        "failed": sum(statuses.count(status) for status in (500, 503, "broken")),
        "unanswered": statuses.count(None),
    }
    assert sum(stage.errors.values()) == stage.fates["failed"]
    assert stage.lost == len(statuses) - statuses.count(200) - statuses.count(429)


def test_throughput_counts_pieces_of_good_answers_after_the_warm_up_and_before_the_end():
    def answered(text: int, ended: float, status: int = 200) -> Outcome:
        return Outcome(text, 0.0, 0.0, ended, status, "a")

    outcomes = [
        answered(1, 1.9),
        answered(0, 2.0),
        answered(1, 9.0),
        answered(1, 10.5),
        answered(1, 5.0, 429),
    ]
    # pieces 10 + 190 within 8 s; the average text has 100
    assert summarise("50%", outcomes, TEXTS, seconds=10.0, offered=1.0).throughput == 2.0 / 8.0
    # clients that wait are served from the first second: 190 + 10 + 190 within 10 s
    assert summarise("1 client", outcomes, TEXTS, seconds=10.0).throughput == pytest.approx(0.39)


def test_latencies_are_told_apart_by_kind_and_wrong_labels_counted():
    outcomes = [Outcome(0, 0.0, 0.0, 0.1, 200, "a"), Outcome(1, 0.0, 0.0, 0.7, 200, "b")]
    stage = summarise("50%", outcomes, TEXTS, seconds=1.0, offered=1.0)
    assert (stage.latency(0.99, "headlines"), stage.latency(0.99, "articles")) == (0.1, 0.7)
    assert (stage.checked, stage.wrong) == (2, 1)
    unknown = Texts(TEXTS.texts, TEXTS.pieces, ["a"], longest_headline=150)
    stage = summarise("50%", outcomes, unknown, seconds=1.0, offered=1.0)
    assert (stage.checked, stage.wrong) == (1, 0)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"7", b'[{"label": "a"}]', b"\xff", b'["a"]'])
def test_what_is_no_answer_has_no_label(body):
    assert best_label(body) is None


def test_the_best_label_is_found_in_any_order():
    assert best_label(GOOD) == best_label(json.dumps(json.loads(GOOD)[::-1]).encode()) == "a"


def test_drift_leaves_out_the_warm_up():
    assert drift([1.0] * 10 + [100.0] * 80 + [103.0] * 10) == pytest.approx(0.03)
    assert drift([1.0] * 40 + [100.0] * 10 + [7.0] * 40 + [102.0] * 10, 0.4) == pytest.approx(0.02)
    assert math.isnan(drift([1.0] * 9))


# The generator, against a server whose answers are known


@asynccontextmanager
async def server(answers):
    """A server on loopback; ``answers(number, body)`` gives the bytes of an answer, None to break off."""
    numbers = itertools.count()
    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length:")[1].split()[0])
            answer = answers(next(numbers), await reader.readexactly(length))
            if answer is None:
                break
            if isinstance(answer, asyncio.Event):
                await answer.wait()
            else:
                writer.write(answer)

    async def connected(reader, writer):
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1], writers
    finally:
        listening.close()
        for writer in writers:
            writer.close()


def http(status: int, body: bytes = b"", header: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{header}Content-Length: {len(body)}\r\n\r\n".encode() + body


def target(port: int) -> Target:
    return Target(port, [post(port, "/predict", body_of(text)) for text in TEXTS.texts * 2])


def test_an_open_loop_accounts_for_every_request_whatever_the_answer():
    kinds = [http(200, GOOD), http(429), http(500), None, b"not HTTP at all\r\n\r\n"]

    async def run():
        async with server(lambda number, _: kinds[number % len(kinds)]) as (port, _):
            arrivals = [number / 1000 for number in range(50)]
            return await open_loop(target(port), arrivals, itertools.cycle([0, 1]), PATIENCE)

    outcomes = asyncio.run(run())
    assert [outcome.intended for outcome in outcomes] == [number / 1000 for number in range(50)]
    assert [outcome.text for outcome in outcomes] == [0, 1] * 25
    fates = [outcome.fate for outcome in outcomes]
    assert {fate: fates.count(fate) for fate in set(fates)} == {"good": 10, "refused": 10, "failed": 30}
    assert {outcome.label for outcome in outcomes if outcome.fate == "good"} == {"a"}


def test_requests_without_an_answer_are_counted_and_hold_up_nobody():
    async def run():
        never = asyncio.Event()
        async with server(lambda number, _: never if number % 2 else http(200, GOOD)) as (port, _):
            outcomes = await open_loop(target(port), [0.0] * 20, itertools.repeat(0), patience=1.0)
            never.set()
            return outcomes

    fates = [outcome.fate for outcome in asyncio.run(run())]
    assert (fates.count("good"), fates.count("unanswered")) == (10, 10)


def test_an_open_loop_does_not_wait_for_answers_before_it_sends_more():
    async def run():
        all_here = asyncio.Event()
        async with server(lambda number, _: all_here.set() if number == 9 else all_here) as (port, writers):
            loop = asyncio.create_task(
                open_loop(target(port), [0.0] * 10, itertools.repeat(0), patience=PATIENCE)
            )
            await asyncio.wait_for(all_here.wait(), PATIENCE)
            assert len(writers) == 10
            loop.cancel()

    asyncio.run(run())


def test_a_closed_loop_asks_about_each_text_once_and_no_more_at_a_time_than_clients():
    asked = []

    def answer(_, body):
        asked.append(json.loads(body)["inputs"])
        return http(200, GOOD)

    async def run():
        async with server(answer) as (port, writers):
            return await closed_loop(target(port), [0, 1] * 10, 3, PATIENCE), len(writers)

    outcomes, connections = asyncio.run(run())
    assert sorted(asked) == sorted(TEXTS.texts * 10)
    assert [outcome.fate for outcome in outcomes] == ["good"] * 20
    assert connections <= 3


def test_a_closed_loop_leaves_out_what_was_never_asked():
    async def run():
        never = asyncio.Event()
        async with server(lambda *_: never) as (port, _):
            outcomes = await closed_loop(target(port), [0] * 10, 2, patience=0.2)
            never.set()
            return outcomes

    assert [outcome.fate for outcome in asyncio.run(run())] == ["unanswered"] * 2


def test_connections_are_kept_and_those_that_the_server_closes_are_not_used_again():
    closing = "Connection: close\r\n"

    async def run():
        async with (
            server(lambda number, _: http(200, GOOD, closing if number == 2 else "")) as (port, writers),
            pool(port) as connections,
        ):
            answers = [await connections.ask(target(port).requests[0]) for _ in range(6)]
            return answers, len(writers)

    answers, connections = asyncio.run(run())
    assert {(answer.status, answer.body) for answer in answers} == {(200, GOOD)}
    assert connections == 2


def test_an_answer_in_chunks_is_put_together():
    chunked = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n"

    async def run():
        async with server(lambda *_: chunked) as (port, _), pool(port) as connections:
            return await connections.ask(target(port).requests[0])

    assert asyncio.run(run()).body == b"abcdefg"


def test_a_fault_of_the_generator_itself_is_not_taken_for_an_answer(monkeypatch):
    async def run():
        async with server(lambda *_: http(200, GOOD)) as (port, _):
            await open_loop(Target(port, requests=[]), [0.0], itertools.repeat(0), PATIENCE)

    with pytest.raises(IndexError):
        asyncio.run(run())


# Services


def a_service(program: str) -> Service:
    return Service("test", "base", "fp32", lambda model, port: [sys.executable, "-c", program, str(port)])


ANSWERING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'[{"score": 0.9, "label": "a"}]'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer.request_queue_size = 1000
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_service_goes_through_all_stages_and_is_gone_afterwards(tmp_path):
    told: list[Stage] = []
    texts = Texts(TEXTS.texts * 2, TEXTS.pieces * 2, TEXTS.labels, TEXTS.longest_headline)
    plan = Plan(closed=6, shares=(0.7, 1.0), seconds=0.1, long_seconds=0.1, patience=PATIENCE)
    with (tmp_path / "log").open("w") as log, Running(a_service(ANSWERING), tmp_path, log) as running:
        load = Load(target(running.port), running.process.pid, texts, plan, told.append)
        stages = list(all_stages(load, overload=True))
        assert stages == told
    names = ["1 client", "32 clients", "saturation", "70%", "100%", "3 x overload"]
    assert [stage.name for stage in stages] == names
    assert all(stage.lost == stage.wrong == 0 for stage in stages)
    assert all(stage.memory[0] > 1e6 for stage in stages)
    assert running.process.poll() is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port))


def test_a_service_that_does_not_start_is_told_and_its_words_are_in_the_log(tmp_path):
    with (
        (tmp_path / "log").open("w") as log,
        pytest.raises(ServiceEnded, match="exit status 1"),
        Running(a_service("raise SystemExit('no such model')"), tmp_path, log),
    ):
        pass
    assert "no such model" in (tmp_path / "log").read_text()


def test_a_peer_that_is_not_installed_is_named_with_its_install_line(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.peers.ENVIRONMENTS", tmp_path)
    monkeypatch.setenv("RUBRIEK_SHARED", str(tmp_path))
    present, missing = split(SERVICES)
    assert len(present) == 4
    assert all(service.is_rubriek for service in present)
    assert missing[f"{LITSERVE}: base fp32"] == "scripts/bench --peers"
    assert f"| {LITSERVE}: base fp32 | not measured; install it: `scripts/bench --peers` |" in markdown(
        a_run(missing=missing)
    )


def test_every_service_has_a_name_of_its_own():
    assert len({service.name for service in SERVICES}) == len(SERVICES)


# Report


def a_stage(name: str, throughput: float, **changes) -> Stage:
    stage = Stage(
        name,
        offered=None if "client" in name else throughput,
        seconds=10.0,
        fates={"good": 100, "refused": 0, "failed": 0, "unanswered": 0},
        errors={},
        throughput=throughput,
        latencies={kind: [0.01, 0.02, 0.025] for kind in ("all", "headlines", "articles")},
        checked=100,
        wrong=0,
        late=0.001,
        cpu={"service": 0.9, "generator": 0.02, "others": 0.01},
        memory=[1e8] * 40,
    )
    for key, value in changes.items():
        setattr(stage, key, value)
    return stage


def a_run(**changes) -> Run:
    """A run in which rubriek met every target, and text-embeddings-inference did what it does."""
    refused = {"good": 100, "refused": 200, "failed": 0, "unanswered": 0}
    stages = [
        *(a_stage(name, 45.0) for name in ("1 client", "32 clients", "saturation", "100%")),
        a_stage("70%", 31.0),
        a_stage("3 x overload", 44.0, offered=135.0, fates=refused),
        a_stage("soak, 20 min at 70%", 31.0),
    ]
    ours = Measured(f"{RUBRIEK}: base fp32", "rubriek 0", stages, [46.0, 48.0, 47.0], (0.01, 0.06))
    theirs = Measured(f"{TEI}: base fp32", "1.9.3", [a_stage("32 clients", 6.5), a_stage("70%", 10.0)])
    return Run(ABACUS, 460, 60, False, {"base": 48.2}, [ours, theirs], **changes)


def met(run: Run) -> dict[str, bool | None]:
    return {target.promise: target.met for target in targets(run)}


def test_all_targets_are_there_and_met():
    found = met(a_run())
    assert len(found) == 8
    assert set(found.values()) == {True}
    assert any("a perfect queue: 6.0 x" in target.measured for target in targets(a_run()))


@pytest.mark.parametrize(
    ("stage", "changes", "promise"),
    [
        ("32 clients", {"throughput": 19.4}, "text-embeddings-inference"),
        ("70%", {"latencies": {"all": [0.01, 0.02, 0.031]}}, "p99 at 70%"),
        ("3 x overload", {"throughput": 38.0}, "85 % of the peak"),
        ("3 x overload", {"fates": {"good": 300, "refused": 0, "failed": 0, "unanswered": 0}}, "gets 429"),
        ("3 x overload", {"fates": {"good": 1, "refused": 9, "failed": 0, "unanswered": 1}}, "gets 429"),
        ("100%", {"fates": {"good": 1, "refused": 9, "failed": 1, "unanswered": 0}}, "has its answer"),
        ("3 x overload", {"memory": [1e8] * 30 + [1.03e8] * 10}, "memory level"),
        ("soak, 20 min at 70%", {"memory": [1e8] * 30 + [1.03e8] * 10}, "memory drift"),
    ],
)
def test_a_target_that_is_missed_is_said_to_be(stage, changes, promise):
    run = a_run()
    for key, value in changes.items():
        setattr(run.measured[0].find(stage), key, value)
    assert [value for name, value in met(run).items() if promise in name] == [False]


def test_sustained_throughput_is_judged_against_the_median_of_the_local_passes():
    run = a_run()
    assert run.measured[0].sustained == 45.0
    run.measured[0].local = [46.0, 51.0, 52.0]
    assert met(run)["base fp32: sustained throughput >= 90 % of the local classifier"] is False


def test_what_was_not_measured_is_neither_met_nor_missed():
    run = a_run()
    del run.measured[1]
    assert met(run)["fp32, 32 clients: >= 3 x text-embeddings-inference"] is None


def test_a_run_survives_its_json():
    run = a_run()
    again = Run.from_dict(json.loads(json.dumps(run.to_dict())))
    assert markdown(again) == markdown(run)
    assert svg(again) == svg(run)


def test_the_report_names_lost_requests_a_disturbed_stage_and_a_late_generator():
    run = a_run()
    run.quick = True
    stage = run.measured[0].find("100%")
    stage.fates["failed"], stage.cpu["others"], stage.late = 7, 0.2, 0.009
    stage.errors = {"500": 6, "broken": 1}
    page = markdown(run)
    assert "| **7** |" in page
    assert "Lost in 100%: 6 500, 1 broken." in page
    assert "**20.0%**" in page
    assert "The generator was late in: 100% (9.0 ms)." in page
    assert "A quick run" in page


def test_the_picture_shows_the_rising_rates_of_every_service():
    run = a_run()
    picture = ElementTree.fromstring(svg(run))
    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.get("points").split()) for line in lines] == [2, 2, 1, 1]  # p50 and p99 of each
    names = [text.text for text in picture.findall("{http://www.w3.org/2000/svg}text")]
    assert {one.name for one in run.measured} < set(names)
    run.measured = []
    assert "Nothing was measured" in svg(run)


def test_every_kind_of_text_has_its_latencies():
    stage = summarise("50%", [], TEXTS, seconds=1.0, offered=1.0)
    assert [len(found) for found in stage.latencies.values()] == [len(figures.QUANTILES)] * 3
