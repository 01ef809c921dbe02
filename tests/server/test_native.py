from __future__ import annotations

import re

import pytest

from rubriek.server import Limits

TEXTS = ["De koning opent een museum", "Beurs sluit hoger", "", "De koning opent een museum", None]
LONG = "koning " * 1000


def classify(client, **asked):
    answer = client.post("/v1/classify", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_one_text(client, tiny):
    (result,) = classify(client, text=TEXTS[0], scores=True)
    wanted = tiny.predict(TEXTS[0])
    assert result["label"] == wanted.label
    assert result["scores"] == pytest.approx(wanted.scores, abs=1e-6)
    assert (result["tokens"], result["truncated"], result["windows"]) == (wanted.tokens, False, 1)


def test_many_texts_are_answered_in_order_as_python_answers_them(client, tiny):
    rows = classify(client, texts=TEXTS, top_k=2, scores=True)
    wanted = list(tiny.predict(TEXTS, top_k=2))
    assert [row["label"] for row in rows] == [prediction.label for prediction in wanted]
    for row, prediction in zip(rows[:-1], wanted[:-1], strict=True):
        assert row["scores"] == pytest.approx(prediction.scores, abs=1e-6)
        assert [entry["label"] for entry in row["top"]] == [entry["label"] for entry in prediction.top]
    assert set(rows[-1].values()) == {None}


def test_no_texts_have_no_results(client):
    assert classify(client, texts=[]) == []


def test_scores_are_given_when_they_are_asked_for(client, tiny):
    assert "scores" not in classify(client, text="koning")[0]
    assert list(classify(client, text="koning", scores=True)[0]["scores"]) == list(tiny.labels)


def test_long_texts(client, tiny):
    assert classify(client, text=LONG)[0]["truncated"]
    whole = classify(client, text=LONG, overflow="windows")[0]
    assert (whole["truncated"], whole["windows"]) == (False, tiny.predict(LONG, overflow="windows").windows)
    refused = client.post("/v1/classify", json={"texts": ["kort", LONG], "overflow": "error"})
    assert refused.status_code == 413
    assert "row 1" in refused.json()["found"]


def test_a_request_larger_than_the_queue_is_split_and_answered_in_order(started, tiny):
    client = started(limits=Limits(queue_tokens=512))
    texts = [f"De koning opent museum {number} " * (1 + number % 40) for number in range(300)]
    rows = classify(client, texts=texts)
    wanted = tiny.predict(texts)
    assert [row["label"] for row in rows] == wanted["label"].to_pylist()
    assert [row["score"] for row in rows] == pytest.approx(wanted["score"].to_pylist(), abs=1e-5)


def test_several_models_by_name(started, tiny, multi_label):
    import rubriek

    client = started({"klein": tiny, "meer": rubriek.load(multi_label.folder)})
    assert [model["name"] for model in client.get("/v1/models").json()["models"]] == ["klein", "meer"]
    assert client.post("/v1/classify", json={"text": "a"}).json()["model"] == "klein"
    answer = client.post("/v1/classify", json={"text": "a", "model": "meer", "threshold": 0}).json()
    assert answer["model"] == "meer"
    assert answer["results"][0]["labels"] == list(multi_label.labels)
    missing = client.post("/v1/classify", json={"text": "a", "model": "kleine"})
    assert (missing.status_code, missing.json()["hint"]) == (404, "did you mean 'klein'?")


def test_what_is_told_of_models(client, tiny):
    (model,) = client.get("/v1/models").json()["models"]
    assert model["labels"] == list(tiny.labels)
    assert (model["precision"], model["threads"]) == ("fp32", tiny.engine.threads)


def test_where_the_time_went_is_in_the_headers(client):
    headers = client.post("/v1/classify", json={"text": "koning opent"}).headers
    stages = dict(re.findall(r"(\w+);dur=([\d.]+)", headers["server-timing"]))
    assert set(stages) == {"tokenize", "queue", "inference", "total"}
    assert float(stages["total"]) >= float(stages["inference"]) > 0
    assert int(headers["x-tokens"]) > 2


def test_health(client):
    for path in ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/health/ready", "/v1/models", "/docs", "/info"])
def test_a_slash_at_the_end_makes_no_difference_and_no_redirect(client, path):
    assert client.get(f"{path}/", follow_redirects=False).status_code == 200
    answer = client.post("/v1/classify/", json={"text": "a"}, follow_redirects=False)
    assert answer.status_code == 200
    assert client.get(f"{path}//", follow_redirects=False).status_code == 404


def value(metrics: str, name: str, **labels: str) -> float:
    """Read a number off the page of metrics; 0 where it is not there yet."""
    wanted = "".join(f'(?=[^}}]*{label}="{re.escape(text)}")' for label, text in labels.items())
    found = re.search(rf"^{name}(?:\{{{wanted}[^}}]*\}})? (\S+)$", metrics, re.M)
    return float(found[1]) if found else 0.0


def test_metrics_count_what_was_done(started, tiny):
    client = started(limits=Limits(cache=10))
    classify(client, texts=["koning", LONG])
    classify(client, text="koning")
    client.post("/v1/classify", content=b"{", headers={"Content-Type": "application/json"})
    metrics = client.get("/metrics").text
    model = {"model": "tiny-a"}
    assert value(metrics, "rubriek_requests_total", route="/v1/classify", status="200") == 2
    assert value(metrics, "rubriek_requests_total", route="/v1/classify", status="400") == 1
    assert value(metrics, "rubriek_texts_total", **model) == 3
    assert value(metrics, "rubriek_texts_truncated_total", **model) == 1
    assert value(metrics, "rubriek_sequences_reused_total", source="cache", **model) == 1
    assert value(metrics, "rubriek_batch_rows_sum", **model) == 2
    read = tiny.predict("koning").tokens + tiny.bundle.max_length
    assert value(metrics, "rubriek_batch_tokens_total", **model) == read
    assert value(metrics, "rubriek_queue_tokens", **model) == 0
    for stage in ("tokenize", "queue", "inference"):
        assert value(metrics, "rubriek_stage_seconds_count", stage=stage, **model) == 2


def test_reloading_that_fails_keeps_the_old_models(started, tiny):
    models = {"tiny-a": tiny}

    def load():
        if not models:
            raise OSError("gone")
        return models

    client = started(reload=load)
    service = client.app.state.service
    assert client.portal.call(service.reload)
    first = service.models.get(None)
    models.clear()
    assert not client.portal.call(service.reload)
    assert service.models.get(None) is first
    assert classify(client, text="koning")
    models["nieuw"] = tiny
    assert client.portal.call(service.reload)
    assert client.post("/v1/classify", json={"text": "a"}).json()["model"] == "nieuw"


def test_models_are_told_with_threshold_and_card(started, with_card, tiny):
    import rubriek

    client = started({"stukken": rubriek.load(with_card.folder), "klein": tiny})
    first, second = client.get("/v1/models").json()["models"]
    assert (first["threshold"], first["title"]) == (0.5, "Waar gaan deze stukken over?")
    assert first["words"]["en"]["labels"] == "topics"
    assert first["examples"] == ["De minister zegt\nde Kamer.", "Het café"]
    assert (second["threshold"], second["title"], second["examples"]) == (None, "tiny-a", [])
