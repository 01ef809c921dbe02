from __future__ import annotations

import asyncio
import json
import threading

import pytest

from rubriek.server import Limits, explaining
from rubriek.server.answering import MAX_EXPLANATIONS
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


class Held:
    """Has explanations wait before anything is chosen, until a test lets them go on."""

    def __init__(self, monkeypatch) -> None:
        self.begun: list[str] = []
        self._changed = threading.Condition()
        self._open = threading.Event()
        choose = explaining.occlude

        def occlude(classifier, text, *arguments, **options):
            with self._changed:
                self.begun.append(text)
                self._changed.notify_all()
            assert self._open.wait(60)
            return choose(classifier, text, *arguments, **options)

        monkeypatch.setattr(explaining, "occlude", occlude)

    def wait(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.begun, 60)

    def let_go(self) -> None:
        self._open.set()


@pytest.fixture
def held(monkeypatch):
    held = Held(monkeypatch)
    yield held
    held.let_go()


def test_explanations_take_turns_and_no_more_than_a_few_wait(client, held):
    """Whatever they cost, texts are classified meanwhile; those whose client leaves are never begun."""
    app = client.app
    answering = app.state.service.answering

    async def explain(text: str, gone: asyncio.Event) -> int:
        sent = []
        body = json.dumps({"text": text}).encode()
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive():
            for message in messages:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "path": "/v1/explain", "raw_path": b"/v1/explain", "query_string": b"", "root_path": "",
            "scheme": "http", "headers": [(b"content-type", b"application/json")], "client": None,
            "server": None,
        }  # fmt: skip
        await asyncio.wait_for(app(scope, receive, send), 60)
        return sent[0]["status"]

    async def play():
        gone = asyncio.Event()
        tasks = [asyncio.create_task(explain(f"tekst {n}", gone)) for n in range(MAX_EXPLANATIONS)]
        await asyncio.to_thread(held.wait)
        refused = await explain("een te veel", gone)
        gone.set()
        return refused, await asyncio.gather(*tasks)

    refused, statuses = client.portal.call(play)
    assert refused == 429
    assert statuses == [499] * MAX_EXPLANATIONS
    assert len(held.begun) == 1
    long = "koning " * 1000  # tokenised in a thread, too
    assert client.post("/v1/classify", json={"text": long}).status_code == 200
    held.let_go()
    assert client.post("/v1/explain", json={"text": TEXT}).status_code == 200
    assert answering._explanations == 0


def test_an_explanation_is_refused_when_its_first_part_has_no_room(started, held):
    client = started(limits=Limits(queue_tokens=4096))
    scheduler = client.app.state.service.models.get(None).scheduler
    assert scheduler.reserve(4000)
    answer = client.post("/v1/explain", json={"text": "koning " * 50})
    assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
    assert held.begun == []
    scheduler.release(4000)


def test_choosing_from_a_text_without_words_tokenises_it_a_few_times_only(tiny, monkeypatch):
    counted = 0
    tokenize = tiny.tokenizer.tokenize

    def count(texts):
        nonlocal counted
        counted += sum(map(len, texts))
        return tokenize(texts)

    monkeypatch.setattr(tiny.tokenizer, "tokenize", count)
    text = "\u200b" * 50_000
    assert tiny.explain(text).read == len(text)
    assert counted < 5 * len(text)
