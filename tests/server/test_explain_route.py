from __future__ import annotations

import pytest

from rubriek.server import Limits
from rubriek.server.keys import Keys

TEXT = "De koning opent in Utrecht een school; de minister zegt nee."


def test_it_answers_as_python_does(client, tiny):
    answer = client.post("/v1/explain", json={"text": TEXT})
    assert answer.status_code == 200
    told = answer.json()
    wanted = tiny.explain(TEXT)
    assert told["model"] == "tiny-a"
    assert "text" not in told
    assert (told["label"], told["read"], told["tokens"]) == (wanted.label, len(TEXT), wanted.tokens)
    assert told["score"] == pytest.approx(wanted.score, abs=1e-5)
    assert [span["text"] for span in told["spans"]] == [span.text for span in wanted.spans]
    assert [span["weight"] for span in told["spans"]] == pytest.approx(
        [span.weight for span in wanted.spans], abs=1e-3
    )


def test_label_and_number_of_spans(client):
    asked = {"text": TEXT, "label": "Tech", "spans": 3, "model": "tiny-a"}
    told = client.post("/v1/explain", json=asked).json()
    assert told["label"] == "Tech"
    assert len(told["spans"]) == 3


def test_what_was_cut_is_told(client):
    told = client.post("/v1/explain", json={"text": "de " * 50, "max_length": 8}).json()
    assert told["truncated"]
    assert told["read"] == len("de de de de de de")


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({}, 422, "holds no text"),
        ({"texts": ["a"]}, 422, "not known"),
        ({"text": None}, 422, "no text"),
        ({"text": ["a"]}, 422, "no text"),
        ({"text": "a", "label": "Sport"}, 422, "no such label"),
        ({"text": "a", "label": 3}, 422, "wrong type"),
        ({"text": "a", "spans": 0}, 422, "out of range"),
        ({"text": "a", "spans": 1000}, 422, "out of range"),
        ({"text": "a", "spans": True}, 422, "out of range"),
        ({"text": "a", "spans": "3"}, 422, "out of range"),
        ({"text": "a", "max_length": 1}, 422, "out of range"),
        ({"text": "a", "max_length": 100_000}, 422, "cannot read"),
        ({"text": "a", "overflow": "windows"}, 422, "not known"),
        ({"text": "a", "model": "geen"}, 404, "no such model"),
        ({"text": "a" * 200_001}, 413, "too long"),
        ([], 422, "no JSON object"),
    ],
)
def test_what_is_refused(client, body, status, told):
    answer = client.post("/v1/explain", json=body)
    assert answer.status_code == status
    assert told in answer.json()["error"]


def test_no_more_is_read_than_may_wait(started):
    client = started(limits=Limits(queue_tokens=300))
    told = client.post("/v1/explain", json={"text": "de koning zegt dat hij " * 10}).json()
    assert told["tokens"] * (len(told["spans"]) + 1) <= 300
    assert len(told["spans"]) > 1


def test_it_needs_a_key_where_the_service_does(started):
    client = started(keys=Keys(["een-lange-sleutel"]))
    assert client.post("/v1/explain", json={"text": "a"}).status_code == 401
    headers = {"Authorization": "Bearer een-lange-sleutel"}
    assert client.post("/v1/explain", json={"text": "a"}, headers=headers).status_code == 200
