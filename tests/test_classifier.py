from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rubriek
from rubriek import frames
from rubriek.classifier import Classifier
from rubriek.errors import ColumnError, EngineError, InputError, OptionError, TextTooLongError
from rubriek.options import Options
from rubriek.statistics import Statistics

WORDS = [
    "de",
    "minister",
    "koning",
    "beurs",
    "Utrecht",
    "zegt",
    "dat",
    "geld",
    "naar",
    "onderwijs",
    "ë",
    "’s",
]
texts_of_words = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)
lists_of_texts = st.lists(st.none() | texts_of_words, min_size=1, max_size=25)
shared_model = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class SumEngine:
    """Logits that follow from a row's real ids alone, so that every answer can be worked out by hand."""

    name, precision, threads, parallel, token_budget = "sum", "fp32", 2, 2, 64

    def __init__(self, labels: int) -> None:
        self.labels = labels
        self.rows: list[list[int]] = []
        self.alone: list[bool] = []
        self._lock = threading.Lock()

    def run(self, ids: np.ndarray, mask: np.ndarray, *, alone: bool = False) -> np.ndarray:
        with self._lock:
            self.alone.append(alone)
            self.rows += [row[real == 1].tolist() for row, real in zip(ids, mask, strict=True)]
        total = (ids * mask).sum(axis=1, keepdims=True)
        return np.sin(total + np.arange(self.labels)).astype(np.float32)


@pytest.fixture(scope="module")
def classifier(tiny_a) -> Classifier:
    return rubriek.load(tiny_a.folder)


@pytest.fixture
def by_hand(tiny_a) -> Classifier:
    return Classifier(tiny_a, SumEngine(len(tiny_a.labels)))


def with_type(bundle, problem_type: str, **changes):
    return dataclasses.replace(bundle, problem_type=problem_type, **changes)


def test_one_text_gives_one_prediction(classifier):
    answer = classifier.predict("De minister zegt dat er meer geld naar onderwijs gaat.")
    assert answer.label in classifier.labels
    assert answer.score == max(answer.scores.values())
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-5)
    assert list(answer.scores) == list(classifier.labels)
    assert (answer.truncated, answer.windows, answer.empty) == (False, 1, False)


@shared_model
@given(lists_of_texts, st.randoms(use_true_random=False), st.integers(8, 300))
def test_scores_do_not_depend_on_the_neighbours(classifier, texts, random, budget):
    alone = [classifier.predict([text])["scores"].to_pylist()[0] for text in texts]
    order = list(range(len(texts)))
    random.shuffle(order)
    together = classifier.predict([texts[index] for index in order], token_budget=budget)[
        "scores"
    ].to_pylist()
    for place, index in enumerate(order):
        if texts[index] is None:
            assert together[place] is alone[index] is None
        else:
            assert together[place] == pytest.approx(alone[index], abs=1e-5)


@shared_model
@given(lists_of_texts)
def test_every_row_has_its_own_answer_in_order(by_hand, texts):
    answers = by_hand.predict(texts)
    assert [answer.tokens is None for answer in answers] == [text is None for text in texts]
    for text, answer in zip(texts, answers, strict=True):
        assert answer == (by_hand.predict([text])[0])


def test_duplicates_are_answered_once_and_counted(by_hand):
    answers = by_hand.predict(["koning", "beurs", "koning", None, "koning"])
    assert len(by_hand.engine.rows) == 2
    assert answers[0] == answers[2] == answers[4]
    counts = answers.statistics
    assert (counts.documents, counts.nulls, counts.duplicates, counts.windows) == (5, 1, 2, 2)


def test_statistics_count_what_went_through_the_engine(by_hand):
    answers = by_hand.predict(["koning beurs", "beurs", "", "  ", None], token_budget=1000)
    counts = answers.statistics
    assert counts.tokens == sum(len(row) for row in by_hand.engine.rows)
    assert counts.empty == 2
    assert sum(counts.labels.values()) == 4
    assert counts.batches >= 1


