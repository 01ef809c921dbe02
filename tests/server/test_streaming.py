from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator

import pytest

from rubriek.server import Limits
from rubriek.server.bodies import MAX_LARGE_BODIES

NDJSON = {"Content-Type": "application/x-ndjson"}


def post(client, lines: list[bytes], query: str = ""):
    answer = client.post(f"/v1/classify{query}", content=b"\n".join(lines), headers=NDJSON)
    return answer, [json.loads(line) for line in answer.text.splitlines()]


def test_a_line_for_each_line_in_order(client, tiny):
    texts = [f"De koning opent museum {number} " * (1 + number % 9) for number in range(700)]
    answer, rows = post(
        client, [json.dumps({"text": text, "id": f"n{n}"}).encode() for n, text in enumerate(texts)]
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [row["index"] for row in rows] == list(range(700))
    assert [row["id"] for row in rows] == [f"n{number}" for number in range(700)]
    wanted = tiny.predict(texts)
    assert [row["label"] for row in rows] == wanted["label"].to_pylist()
    assert [row["score"] for row in rows] == pytest.approx(wanted["score"].to_pylist(), abs=1e-5)


def test_options_are_in_the_address(client):
    _, (row,) = post(client, [b'"De koning"'], "?top_k=2&scores=true&overflow=windows&max_length=8&stride=3")
    assert len(row["top"]) == 2
    assert len(row["scores"]) == 9
    answer, told = post(client, [b'"De koning"'], "?top_k=veel")
    assert (answer.status_code, told[0]["error"]) == (422, "The option 'top_k' is no number.")
    assert post(client, [b'"De koning"'], "?top_k=0")[0].status_code == 422
    assert post(client, [b'"De koning"'], "?topk=2")[1][0]["hint"] == "did you mean 'top_k'?"
    assert post(client, [b'"De koning"'], "?model=ander")[0].status_code == 404


def test_a_bad_line_is_told_in_its_place_and_ends_nothing(client):
    lines = [
        b'"goed"',
        b"{",
        b"7",
        b'{"tekst": "x"}',
        b"",
        b"null",
        b'"\\ud800"',
        b"\xff",
        b'{"text": "ook goed"}',
    ]
    answer, rows = post(client, lines)
    assert answer.status_code == 200
    assert [row["index"] for row in rows] == list(range(8))
    assert ["error" in row for row in rows] == [False, True, True, True, False, True, True, False]
    assert rows[4]["label"] is None
    assert rows[3]["hint"] == "did you mean 'text'?"


def test_nothing_in_gives_nothing_out(client):
    assert post(client, [])[1] == []


def test_answers_come_while_the_body_is_still_open(process):
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)
    connection.putrequest("POST", "/v1/classify")
    connection.putheader("Content-Type", "application/x-ndjson")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()

    def say(data: bytes) -> None:
        connection.send(b"%x\r\n%s\r\n" % (len(data), data))

    say(b'"De koning opent een museum"\n')
    answer = connection.getresponse()
    assert json.loads(answer.readline())["index"] == 0
    say(b'"Beurs sluit hoger"\n"Nog een"')
    assert json.loads(answer.readline())["index"] == 1
    say(b"\n")
    assert json.loads(answer.readline())["index"] == 2
    connection.send(b"0\r\n\r\n")
    assert answer.read() == b""
    connection.close()


def test_an_id_comes_back_with_the_error_of_its_line(client):
    lines = [
        b'{"text": 7, "id": "a"}',
        b'{"id": 8}',
        b'{"tekst": "x", "id": "c"}',
        b'{"id": true, "text": "a"}',
    ]
    _, rows = post(client, [*lines, b"{"])
    assert all("error" in row for row in rows)
    assert [row["id"] for row in rows[:3]] == ["a", 8, "c"]
    own = {row["id"] for row in rows[3:]}
    assert len(own) == 1
    assert not own & {True, "a"}


def stream(client, chunks: AsyncIterator[bytes]) -> list[dict]:
    """Play a client whose body comes in these parts; return the lines it gets."""
    sent: list[dict] = []

    async def receive():
        async for chunk in chunks:
            return {"type": "http.request", "body": chunk, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": "/v1/classify", "raw_path": b"/v1/classify", "query_string": b"", "root_path": "",
        "scheme": "http", "headers": [(b"content-type", b"application/x-ndjson")], "client": None,
        "server": None,
    }  # fmt: skip

    async def call():
        await asyncio.wait_for(client.app(scope, receive, send), 60)

    client.portal.call(call)
    return [json.loads(line) for line in b"".join(m.get("body", b"") for m in sent).splitlines()]


def test_a_stream_ends_when_no_line_comes_however_many_bytes_do(started):
    async def drips():
        yield b'"een regel"\n'
        while True:
            await asyncio.sleep(0.01)
            yield b"a"

    answered, end = stream(started(limits=Limits(body_timeout=0.3)), drips())
    assert answered["index"] == 0
    assert (end["error_type"], end["incomplete"]) == ("Timeout", True)


def test_lines_that_come_in_time_keep_a_stream_open(started):
    async def slowly():
        for _ in range(5):
            await asyncio.sleep(0.5)
            yield b'"a"\n'

    rows = stream(started(limits=Limits(body_timeout=2)), slowly())
    assert [row["index"] for row in rows] == list(range(5))


def test_a_line_in_20_000_pieces_after_15_megabytes_is_no_more_work_than_another(client):
    async def drips():  # joined anew for each piece, it would be 300 GB
        yield b'"' + b"a" * 15_000_000
        for _ in range(20_000):
            await asyncio.sleep(0)
            yield b"a"

    (row,) = stream(client, drips())
    assert (row["index"], row["error_type"]) == (0, "Validation")


def test_unfinished_lines_share_the_room_for_bodies(started):
    client = started(limits=Limits(body_bytes=1024 * 1024))
    room = client.app.state.service.room
    room.taken = MAX_LARGE_BODIES * 1024 * 1024 - 100_000

    async def long_line():
        yield b'"' + b"a" * 100_000
        yield b"a" * 100_000

    (end,) = stream(client, long_line())
    assert (end["error_type"], end["incomplete"]) == ("Overloaded", True)
    assert room.taken == MAX_LARGE_BODIES * 1024 * 1024 - 100_000
