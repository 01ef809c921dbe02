from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rubriek.scores import activate, pool

logits = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-2e4, 2e4, width=32)
)


@given(logits)
def test_single_label_scores_are_a_distribution_in_the_order_of_the_logits(values):
    scores = activate(values, "single_label_classification")
    assert scores.dtype == np.float32
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-6)
    best = values.argmax(axis=1)
    assert (scores[np.arange(len(values)), best] == scores.max(axis=1)).all()


@given(logits)
def test_multi_label_scores_depend_on_their_own_logit_alone(values):
    scores = activate(values, "multi_label_classification")
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.array_equal(activate(values[:, :1], "multi_label_classification"), scores[:, :1])


@given(logits)
def test_regression_is_the_value_itself(values):
    assert np.array_equal(activate(values, "regression"), values)


def test_golden_values():
    # by hand: softmax(0, ln 3) = (1/4, 3/4); sigmoid(ln 3) = 3/4
    values = np.array([[0.0, np.log(3.0)]], dtype=np.float32)
    assert activate(values, "single_label_classification") == pytest.approx(
        np.array([[0.25, 0.75]]), abs=1e-6
    )
    assert activate(values, "multi_label_classification") == pytest.approx(np.array([[0.5, 0.75]]), abs=1e-6)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(1, 3))
def test_pooling_is_the_mean_of_each_texts_windows(counts, labels):
    text = np.repeat(np.arange(len(counts)), counts)
    scores = np.random.default_rng(1).random((len(text), labels), dtype=np.float32)
    means, windows = pool(scores, text, len(counts))
    assert windows.tolist() == counts
    for index in range(len(counts)):
        assert means[index] == pytest.approx(scores[text == index].mean(axis=0), abs=1e-6)
