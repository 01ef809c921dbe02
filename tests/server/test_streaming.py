from __future__ import annotations

import http.client
import json

import pytest

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
