"""What clients may do wrong, or to us: each gets an answer of ours, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import pytest

from rubriek.classifier import Classifier
from rubriek.server import Limits
from rubriek.server.keys import Keys

JSON = {"Content-Type": "application/json"}
KEY = "een-heel-lange-sleutel"


def post(client, body: bytes, path: str = "/v1/classify", **headers: str):
    return client.post(path, content=body, headers=JSON | headers)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1,]", b"\xff\xfe", b'{"text": NaN}', b"[" * 100_000, b'{"text": "\x00"}', b"1" * 5000],
    ids=["nothing", "cut off", "comma", "no UTF-8", "NaN", "deep", "NUL byte", "long number"],
)
@pytest.mark.parametrize("path", ["/v1/classify", "/predict", "/", "/v2/models/tiny-a/infer"])
def test_malformed_json(client, path, body):
    answer = post(client, body, path)
    assert answer.status_code == 400
    told = answer.json()
    assert told["error"]
    assert told["id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "value",
    [
        None, 7, "text", [], {}, {"text": 7}, {"text": None}, {"text": ["a"]}, {"texts": "a"}, {"texts": [7]},
        {"texts": {"a": "b"}}, {"text": "a", "texts": ["b"]}, {"text": "a", "model": 7},
        {"text": "a", "scores": "ja"}, {"text": "a", "top_k": 0}, {"text": "a", "top_k": 1.5},
        {"text": "a", "top_k": True}, {"text": "a", "threshold": 2},
        {"text": "a", "threshold": "x"}, {"text": "a", "overflow": "cut"},
        {"text": "a", "overflow": ["error"]},
        {"text": "a", "stride": 3}, {"text": "a", "max_length": 10_000}, {"text": "a", "max_length": 1},
        {"text": "a", "token_budget": 10**9}, {"text": "a", "tokenizer": "/etc/passwd"},
    ],
    ids=lambda value: json.dumps(value)[:40],
)  # fmt: skip
def test_wrong_types_and_values(client, value):
    answer = post(client, json.dumps(value).encode())
    assert answer.status_code == 422
    assert answer.json()["error_type"] == "Validation"
    assert set(answer.json()) & {"expected", "hint"}


def test_a_model_is_a_name_and_never_a_path(client, tiny_a):
    for name in (str(tiny_a.folder), "../tiny-a", "tiny-a\x00", "nl-news", ""):
        answer = post(client, json.dumps({"text": "a", "model": name}).encode())
        assert answer.status_code == 404
        assert str(tiny_a.folder) not in answer.json()["expected"]


def test_nul_characters_are_text(client, tiny):
    answer = post(client, json.dumps({"text": "koning\x00 beurs"}).encode())
    assert answer.json()["results"][0]["label"] == tiny.predict("koning\x00 beurs").label


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/classify", b'{"text": "a\\ud800b"}'),
        ("/v1/classify", b'{"texts": ["goed", "\\udfff"]}'),
        ("/predict", b'{"inputs": [["\\ud83d"]]}'),
        ("/", b'{"inputs": "\\ud83d"}'),
        ("/v2/models/tiny-a/infer",
         b'{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["\\ud83d"]}]}'),
    ],
)  # fmt: skip
def test_lone_surrogates_are_refused_with_their_place(client, path, body):
    answer = post(client, body, path)
    assert answer.status_code == 422
    assert "surrogate" in answer.json()["found"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v2/models/tiny-a/infer",
            b'{"id": "\\ud800", "inputs": [{"name": "t", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}',
        ),
        ("/v1/explain", b'{"text": "a", "label": "\\ud800"}'),
        ("/", b'{"inputs": "a", "parameters": {"function_to_apply": "\\ud800"}}'),
        ("/", b'{"inputs": "a", "parameters": {"truncation": "\\ud800"}}'),
    ],
    ids=["id", "label", "function", "truncation"],
)
def test_lone_surrogates_in_what_might_come_back(client, path, body):
    assert post(client, body, path).status_code == 422


@pytest.mark.parametrize("field", [b"model", b"\\ud800", b"overflow"])
def test_lone_surrogates_elsewhere_break_nothing(client, field):
    assert post(client, b'{"text": "a", "%s": "\\ud800"}' % field).status_code in (404, 422)


def test_texts_and_bodies_beyond_the_limits(started):
    client = started(limits=Limits(body_bytes=12_000_000, text_characters=1000, texts=3))
    assert post(client, json.dumps({"text": "a" * 10_000_000}).encode()).status_code == 413
    assert post(client, json.dumps({"text": "a" * 13_000_000}).encode()).status_code == 413
    assert post(client, json.dumps({"texts": ["a"] * 4}).encode()).status_code == 413
    assert post(client, json.dumps({"texts": ["a" * 1000] * 3}).encode()).status_code == 200
    chunked = client.post("/v1/classify", content=iter([b"a" * 1_000_000] * 13), headers=JSON)
    assert chunked.status_code == 413


def test_long_texts_are_read_when_they_are_allowed(started, tiny):
    client = started(limits=Limits(text_characters=1_000_000))
    text = "koning " * 140_000
    (result,) = post(client, json.dumps({"text": text}).encode()).json()["results"]
    assert result["truncated"]
    assert result["tokens"] == tiny.predict(text).tokens > 140_000


def test_windows_that_overlap_without_measure_are_refused(started):
    client = started(limits=Limits(queue_tokens=4096))
    asked = {"text": "koning " * 5000, "overflow": "windows"}
    assert post(client, json.dumps(asked).encode()).status_code == 200
    answer = post(client, json.dumps(asked | {"stride": 1}).encode())
    assert (answer.status_code, "stride" in answer.json()["hint"]) == (413, True)
    for bad in ("1", -1, 10**30, None):
        body = json.dumps(asked | {"max_length": bad, "stride": bad, "text": "a"}).encode()
        assert post(client, body).status_code in (200, 422)


def test_other_content_types_are_refused(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = post(client, b'{"text": "a"}', **{"Content-Type": kind})
        assert answer.status_code == 415
        assert "application/json" in answer.json()["expected"]
    assert (
        post(client, b'{"text": "a"}', **{"Content-Type": "Application/JSON; charset=utf-8"}).status_code
        == 200
    )


def test_paths_and_methods_that_are_not_there(client):
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/classify", 405),
        ("PUT", "/", 405),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.json()["error"]


@pytest.mark.parametrize("seconds", ["x", "-1", "0", "nan", "inf", "9" * 500])
def test_times_that_are_none(client, seconds):
    answer = post(client, b'{"text": "a"}', **{"X-Request-Timeout": seconds})
    assert answer.status_code == 422


def test_ids_come_back_if_they_are_harmless(client):
    assert post(client, b"{", **{"X-Request-Id": "mijn-id.7"}).json()["id"] == "mijn-id.7"
    for bad in ('"><script>', "a b", "x" * 65):
        assert post(client, b"{", **{"X-Request-Id": bad}).json()["id"] != bad


class Engine:
    """An engine that does what a test wants of it."""

    name, precision, threads, parallel, token_budget = "test", "fp32", 1, 1, 64

    def __init__(self, tiny: Classifier) -> None:
        self._inner = tiny.engine
        self.error: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def run(self, ids, mask, *, alone=False):
        self.entered.set()
        assert self.open.wait(60)
        if self.error is not None:
            raise self.error
        return self._inner.run(ids, mask)


@pytest.fixture
def engine(tiny) -> Engine:
    return Engine(tiny)


@pytest.fixture
def moody(tiny_a, engine, started):
    """A service on that engine, with limits of a test's own."""

    def start(**limits):
        return started({"tiny-a": Classifier(tiny_a, engine)}, limits=Limits(**limits))

    return start


