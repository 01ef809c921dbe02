from __future__ import annotations

import pytest

TEXT = "De koning opent een museum"


def test_one_text_gives_all_labels_best_first(client, tiny):
    for inputs in (TEXT, [TEXT]):
        answer = client.post("/predict", json={"inputs": inputs})
        assert answer.status_code == 200
        predictions = answer.json()
        assert {entry["label"]: entry["score"] for entry in predictions} == pytest.approx(
            tiny.predict(TEXT).scores, abs=1e-6
        )
        scores = [entry["score"] for entry in predictions]
        assert scores == sorted(scores, reverse=True)


def test_a_batch_gives_a_list_for_each(client, tiny):
    answer = client.post("/predict", json={"inputs": [[TEXT], ["Beurs sluit hoger"]]})
    assert [entries[0]["label"] for entries in answer.json()] == [
        tiny.predict(text).label for text in (TEXT, "Beurs sluit hoger")
    ]


def test_raw_scores_are_logits(client, tiny):
    tokens = tiny.tokenizer.tokenize([TEXT])
    raw = client.post("/predict", json={"inputs": TEXT, "raw_scores": True}).json()
    special = tokens.special
    ids = [[special.cls, *tokens.ids, special.sep]]
    import numpy as np

    logits = tiny.engine.run(np.array(ids, np.int32), np.ones((1, len(ids[0])), np.int32))[0]
    assert {entry["label"]: entry["score"] for entry in raw} == pytest.approx(
        dict(zip(tiny.labels, logits.tolist(), strict=True)), abs=1e-5
    )


def test_long_texts_are_refused_unless_truncate_is_asked_for(client):
    text = "koning " * 5000
    refused = client.post("/predict", json={"inputs": text})
    assert refused.status_code == 413
    assert refused.json()["error_type"] == "Validation"
    assert client.post("/predict", json={"inputs": text, "truncate": True}).status_code == 200


def test_its_headers(client):
    headers = client.post("/predict", json={"inputs": TEXT}).headers
    assert headers["x-compute-characters"] == str(len(TEXT))
    assert int(headers["x-compute-tokens"]) > 2
    for stage in ("total", "tokenization", "queue", "inference"):
        assert headers[f"x-{stage}-time"].isdecimal()


@pytest.mark.parametrize(
    "inputs", [["a", "b"], [["a", "b"]], [["a"], "b"], [], [[]], 7, None, [[None]], {"a": 1}]
)
def test_pairs_and_other_shapes_are_refused(client, inputs):
    answer = client.post("/predict", json={"inputs": inputs})
    assert answer.status_code == 422
    assert "[[string], [string], ...]" in answer.json()["expected"]


def test_health_is_an_empty_answer(client):
    answer = client.get("/health")
    assert (answer.status_code, answer.content) == (200, b"")
    service = client.app.state.service
    service.draining = True
    try:
        answer = client.get("/health")
    finally:
        service.draining = False
    assert (answer.status_code, answer.json()["error_type"]) == (503, "Unhealthy")


def test_info_has_the_original_s_fields(client, tiny):
    info = client.get("/info").json()
    assert (info["model_id"], info["model_dtype"]) == ("tiny-a", "fp32")
    classifier = info["model_type"]["classifier"]
    assert [classifier["id2label"][str(number)] for number in range(len(tiny.labels))] == list(tiny.labels)
    assert classifier["label2id"][tiny.labels[-1]] == len(tiny.labels) - 1
    assert info["max_input_length"] == tiny.bundle.max_length
    # Of router/src/lib.rs, version 1.9.
    assert set(info) == {
        "model_id", "model_sha", "model_dtype", "served_model_name", "model_type", "max_concurrent_requests",
        "max_input_length", "max_batch_tokens", "max_batch_requests", "max_client_batch_size",
        "auto_truncate", "tokenization_workers", "version", "sha", "docker_label",
    }  # fmt: skip