def test_empty_texts_are_read_as_cls_sep_and_marked(by_hand, tiny_a):
    answers = by_hand.predict(["", " \t\n", "koning"])
    assert by_hand.engine.rows.count([tiny_a.cls_id, tiny_a.sep_id]) == 2
    assert answers["empty"].to_pylist() == [True, True, False]
    assert answers["tokens"].to_pylist()[:2] == [2, 2]
    assert answers[0].label is not None


def test_null_texts_give_null_columns(classifier):
    (answer,) = classifier.predict([None])
    assert all(value is None for value in dataclasses.asdict(answer).values())
    answers = classifier.predict([])
    assert len(answers) == len(answers[:3]) == 0
    assert repr(answers) == "Predictions(0 texts: )"


def test_truncation_is_said(by_hand):
    text = " ".join(["koning"] * 50)
    whole = by_hand.predict(text)
    cut = by_hand.predict(text, max_length=10)
    assert (whole.truncated, cut.truncated) == (False, True)
    assert whole.tokens == cut.tokens > 10
    assert len(by_hand.engine.rows[-1]) == 10


def test_too_long_texts_are_an_error_where_asked_for(by_hand):
    with pytest.raises(TextTooLongError, match="row 1: 'koning"):
        by_hand.predict(["kort", "koning " * 50], max_length=10, overflow="error")
    assert by_hand.engine.rows == []


def test_windows_are_read_whole_and_averaged(by_hand):
    text = " ".join(itertools.islice(itertools.cycle(WORDS), 40))
    answer = by_hand.predict(text, max_length=12, overflow="windows", stride=5, window_scores=True)
    assert answer.truncated is False
    assert answer.windows == len(answer.window_scores) == len(by_hand.engine.rows) > 1
    for label in by_hand.labels:
        mean = np.mean([window[label] for window in answer.window_scores])
        assert answer.scores[label] == pytest.approx(mean, abs=1e-6)


def test_top_k(classifier):
    answer = classifier.predict("koning", top_k=3)
    assert [entry["label"] for entry in answer.top] == sorted(
        answer.scores, key=lambda label: -answer.scores[label]
    )[:3]
    assert len(classifier.predict("koning", top_k=99).top) == len(classifier.labels)


def test_multi_label_gives_every_label_over_the_threshold(tiny_a):
    bundle = with_type(tiny_a, "multi_label_classification", threshold=0.5)
    classifier = Classifier(bundle, SumEngine(9))
    answer = classifier.predict("koning")
    assert answer.labels == [label for label, score in answer.scores.items() if score >= 0.5]
    assert classifier.predict("koning", threshold=0.0).labels == list(bundle.labels)
    assert classifier.predict("koning", threshold=1.0).labels == []
    own = dataclasses.replace(bundle, threshold=tuple([0.0] + [1.0] * 8))
    assert Classifier(own, SumEngine(9)).predict("koning").labels == [bundle.labels[0]]


def test_regression_gives_the_value_itself(tiny_a):
    bundle = with_type(tiny_a, "regression", labels=("sterren",))
    answer = Classifier(bundle, SumEngine(1)).predict("koning")
    assert answer.label == "sterren"
    assert answer.score == answer.scores["sterren"]
    assert -1 <= answer.score <= 1


def test_one_label_alone_is_no_regression(tiny_a):
    bundle = with_type(tiny_a, "multi_label_classification", labels=("spam",))
    answer = Classifier(bundle, SumEngine(1)).predict("koning")
    assert 0 < answer.score < 1


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_every_kind_of_frame_has_the_same_scores(classifier, kind):
    texts = ["koning", None, "beurs"]
    frame = kind({"text": texts})
    result = classifier.predict(frame, text_column="text")
    assert type(result) is type(frame)
    scores = pl.DataFrame(result)["score"].to_list() if kind is not pd.DataFrame else result["score"].tolist()
    wanted = classifier.predict(texts)["score"].to_pylist()
    assert scores[0] == wanted[0]
    assert scores[2] == wanted[2]
    assert scores[1] is None or np.isnan(scores[1])


