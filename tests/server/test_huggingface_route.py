from __future__ import annotations

import pytest

TEXT = "De koning opent een museum"
LONG = "koning " * 1000


def ask(client, inputs=TEXT, **parameters):
    return client.post("/models/tiny-a", json={"inputs": inputs, "parameters": parameters})


def test_return_all_scores(client, tiny):
    assert (
        len(ask(client).json()[0]) == len(ask(client, return_all_scores=True).json()[0]) == len(tiny.labels)
    )
    (best,) = ask(client, return_all_scores=False).json()[0]
    assert best["label"] == tiny.predict(TEXT).label


@pytest.mark.parametrize("truncation", [True, "longest_first", "only_first", None])
def test_long_texts_are_cut_when_that_is_asked_for(client, truncation):
    assert ask(client, LONG, truncation=truncation).json() == ask(client, LONG).json()


@pytest.mark.parametrize("truncation", [False, "do_not_truncate"])
def test_long_texts_are_refused_when_they_may_not_be_cut(client, truncation):
    assert ask(client, LONG, truncation=truncation).status_code == 413
    assert ask(client, truncation=truncation).json() == ask(client).json()


@pytest.mark.parametrize(
    "parameters",
    [
        {"truncation": "only_second"},
        {"truncation": 1},
        {"truncation": [True]},
        {"return_all_scores": "ja"},
        {"return_all_scores": True, "top_k": 2},
        {"padding": True},
    ],
    ids=str,
)
def test_other_values_are_refused(client, parameters):
    assert ask(client, **parameters).status_code == 422
