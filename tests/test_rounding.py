from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rubriek.models.rounding import MAX_WEIGHT_STEP, round_rows, round_weights

finite = st.floats(-100, 100, width=32)
matrices = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12), elements=finite
)


def moments_of(activations: np.ndarray) -> np.ndarray:
    return activations.T @ activations


@given(matrices)
def test_rows_come_back_to_half_a_step(values):
    rounded, scale = round_rows(values)
    assert (np.abs(rounded * scale[:, None] - values) <= 0.5001 * scale[:, None]).all()


@given(matrices, st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_weights_stay_in_range_whatever_the_sample_is(weights, seed, texts):
    activations = np.random.default_rng(seed).standard_normal((texts, len(weights)), np.float32)
    activations[:, 0] = 0
    rounded, scale = round_weights(weights, moments_of(activations))
    assert rounded.shape == weights.shape
    assert np.abs(rounded.astype(int)).max() <= MAX_WEIGHT_STEP
    assert np.isfinite(scale).all()
    assert (scale > 0).all()


@given(matrices)
def test_channels_without_correlation_are_rounded_to_the_nearest(weights):
    rounded, scale = round_weights(weights, np.diag(np.arange(1, len(weights) + 1, dtype=np.float32)))
    # The scale is fp32 and the sum fp64: a value halfway between two steps may go either way.
    inside = np.abs(weights) <= MAX_WEIGHT_STEP * scale
    assert (np.abs(rounded * scale - weights) <= 0.5001 * scale)[inside].all()
    assert (np.abs(rounded) == MAX_WEIGHT_STEP)[~inside].all()


def test_no_pair_of_products_overflows_16_bits():
    assert 2 * 255 * MAX_WEIGHT_STEP < 2**15


@given(
    arrays.arrays(np.int8, st.tuples(st.integers(2, 12), st.integers(1, 6)), elements=st.integers(-64, 64)),
    st.integers(0, 2**32 - 1),
)
def test_weights_that_lie_on_a_grid_stay_there(steps, seed):
    random = np.random.default_rng(seed)
    steps[0] = random.integers(48, 65, steps.shape[1]) * random.choice([-1, 1], steps.shape[1])
    weights = steps * np.exp(random.uniform(-8, 1, steps.shape[1])).astype(np.float32)
    activations = random.standard_normal((50, len(weights)), np.float32)
    rounded, scale = round_weights(weights, moments_of(activations))
    np.testing.assert_allclose(rounded * scale, weights, rtol=1e-5)


def test_answers_change_less_than_with_each_weight_rounded_by_itself():
    random = np.random.default_rng(0)
    # More channels than a block, few directions in which activations really vary.
    mixing = random.standard_normal((20, 200), np.float32)
    seen, unseen = (
        random.standard_normal((texts, 20), np.float32) @ mixing
        + 0.1 * random.standard_normal((texts, 200), np.float32)
        for texts in (1000, 500)
    )
    weights = random.standard_normal((200, 30), np.float32)
    rounded, scale = round_weights(weights, moments_of(seen))
    nearest = np.clip(np.rint(weights / scale), -MAX_WEIGHT_STEP, MAX_WEIGHT_STEP)
    expected = unseen @ weights
    plain = np.sqrt(np.mean((unseen @ (nearest * scale) - expected) ** 2))
    assert np.sqrt(np.mean((unseen @ (rounded * scale) - expected) ** 2)) < 0.3 * plain
