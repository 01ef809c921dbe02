from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rubriek.statistics import COUNTS, STAGES, Statistics

counts = st.integers(0, 10**9)
statistics = st.builds(
    Statistics,
    **dict.fromkeys(COUNTS, counts),
    labels=st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 99), max_size=4).map(Counter),
    seconds=st.fixed_dictionaries(dict.fromkeys(STAGES, st.floats(0, 1e6))),
)


@given(statistics)
def test_they_survive_json(one):
    assert Statistics.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@given(statistics, statistics)
def test_they_add_up(one, other):
    documents, labels = one.documents + other.documents, one.labels + other.labels
    seconds = one.total_seconds + other.total_seconds
    one += other
    assert one.documents == documents
    assert one.labels == labels
    assert abs(one.total_seconds - seconds) <= 1e-6 * max(1, seconds)


def test_nothing_run_is_no_division_by_zero():
    empty = Statistics()
    assert empty.padding_share == empty.documents_per_second == empty.tokens_per_second == 0


def test_progress_is_told():
    seen = []
    one = Statistics(on_progress=lambda now: seen.append(now.documents))
    one.documents = 5
    one.progressed()
    assert seen == [5]