def test_an_engine_that_fails_is_told_with_an_id_and_nothing_else(moody, engine, caplog):
    client = moody()
    engine.error = RuntimeError("secret: /home/somebody/model.onnx")
    with caplog.at_level(logging.ERROR, "rubriek.server"):
        answer = post(client, b'{"text": "a"}')
    assert answer.status_code == 500
    told = answer.json()
    assert "secret" not in answer.text
    assert told["id"] in told["hint"]
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.fields["id"] == told["id"]
    assert "secret" in str(record.exc_info[1])
    engine.error = None
    assert post(client, b'{"text": "a"}').status_code == 200


def test_beyond_its_time_a_request_is_answered_504_and_dropped(moody, engine):
    client = moody()
    engine.open.clear()
    scheduler = client.app.state.service.models.get(None).scheduler
    answer = post(client, b'{"texts": ["a", "b c d", "e"]}', **{"X-Request-Timeout": "0.05"})
    assert answer.status_code == 504
    assert "0.05 s" in answer.json()["expected"]
    assert scheduler.waiting_tokens == 0
    engine.open.set()
    assert post(client, b'{"text": "a"}').status_code == 200


def test_when_too_much_waits_it_says_so_and_when_to_come_again(moody, engine):
    client = moody(queue_tokens=60)
    engine.open.clear()
    engine.entered.clear()
    waiting = [threading.Thread(target=post, args=(client, b'{"text": "%d"}' % n)) for n in range(3)]
    scheduler = client.app.state.service.models.get(None).scheduler
    text = json.dumps({"text": "koning " * 100}).encode()
    try:
        waiting[0].start()
        assert engine.entered.wait(60)  # what comes now has to wait
        for thread in waiting[1:]:
            thread.start()
        with scheduler._changed:
            assert scheduler._changed.wait_for(lambda: scheduler.waiting_tokens, 60)
        answer = post(client, text)
    finally:
        engine.open.set()
        for thread in waiting:
            thread.join()
    assert (answer.status_code, answer.json()["error_type"]) == (429, "Overloaded")
    assert int(answer.headers["retry-after"]) >= 1
    assert post(client, text).status_code == 200


