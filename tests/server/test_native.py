from __future__ import annotations

import pytest

TEXTS = ["De koning opent een museum", "Beurs sluit hoger", "", "De koning opent een museum", None]


def test_one_text(client, tiny):
    answer = client.post("/v1/classify", json={"text": TEXTS[0], "scores": True})
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    wanted = tiny.predict(TEXTS[0])
    assert result["label"] == wanted.label
    assert result["scores"] == pytest.approx(wanted.scores, abs=1e-6)
    assert (result["tokens"], result["truncated"], result["windows"]) == (wanted.tokens, False, 1)


def test_many_texts_are_answered_in_order_as_python_answers_them(client, tiny):
    answer = client.post("/v1/classify", json={"texts": TEXTS, "top_k": 2, "scores": True})
    rows = answer.json()["results"]
    wanted = list(tiny.predict(TEXTS, top_k=2))
    assert [row["label"] for row in rows] == [prediction.label for prediction in wanted]
    for row, prediction in zip(rows[:-1], wanted[:-1], strict=True):
        assert row["scores"] == pytest.approx(prediction.scores, abs=1e-6)
        assert [entry["label"] for entry in row["top"]] == [entry["label"] for entry in prediction.top]
    assert set(rows[-1].values()) == {None}
