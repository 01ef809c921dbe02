"""Bodies: all of them together in bounded memory, compressed or not."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.server import Limits, bodies
from rubriek.server.bodies import FREE_BYTES, LARGE, MAX_LARGE_BODIES, Room
from rubriek.server.problems import Problem
from rubriek.server.requests import parse_json

JSON = {"Content-Type": "application/json"}
DEFAULT = Limits()
GZIP = JSON | {"Content-Encoding": "gzip"}


class Arriving:
    """A request whose body comes in parts."""

    def __init__(self, parts: Iterable[bytes], headers: dict[str, str]) -> None:
        self._parts = parts
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def stream(self):
        for part in self._parts:
            yield part


def read(parts: Iterable[bytes], room: Room | None = None, limits: Limits = DEFAULT, **headers: str) -> bytes:
    share = (room or Room(limits)).share()
    return bytes(asyncio.run(bodies.read(Arriving(parts, headers), limits, share)))


@given(st.lists(st.binary(max_size=200)), st.integers(0, 9))
def test_a_body_is_its_parts_in_any_cut(parts, level):
    whole = b"".join(parts)
    assert read(parts) == whole
    packed = gzip.compress(whole, level)
    assert read((packed[at : at + 7] for at in range(0, len(packed), 7)), content_encoding="gzip") == whole


@given(st.binary(max_size=300))
def test_junk_for_gzip_is_a_problem(junk):
    with pytest.raises(Problem) as problem:
        read([junk], content_encoding="gzip")
    assert problem.value.status == 400


@pytest.mark.parametrize(
    ("spoilt", "found"),
    [
        (lambda packed: packed[:-1], "cut off"),
        (lambda packed: packed + b"x", "more follows"),
        (lambda packed: packed + packed, "more follows"),
        (lambda packed: packed[:-8] + b"\0" * 8, "incorrect data check"),
    ],
)
def test_damaged_gzip_is_said_to_be(spoilt, found):
    with pytest.raises(Problem) as problem:
        read([spoilt(gzip.compress(b"Beurs sluit hoger"))], content_encoding="gzip")
    assert found in problem.value.details["found"]


def test_what_inflates_to_more_than_a_body_may_be_is_refused_in_little_memory():
    bomb = gzip.compress(b"a" * 64 * 1024 * 1024)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as problem:
            read([bomb], limits=Limits(body_bytes=1024 * 1024), content_encoding="gzip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem.value.status == 413
    assert peak < 4 * 1024 * 1024


def test_large_bodies_share_their_room_and_small_ones_need_none():
    limits = Limits(body_bytes=LARGE)
    room = Room(limits)
    shares = [room.share() for _ in range(MAX_LARGE_BODIES)]
    for share in shares:
        share.hold(limits.body_bytes + FREE_BYTES)
    with pytest.raises(Problem) as problem:
        read([b"a" * (FREE_BYTES + 1)], room=room)
    assert (problem.value.status, problem.value.headers["Retry-After"]) == (503, "2")
    with pytest.raises(Problem):  # its length alone says that there is no room
        read([], room=room, content_length=str(FREE_BYTES + 1))
    assert read([b"a" * FREE_BYTES], room=room) == b"a" * FREE_BYTES
    shares[0].release()
    assert len(read([b"a" * limits.body_bytes], room=room)) == limits.body_bytes
    for share in shares[1:]:
        share.release()


@pytest.mark.parametrize("status", [200, 413, 422, 400])
def test_room_is_free_again_once_a_request_is_answered(client, status):
    long = ["koning " * 10_000] * 5
    body = {
        200: json.dumps({"texts": long}),
        413: json.dumps({"texts": ["a"] * 10_001 + long}),
        422: json.dumps({"texts": [*long, 7]}),
        400: json.dumps({"texts": long})[:-1],
    }[status]
    assert client.post("/v1/classify", content=body, headers=JSON).status_code == status
    assert client.app.state.service.room.taken == 0


def test_values_are_counted_before_any_is_made(client):
    body = b'{"texts": [' + b"{}," * 1_000_000 + b"{}]}"
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as problem:
            parse_json(body, Limits().json_values)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem.value.status == 413
    assert peak < 2 * len(body)
    for path in ("/v1/classify", "/predict", "/", "/v2/models/tiny-a/infer", "/v1/explain"):
        assert client.post(path, content=body, headers=JSON).status_code == 413


def test_as_many_texts_as_are_allowed_are_few_enough_values(started):
    client = started(limits=Limits(texts=2000))
    texts = ["a, [b] {c}"] * 2000
    assert client.post("/v1/classify", json={"texts": texts}).status_code == 200
    assert client.post("/predict", json={"inputs": [[text] for text in texts]}).status_code == 200
    nested = {"name": "text", "shape": [2000, 1], "datatype": "BYTES", "data": [[text] for text in texts]}
    assert client.post("/v2/models/tiny-a/infer", json={"inputs": [nested]}).status_code == 200


@pytest.mark.parametrize("body", [b'{"text": "a", "text": "b"}', b'{"text": ' + b"[" * 70 + b"]" * 70 + b"}"])
def test_keys_that_occur_twice_and_deep_json_are_refused(client, body):
    for path in ("/v1/classify", "/predict", "/", "/v2/models/tiny-a/infer", "/v1/explain"):
        assert client.post(path, content=body, headers=JSON).status_code == 400


def test_gzip_is_read_on_every_route(client):
    text = "De koning opent een museum"
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    for path, body in (
        ("/v1/classify", {"text": text}),
        ("/v1/explain", {"text": text}),
        ("/predict", {"inputs": text}),
        ("/", {"inputs": text}),
        ("/v2/models/tiny-a/infer", {"inputs": [tensor]}),
    ):
        packed = gzip.compress(json.dumps(body).encode())
        answer = client.post(path, content=packed, headers=GZIP)
        assert answer.status_code == 200
        plain = client.post(path, json=body)
        assert answer.content == plain.content
    lines = gzip.compress(b'"De koning"\n"Beurs"\n')
    answer = client.post(
        "/v1/classify", content=lines, headers=GZIP | {"Content-Type": "application/x-ndjson"}
    )
    assert [json.loads(line)["index"] for line in answer.text.splitlines()] == [0, 1]


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip"])
def test_other_codings_are_refused(client, coding, kind):
    headers = {"Content-Type": kind, "Content-Encoding": coding}
    answer = client.post("/v1/classify", content=b'{"text": "a"}', headers=headers)
    assert (answer.status_code, answer.json()["found"]) == (415, repr(coding))
