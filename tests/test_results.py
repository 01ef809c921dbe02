from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek import results
from rubriek.classifier import Classifier
from rubriek.options import Options


@pytest.mark.parametrize("kind", ["single_label_classification", "multi_label_classification", "regression"])
@given(
    seed=st.integers(0, 1000),
    windows=st.lists(st.integers(1, 3), max_size=6),
    top_k=st.none() | st.integers(1, 12),
    threshold=st.none() | st.floats(0, 1),
    window_scores=st.booleans(),
)
def test_rows_are_the_table_s_rows(tiny_a, kind, seed, windows, top_k, threshold, window_scores):
    random = np.random.default_rng(seed)
    bundle = dataclasses.replace(tiny_a, problem_type=kind)
    options = Options(
        overflow="windows", top_k=top_k, threshold=threshold, window_scores=window_scores
    )  # fmt: skip
    texts = len(windows)
    answers = results.Answers(
        scores=random.random((texts, 9)).round(1).astype(np.float32),
        tokens=random.integers(2, 100, texts),
        truncated=random.random(texts) < 0.5,
        windows=np.array(windows, np.int64),
        empty=random.random(texts) < 0.5,
        window_scores=random.random((sum(windows), 9)).astype(np.float32),
    )
    assert results.rows(bundle, options, answers) == results.table(bundle, options, answers).to_pylist()


@given(
    st.lists(st.none() | st.sampled_from(["koning", "beurs sluit hoger", "", "koning " * 300]), max_size=12)
)
def test_the_two_halves_of_the_path_give_what_the_whole_gives(tiny_a, texts):
    classifier = Classifier(tiny_a, Sines(len(tiny_a.labels)))
    for options in ({}, {"overflow": "windows", "max_length": 20, "top_k": 2}):
        column = pa.array(texts, pa.string())
        prepared = classifier.prepare(column, **options)
        logits = np.zeros((len(prepared), 9), np.float32)
        for row in range(len(prepared)):
            logits[row] = classifier.engine.run(*prepared.assemble(np.array([row])))
        assert classifier.finish(prepared, logits) == classifier.classify(column, **options).to_pylist()


class Sines:
    """Logits that follow from a row's ids alone."""

    name, precision, threads, parallel, token_budget = "sines", "fp32", 1, 1, 64

    def __init__(self, labels: int) -> None:
        self.labels = labels

    def run(self, ids: np.ndarray, mask: np.ndarray, *, alone: bool = False) -> np.ndarray:
        return np.sin((ids * mask).sum(axis=1, keepdims=True) + np.arange(self.labels)).astype(np.float32)
