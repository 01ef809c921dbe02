from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rubriek.batching import SPECIAL_TOKENS, assemble, cut, plan
from rubriek.tokens import SpecialIds, Tokens

piece_counts = st.lists(st.integers(0, 60), min_size=1, max_size=40)
PAD, CLS, SEP = 7, 2, 3


def offsets_of(counts: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@given(piece_counts, st.integers(1, 200), st.integers(1, 4))
def test_every_sequence_is_in_exactly_one_batch(counts, budget, parallel):
    lengths = np.array(counts) + SPECIAL_TOKENS
    batches = list(plan(lengths, token_budget=budget, parallel=parallel))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(counts)))


@given(piece_counts, st.integers(1, 200), st.integers(1, 4))
def test_no_batch_passes_the_budget_unless_one_row_does(counts, budget, parallel):
    lengths = np.array(counts) + SPECIAL_TOKENS
    for batch in plan(lengths, token_budget=budget, parallel=parallel):
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= budget


@given(piece_counts)
def test_batches_come_longest_first(counts):
    lengths = np.array(counts) + SPECIAL_TOKENS
    longest = [int(lengths[batch].max()) for batch in plan(lengths, token_budget=64)]
    assert longest == sorted(longest, reverse=True)


def test_a_small_set_is_shared_out_among_parallel_runs():
    for texts, parallel, batches in ((16, 1, 1), (16, 2, 2), (8, 2, 1), (16, 8, 2), (80, 8, 8)):
        assert len(list(plan(np.full(texts, 10), token_budget=4096, parallel=parallel))) == batches


@given(piece_counts, st.integers(3, 40))
def test_truncation_keeps_the_first_pieces(counts, max_length):
    offsets = offsets_of(counts)
    sequences = cut(offsets, max_length=max_length, overflow="truncate", stride=None)
    assert sequences.text.tolist() == list(range(len(counts)))
    assert sequences.start.tolist() == offsets[:-1].tolist()
    assert sequences.lengths.tolist() == [min(count + SPECIAL_TOKENS, max_length) for count in counts]


@given(piece_counts, st.integers(3, 40))
def test_truncation_at_the_left_keeps_the_last_pieces(counts, max_length):
    offsets = offsets_of(counts)
    sequences = cut(offsets, max_length=max_length, overflow="truncate", stride=None, side="left")
    assert sequences.text.tolist() == list(range(len(counts)))
    assert sequences.stop.tolist() == offsets[1:].tolist()
    assert sequences.lengths.tolist() == [min(count + SPECIAL_TOKENS, max_length) for count in counts]


@given(piece_counts, st.integers(3, 40), st.none() | st.integers(1, 50))
def test_windows_cover_every_piece_and_only_the_text(counts, max_length, stride):
    offsets = offsets_of(counts)
    sequences = cut(offsets, max_length=max_length, overflow="windows", stride=stride)
    assert (sequences.lengths <= max_length).all()
    for text in range(len(counts)):
        own = sequences.text == text
        covered = set()
        for start, stop in zip(sequences.start[own], sequences.stop[own], strict=True):
            covered |= set(range(start, stop))
        assert covered == set(range(offsets[text], offsets[text + 1]))
        assert own.any()


@given(piece_counts, st.integers(3, 40), st.none() | st.integers(1, 50))
def test_all_windows_of_a_long_text_are_full_and_differ(counts, max_length, stride):
    offsets = offsets_of(counts)
    sequences = cut(offsets, max_length=max_length, overflow="windows", stride=stride)
    for text, count in enumerate(counts):
        own = sequences.text == text
        if count + SPECIAL_TOKENS > max_length:
            assert (sequences.lengths[own] == max_length).all()
            assert len(set(sequences.start[own])) == own.sum() > 1
        else:
            assert own.sum() == 1


@given(piece_counts, st.integers(3, 40))
def test_assembled_rows_are_cls_pieces_sep_padding(counts, max_length):
    offsets = offsets_of(counts)
    tokens = Tokens(np.arange(100, 100 + offsets[-1], dtype=np.int32), offsets, SpecialIds(PAD, CLS, SEP))
    sequences = cut(offsets, max_length=max_length, overflow="truncate", stride=None)
    for batch in plan(sequences.lengths, token_budget=100):
        ids, mask = assemble(tokens, sequences, batch)
        assert ids.dtype == mask.dtype == np.int32
        assert ids.shape == mask.shape == (len(batch), sequences.lengths[batch].max())
        for row, sequence in enumerate(batch):
            pieces = tokens.ids[sequences.start[sequence] : sequences.stop[sequence]].tolist()
            real = [CLS, *pieces, SEP]
            assert ids[row].tolist() == real + [PAD] * (ids.shape[1] - len(real))
            assert mask[row].tolist() == [1] * len(real) + [0] * (ids.shape[1] - len(real))