def test_predictions_are_a_sequence_over_arrow_columns(classifier):
    answers = classifier.predict(["koning", "beurs", "Utrecht"])
    assert [answer.label for answer in answers] == answers["label"].to_pylist()
    assert answers[-1] == answers[2]
    assert list(answers[::-1]) == list(answers)[::-1]
    assert pa.table(answers).num_rows == answers.to_pandas().shape[0] == answers.to_polars().height == 3
    assert repr(answers).startswith("Predictions(3 texts: ")
    with pytest.raises(IndexError):
        answers[3]
    with pytest.raises(KeyError, match="no column 'lable'"):
        answers["lable"]


def test_streams_are_read_one_window_ahead_and_no_further(by_hand):
    read = itertools.count()
    endless = (f"koning {next(read)}" for _ in itertools.count())
    answers = by_hand.stream(endless, window=10)
    first = [next(answers) for _ in range(10)]
    assert next(read) == 10
    assert first[3] == by_hand.predict("koning 3")


def test_streams_check_their_options_at_once(classifier):
    with pytest.raises(OptionError, match="window"):
        classifier.stream([], window=0)
    with pytest.raises(OptionError, match="overflow"):
        classifier.stream([], overflow="cut")


def test_an_input_of_several_windows_is_answered_in_order(by_hand, monkeypatch):
    texts = [f"koning {number}" for number in range(40)]
    wanted = list(by_hand.predict(texts))
    monkeypatch.setattr(frames, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(frames, "CHARACTERS_AT_ONCE", 30)
    assert list(by_hand.predict(pa.chunked_array([texts[:3], texts[3:]])).to_pylist()) == [
        {name: value for name, value in dataclasses.asdict(answer).items() if value is not None}
        for answer in wanted
    ]


@shared_model
@given(st.lists(lists_of_texts | st.just([]), max_size=6), st.sampled_from([8, 64, 1000]))
def test_columns_one_after_the_other_are_answered_as_each_alone(by_hand, columns, budget):
    arrays = [pa.array(column, pa.string()) for column in columns]
    counted = [Statistics() for _ in columns]
    found = list(by_hand.classify_each(zip(arrays, counted, strict=True), token_budget=budget))
    alone = [Statistics() for _ in columns]
    for table, array, one in zip(found, arrays, alone, strict=True):
        assert table.equals(by_hand.classify(array, statistics=one, token_budget=budget))
    for one, other in zip(counted, alone, strict=True):
        one.seconds = other.seconds
    assert counted == alone


def test_columns_are_read_one_further_and_no_more(by_hand):
    read = []

    def columns():
        for number in range(9):
            read.append(number)
            yield pa.array([f"koning {number}"]), Statistics()

    for number, _ in enumerate(by_hand.classify_each(columns())):
        assert read == list(range(min(number + 2, 9)))


def test_defaults_come_from_load_and_calls_override_them(tiny_a):
    classifier = rubriek.load(tiny_a.folder, max_length=8)
    text = "koning " * 30
    assert classifier.predict(text).truncated is True
    assert classifier.predict(text, max_length=64).truncated is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 10_000}, "cannot read 10000 pieces"),
        ({"engine": "tpu"}, "one of onnxruntime, openvino"),
        ({"precision": "fp8"}, "one of fp32, bf16, int8"),
        ({"threads": 0}, "at least 1 thread"),
        ({"max_len": 8}, "did you mean 'max_length'"),
    ],
)
def test_options_that_cannot_be_used_are_refused_on_load(tiny_a, options, message):
    with pytest.raises(OptionError, match=message):
        rubriek.load(tiny_a.folder, **options)


