from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest

from rubriek.classifier import Classifier
from rubriek.errors import EngineError
from rubriek.server.scheduler import Scheduler

PATIENCE = 30


class Gate:
    """An engine whose calls wait until they are let through; it can be told to fail."""

    name, precision, threads, token_budget = "gate", "fp32", 1, 64

    def __init__(self, labels: int, parallel: int = 1, *, closed: bool = True) -> None:
        self.labels, self.parallel = labels, parallel
        self.batches: list[list[list[int]]] = []
        self.alone: list[bool] = []
        self.fails_on: int | None = None
        self._let = threading.Semaphore(0 if closed else 10**6)
        self._entered = threading.Condition()

    def run(self, ids: np.ndarray, mask: np.ndarray, *, alone: bool = False) -> np.ndarray:
        rows = [row[real == 1].tolist() for row, real in zip(ids, mask, strict=True)]
        with self._entered:
            self.batches.append(rows)
            self.alone.append(alone)
            self._entered.notify_all()
        assert self._let.acquire(timeout=PATIENCE)
        if any(self.fails_on in row for row in rows):
            raise RuntimeError("the engine broke")
        total = (ids * mask).sum(axis=1, keepdims=True)
        return np.sin(total + np.arange(self.labels)).astype(np.float32)

    def let(self, calls: int = 1) -> None:
        self._let.release(calls)

    def entered(self, calls: int) -> None:
        with self._entered:
            assert self._entered.wait_for(lambda: len(self.batches) >= calls, PATIENCE), self.batches


class Asked:
    """A request that is under way."""

    def __init__(self, classifier: Classifier, scheduler: Scheduler, *texts: str) -> None:
        self.prepared = classifier.prepare(pa.array(texts))
        self.event = threading.Event()
        self.classifier = classifier
        self.ticket = scheduler.submit(self.prepared, self.event.set)

    def answers(self) -> list[dict[str, object]]:
        assert self.event.wait(PATIENCE)
        if self.ticket.error is not None:
            raise self.ticket.error
        return self.classifier.finish(self.prepared, self.ticket.logits)


@pytest.fixture
def gated(tiny_a):
    """Makes a classifier on a gated engine, and its scheduler; all gates are opened at the end."""
    made = []

    def make(*, parallel: int = 1, closed: bool = True, **settings):
        gate = Gate(len(tiny_a.labels), parallel, closed=closed)
        classifier = Classifier(tiny_a, gate)
        scheduler = Scheduler(gate, len(tiny_a.labels), **{"limit": 10_000, **settings})
        made.append((gate, scheduler))
        return gate, classifier, scheduler

    yield make
    for gate, scheduler in made:
        gate.let(10**6)
        scheduler.close(PATIENCE)


TEXTS = [f"De koning opent museum {number} " * (1 + number % 3) for number in range(30)]


def test_it_answers_what_the_classifier_answers(gated):
    _, classifier, scheduler = gated(parallel=2, closed=False)
    asked = [Asked(classifier, scheduler, text) for text in TEXTS] + [Asked(classifier, scheduler, *TEXTS)]
    wanted = classifier.predict(TEXTS)["score"].to_pylist()
    assert [one.answers()[0]["score"] for one in asked[:-1]] == pytest.approx(wanted, abs=1e-6)
    assert [answer["score"] for answer in asked[-1].answers()] == pytest.approx(wanted, abs=1e-6)


def test_what_comes_while_the_engine_is_busy_is_run_together(gated):
    gate, classifier, scheduler = gated()
    first = Asked(classifier, scheduler, "Beurs")
    gate.entered(1)
    others = [Asked(classifier, scheduler, f"Beurs {number}") for number in range(5)]
    gate.let(2)
    for one in [first, *others]:
        one.answers()
    assert [len(batch) for batch in gate.batches] == [1, 5]


def test_only_a_batch_beside_which_nothing_runs_or_waits_is_alone(gated):
    gate, classifier, scheduler = gated(parallel=2)
    first = Asked(classifier, scheduler, "Beurs")
    gate.entered(1)
    second = Asked(classifier, scheduler, "Beurs sluit hoger")
    gate.entered(2)
    gate.let(2)
    for one in (first, second):
        one.answers()
    several = Asked(classifier, scheduler, *TEXTS)
    gate.let(1000)
    several.answers()
    assert gate.alone[:3] == [True, False, False]


def test_a_small_request_does_not_wait_for_a_big_one_before_it(gated):
    gate, classifier, scheduler = gated(clock=lambda: 0.0)  # a busy machine must not let it come later
    big = Asked(classifier, scheduler, *(f"{text} {place}" for place, text in enumerate(TEXTS * 10)))
    gate.entered(1)
    small = Asked(classifier, scheduler, "Beurs")
    for calls in range(2, 6):
        gate.let()
        gate.entered(calls)
        if small.event.is_set():
            break
    assert small.event.wait(0)
    assert not big.event.is_set()
    gate.let(10**4)
    assert len(big.answers()) == 300


def test_a_long_text_does_not_wait_for_ever_for_short_ones(gated):
    gate, classifier, scheduler = gated()
    Asked(classifier, scheduler, "Zon")
    gate.entered(1)
    long = Asked(classifier, scheduler, "koning " * 60)
    for calls in range(2, 400):
        Asked(classifier, scheduler, f"Beurs {calls}")
        Asked(classifier, scheduler, f"Regen {calls}")
        gate.let()
        gate.entered(calls)
        if long.event.is_set():
            return
    pytest.fail("it was never its turn")