def test_when_there_is_room_for_nothing_bodies_are_not_even_read(started):
    client = started(limits=Limits(queue_tokens=1000))
    scheduler = client.app.state.service.models.get(None).scheduler
    assert scheduler.reserve(990)
    for path in ("/v1/classify", "/predict", "/", "/v2/models/tiny-a/infer"):
        assert post(client, b"this is no JSON", path).status_code == 429
    assert client.get("/health/ready").status_code == client.get("/metrics").status_code == 200
    scheduler.release(990)
    assert post(client, b'{"text": "a"}').status_code == 200


def asgi(app, body: bytes, receive_more, path: str = "/v1/classify"):
    """Call an app without a client between: what it sent, with the client's side played by a test."""
    sent = []

    async def receive():
        if body is not None and not receive.given:
            receive.given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive_more()

    receive.given = False

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"content-type", b"application/json")], "client": None, "server": None,
    }  # fmt: skip
    return app(scope, receive, send), sent


def test_the_work_of_a_client_that_has_gone_is_dropped(moody, engine):
    client = moody()
    app = client.app
    scheduler = app.state.service.models.get(None).scheduler
    engine.open.clear()

    async def call():
        async def leaves():
            while scheduler.waiting_tokens == 0:
                await asyncio.sleep(0.001)
            return {"type": "http.disconnect"}

        texts = json.dumps({"texts": ["a", "b c d e f g", "koning " * 20]}).encode()
        answered, sent = asgi(app, texts, leaves)
        await asyncio.wait_for(answered, 60)
        return sent

    sent = client.portal.call(call)
    assert sent[0]["status"] == 499
    assert scheduler.waiting_tokens == 0
    engine.open.set()


def test_a_body_that_does_not_come_is_not_waited_for(started):
    client = started(limits=Limits(body_timeout=0.05))

    async def call():
        never = asyncio.Event()
        answered, sent = asgi(client.app, None, never.wait)
        await asyncio.wait_for(answered, 60)
        return sent

    assert client.portal.call(call)[0]["status"] == 408


def test_keys(started):
    client = started(keys=Keys([KEY, "nog-een-lange-sleutel"]))
    body = {"text": "a"}
    assert client.post("/v1/classify", json=body).status_code == 401
    for wrong in ("Bearer ", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer é"):
        refused = client.post("/v1/classify", json=body, headers={"Authorization": wrong.encode("latin-1")})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    for right in (KEY, "nog-een-lange-sleutel"):
        answer = client.post("/v1/classify", json=body, headers={"Authorization": f"Bearer {right}"})
        assert answer.status_code == 200
    assert client.get("/metrics").status_code == client.get("/v1/models").status_code == 401
    assert client.get("/health/ready").status_code == client.get("/v2/health/live").status_code == 200


def test_other_sites_may_not_call_unless_they_are_named(started, client):
    preflight = {"Origin": "https://nieuws.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.options("/v1/classify", headers=preflight).headers
    open_to_one = started(origins=["https://nieuws.example"], keys=Keys([KEY]))
    allowed = open_to_one.options("/v1/classify", headers=preflight)
    assert allowed.headers["access-control-allow-origin"] == "https://nieuws.example"
    other = open_to_one.options("/v1/classify", headers=preflight | {"Origin": "https://ander.example"})
    assert "access-control-allow-origin" not in other.headers