def test_a_precision_the_bundle_does_not_hold_is_refused(tiny_a):
    with pytest.raises(EngineError, match="rubriek models quantize"):
        rubriek.load(tiny_a.folder, precision="int8")
    with pytest.raises(EngineError, match="openvino"):
        rubriek.load(tiny_a.folder, precision="bf16")


def test_an_engine_that_fails_fails_the_call_and_not_the_classifier(tiny_a):
    class Failing(SumEngine):
        def run(self, ids, mask, *, alone=False):
            if ids.shape[1] > 10:
                raise EngineError("out of order")
            return super().run(ids, mask)

    classifier = Classifier(tiny_a, Failing(9))
    with pytest.raises(EngineError, match="out of order"):
        classifier.predict(["koning " * 20] + [f"beurs {number}" for number in range(50)])
    assert classifier.predict("beurs").label


def test_a_lone_batch_is_run_as_one(by_hand):
    by_hand.predict(["koning", "koning opent"])
    by_hand.predict([f"koning opent museum {number} in Assen" for number in range(40)])
    assert by_hand.engine.alone == [True] + [False] * (len(by_hand.engine.alone) - 1)
    assert len(by_hand.engine.alone) > 2


def test_data_without_texts(classifier):
    with pytest.raises(InputError):
        classifier.predict(7)
    with pytest.raises(InputError, match="Row 1"):
        classifier.predict(["koning", 7])


def test_progress_is_told_after_every_batch(by_hand):
    seen: list[int] = []
    statistics = Statistics(on_progress=lambda now: seen.append(now.windows))
    by_hand.classify(pa.array([f"koning {n}" for n in range(30)]), statistics=statistics, token_budget=20)
    assert len(seen) > 5
    assert seen == sorted(seen)
    assert seen[-1] == 30


def test_threads_share_one_classifier(classifier):
    texts = [f"koning {number}" for number in range(60)]
    wanted = classifier.predict(texts)["score"].to_pylist()
    found: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        found[number] = classifier.predict(texts)["score"].to_pylist()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] == pytest.approx(wanted, abs=1e-6) for number in range(4))


FORKED = """
import os, sys, rubriek
classifier = rubriek.load(sys.argv[1])
texts = [f"koning {number}" for number in range(50)]
before = classifier.predict(texts)["label"].to_pylist()
child = os.fork()
if child == 0:
    os._exit(0 if classifier.predict(texts)["label"].to_pylist() == before else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_it_answers_after_a_fork_without_a_word(tiny_a):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(tiny_a.folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_no_environment_variable_is_changed(tiny_a):
    code = (
        "import os; before = dict(os.environ); import rubriek, sys; "
        "rubriek.load(sys.argv[1]).predict(['koning', 'beurs']); assert dict(os.environ) == before"
    )
    subprocess.run([sys.executable, "-c", code, str(tiny_a.folder)], check=True, timeout=120)


def test_options_of_the_classifier_are_checked_against_the_bundle(tiny_a):
    with pytest.raises(OptionError, match="positions"):
        Classifier(tiny_a, SumEngine(9), Options(max_length=5000))


def test_a_result_column_that_is_there_already_costs_no_work(by_hand):
    for frame in (pa.table({"text": ["koning"], "score": [1]}), pd.DataFrame({"text": ["a"], "score": [1]})):
        with pytest.raises(ColumnError, match="already has 'score'"):
            by_hand.predict(frame, text_column="text")
    assert by_hand.engine.rows == []


def test_a_frame_needs_no_name_where_only_one_column_can_hold_the_texts(by_hand):
    frame = pl.DataFrame({"text": ["koning", None]})
    assert by_hand.predict(frame)["windows"].to_list() == [1, None]


def test_a_text_has_no_columns(by_hand):
    with pytest.raises(InputError, match="no named columns"):
        by_hand.predict("koning", text_column="text")
