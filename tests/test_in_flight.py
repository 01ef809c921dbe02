"""Windows of sequences through an engine, without a pause between them."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import numpy as np
import pytest

from rubriek.batching import SPECIAL_TOKENS, cut
from rubriek.errors import BundleError, EngineError
from rubriek.in_flight import WAITING, run
from rubriek.options import Options
from rubriek.prepared import Prepared
from rubriek.statistics import Statistics
from rubriek.tokens import SpecialIds, Tokens

PATIENCE = 30
"""Seconds until a test fails that waits for a thread."""


class FirstIdEngine:
    """One batch at a time, a row in each; its logit is the first id of the row."""

    name, precision, threads, parallel, token_budget = "first", "fp32", 1, 1, 1

    def __init__(self) -> None:
        self.ran: list[int] = []
        self.reached = threading.Condition()

    def run(self, ids: np.ndarray, mask: np.ndarray, *, alone: bool = False) -> np.ndarray:
        assert len(ids) == 1
        with self.reached:
            self.ran.append(int(ids[0, 1]))
            self.reached.notify_all()
        return ids[:, 1:2].astype(np.float32)

    def wait_for(self, calls: int) -> None:
        with self.reached:
            assert self.reached.wait_for(lambda: len(self.ran) >= calls, PATIENCE)


def window(*texts: int) -> tuple[Prepared, Statistics]:
    """Make a window of texts of one piece each."""
    ids, offsets = np.array(texts, np.int32), np.arange(len(texts) + 1)
    sequences = cut(offsets, max_length=8, overflow="truncate", stride=None)
    counts = np.diff(offsets) + SPECIAL_TOKENS
    tokens = Tokens(ids, offsets, SpecialIds(0, 1, 2))
    return Prepared(tokens, sequences, None, counts, counts == 0, 8, Options()), Statistics()


def test_the_engine_goes_on_while_a_window_is_handed_out():
    engine = FirstIdEngine()
    windows = run(engine, iter([window(10, 11), window(20, 21, 22), window(30)]), labels=1)
    assert next(windows).logits.tolist() == [[10], [11]]
    engine.wait_for(5)
    assert engine.ran[:5] == [10, 11, 20, 21, 22]
    assert next(windows).logits.tolist() == [[20], [21], [22]]
    engine.wait_for(6)
    assert [each.logits.tolist() for each in windows] == [[[30]]]


def test_the_engine_goes_on_while_the_next_window_is_made():
    engine = FirstIdEngine()
    first = [10 + number for number in range(WAITING)]

    def windows():
        yield window(*first)
        engine.wait_for(len(first))
        yield window(20)

    found = [each.logits[:, 0].tolist() for each in run(engine, windows(), labels=1)]
    assert found == [first, [20]]


def test_no_more_batches_wait_than_are_meant_to():
    engine = FirstIdEngine()
    prepared, statistics = window(*range(30))
    most = 1 + 1 + WAITING  # one is collected, one runs

    def progressed(now: Statistics) -> None:
        if now.batches == 1:
            engine.wait_for(most)
            assert len(engine.ran) == most

    statistics.on_progress = progressed
    list(run(engine, [(prepared, statistics)], labels=1))
    assert statistics.batches == 30


def test_windows_without_sequences_come_in_their_turn():
    given = [window(), window(), window(10), window(), window(20), window()]
    found = [each.logits[:, 0].tolist() for each in run(FirstIdEngine(), given, labels=1)]
    assert found == [[], [], [10], [], [20], []]


def test_what_waits_is_given_up_when_a_batch_fails():
    class Failing(FirstIdEngine):
        def run(self, ids, mask, *, alone=False):
            super().run(ids, mask)
            if self.ran[-1] == 11:
                raise EngineError("out of order")
            return np.zeros((1, 1), np.float32)

    engine = Failing()
    with pytest.raises(EngineError, match="out of order"):
        list(run(engine, [window(*range(10, 100))], labels=1))
    assert engine.ran[:2] == [10, 11]
    assert len(engine.ran) <= 2 + 1 + WAITING


def test_what_waits_is_given_up_when_nobody_wants_it_any_more(monkeypatch):
    cancel, cancelled, given_up = Future.cancel, [], threading.Event()

    def noted(future):
        cancelled.append(cancel(future))
        if len(cancelled) == 3:
            given_up.set()

    monkeypatch.setattr(Future, "cancel", noted)

    class Slow(FirstIdEngine):
        def run(self, ids, mask, *, alone=False):
            logits = super().run(ids, mask)
            assert self.ran[-1] == 10 or given_up.wait(PATIENCE)
            return logits

    engine = Slow()
    windows = run(engine, iter([window(10), window(20, 21, 22)]), labels=1)
    next(windows)
    engine.wait_for(2)
    windows.close()
    assert engine.ran == [10, 20]
    assert cancelled == [False, True, True]


def test_a_single_logit_is_not_repeated_for_every_label():
    """Three labels got a score of a third each."""
    with pytest.raises(BundleError, match=r"expected: logits of shape \(rows, 3\)\n  found:    \(1, 1\)"):
        list(run(FirstIdEngine(), iter([window(10)]), labels=3))
