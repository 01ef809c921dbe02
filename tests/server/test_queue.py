from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rubriek.server.queue import CALL, BatchQueue, Waiting

lengths = st.integers(2, 512)
waiting = st.lists(st.tuples(lengths, st.floats(0, 100)), max_size=80)


def filled(entries, budget: int = 512) -> tuple[BatchQueue, list[Waiting]]:
    queue = BatchQueue(budget)
    all_ = [Waiting(None, length, due, order) for order, (length, due) in enumerate(entries)]
    for one in all_:
        queue.add(one)
    return queue, all_


@given(waiting, st.integers(1, 600), st.integers(1, 4))
def test_every_sequence_is_in_exactly_one_batch_that_fits(entries, budget, slots):
    queue, all_ = filled(entries, budget)
    taken: list[Waiting] = []
    while batch := queue.take(slots):
        longest = max(one.length for one in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget
        assert len(batch) * longest - sum(one.length for one in batch) <= CALL
        taken += batch
    assert sorted(one.order for one in taken) == list(range(len(all_)))
    assert (len(queue), queue.tokens) == (0, 0)


@given(waiting.filter(bool))
def test_the_one_that_is_due_first_is_always_in_the_next_batch(entries):
    queue, all_ = filled(entries)
    left = set(all_)
    while left:
        first = min(left, key=lambda one: (one.due, one.order))
        batch = queue.take()
        assert first in batch
        left -= set(batch)


@given(waiting.filter(bool), st.data())
def test_what_is_removed_is_not_taken_and_not_counted(entries, data):
    queue, all_ = filled(entries)
    gone = data.draw(st.sets(st.sampled_from(all_)))
    for one in gone:
        queue.remove(one)
        queue.remove(one)
    assert queue.tokens == sum(one.length for one in set(all_) - gone)
    taken = set()
    while batch := queue.take():
        taken |= set(batch)
    assert taken == set(all_) - gone


def test_what_is_hastened_goes_first_and_what_is_taken_stays_so():
    queue, (first, second) = filled([(300, 1.0), (500, 2.0)])
    queue.hasten(second, 0.5)
    queue.hasten(second, 0.7)
    assert queue.take() == [second]
    queue.hasten(second, 0.1)
    queue.remove(second)
    assert queue.take() == [first]
    assert queue.take() == []


def test_rows_of_one_length_are_packed_up_to_the_budget():
    queue, _ = filled([(16, float(number)) for number in range(100)])
    assert [len(queue.take()) for _ in range(4)] == [32, 32, 32, 4]


def test_a_small_queue_is_shared_out_among_free_slots():
    queue, _ = filled([(10, 0.0)] * 8)
    assert [len(queue.take(slots=2)), len(queue.take(slots=1))] == [4, 4]


def test_rows_of_other_lengths_are_not_padded_to_fit():
    queue, _ = filled([(10, 0.0), (200, 1.0), (11, 2.0), (205, 3.0)])
    assert [sorted(one.length for one in queue.take()) for _ in range(2)] == [[10, 11], [200, 205]]