def test_the_same_text_in_flight_is_computed_once(gated):
    gate, classifier, scheduler = gated()
    first = Asked(classifier, scheduler, "Zon")
    gate.entered(1)
    running = Asked(classifier, scheduler, "Zon")
    waiting = [Asked(classifier, scheduler, "Beurs sluit", "Zon") for _ in range(3)]
    gate.let(2)
    answers = [one.answers() for one in (first, running, *waiting)]
    assert sum(map(len, gate.batches)) == 2
    assert answers[0] == answers[1]
    assert answers[2] == answers[3] == answers[4]
    assert answers[2][1] == answers[0][0]


def test_a_cache_answers_what_was_answered_before_whatever_the_options(gated):
    gate, classifier, scheduler = gated(closed=False, cache=2)
    one = Asked(classifier, scheduler, "Zon").answers()
    assert Asked(classifier, scheduler, "Zon").answers() == one
    assert len(gate.batches) == 1
    for text in ("Beurs", "Regen"):
        Asked(classifier, scheduler, text).answers()
    Asked(classifier, scheduler, "Zon").answers()
    assert len(gate.batches) == 4


def test_without_a_cache_nothing_is_kept(gated):
    gate, classifier, scheduler = gated(closed=False)
    for _ in range(2):
        Asked(classifier, scheduler, "Zon").answers()
    assert len(gate.batches) == 2


def test_a_batch_that_fails_fails_its_requests_and_no_others(gated, tiny_a):
    gate, classifier, scheduler = gated()
    bad_piece = int(classifier.tokenizer.tokenize(["geld"]).ids[0])
    gate.fails_on = bad_piece
    before = Asked(classifier, scheduler, "Zon")
    gate.entered(1)
    long = "koning " * 40
    bad = Asked(classifier, scheduler, f"geld {long}", *(f"{long} {number}" for number in range(20)))
    good = Asked(classifier, scheduler, "Beurs sluit hoger")
    gate.let(10**4)
    assert before.answers()
    assert good.answers()
    with pytest.raises(RuntimeError, match="the engine broke"):
        bad.answers()
    assert scheduler.waiting_tokens == 0
    assert Asked(classifier, scheduler, "Zon").answers() == before.answers()


def test_cancelled_requests_are_dropped_unless_others_wait_for_the_same(gated):
    gate, classifier, scheduler = gated()
    Asked(classifier, scheduler, "Zon")
    gate.entered(1)
    gone = Asked(classifier, scheduler, "Beurs", "Regen")
    stays = Asked(classifier, scheduler, "Regen")
    scheduler.cancel(gone.ticket)
    scheduler.cancel(gone.ticket)
    gate.let(10)
    assert stays.answers()
    scheduler.close(PATIENCE)
    assert sum(map(len, gate.batches)) == 2
    assert not gone.event.is_set()


def test_the_queue_is_bounded_but_never_shut_when_it_is_empty(gated):
    gate, classifier, scheduler = gated(limit=50)
    assert scheduler.reserve(1000)
    assert not scheduler.reserve(1)
    scheduler.release(1000)
    Asked(classifier, scheduler, "Zon")
    gate.entered(1)
    Asked(classifier, scheduler, "koning " * 20)
    held = scheduler.waiting_tokens
    assert 20 <= held <= 50
    assert scheduler.reserve(50 - held)
    assert not scheduler.reserve(1)
    told = threading.Event()
    assert not scheduler.reserve(1, otherwise=told.set)
    gate.let(10)
    assert told.wait(PATIENCE)


def test_room_that_is_given_back_is_told(gated):
    _, _, scheduler = gated(limit=50)
    assert scheduler.reserve(40)
    told = threading.Event()
    assert not scheduler.reserve(20, otherwise=told.set)
    assert not told.is_set()
    scheduler.release(40)
    assert told.wait(PATIENCE)


def test_who_waits_for_room_comes_before_who_does_not(gated):
    _, _, scheduler = gated(limit=50)
    assert scheduler.reserve(30)
    assert not scheduler.reserve(25, otherwise=lambda: None)
    assert not scheduler.reserve(1)
    scheduler.release(30)
    assert scheduler.reserve(25, otherwise=lambda: None)
    assert scheduler.reserve(25)


def test_an_engine_that_gives_something_else_fails_its_requests_and_goes_on(gated):
    gate, classifier, scheduler = gated(closed=False)
    gate.labels = 2
    with pytest.raises(EngineError, match="another shape"):
        Asked(classifier, scheduler, "Zon").answers()
    gate.labels = len(classifier.labels)
    assert Asked(classifier, scheduler, "Zon").answers()


def test_closing_finishes_what_waits_and_refuses_more(gated):
    gate, classifier, scheduler = gated()
    asked = [Asked(classifier, scheduler, text) for text in TEXTS]
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    gate.let(10**4)
    closing.join(PATIENCE)
    assert all(one.answers() for one in asked)
    with pytest.raises(Exception, match="closed"):
        Asked(classifier, scheduler, "te laat").answers()
