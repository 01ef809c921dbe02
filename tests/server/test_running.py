"""The service as a process: how it starts, reloads, ends, and bears with its clients."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from serving_process import MAIN, PATIENCE, serving

BODY = json.dumps({"text": "De koning opent een museum"}).encode()


def ask(url: str, body: bytes = BODY, **headers: str) -> tuple[int, dict]:
    request = urllib.request.Request(
        f"{url}/v1/classify", body, {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read()


class Load:
    """Clients that ask one request after the other, each on a connection of its own, until told to stop."""

    def __init__(self, url: str, clients: int = 8) -> None:
        self.url = url
        self.answered = 0
        self.refused = 0
        self.lost: list[BaseException] = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.going = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()
        assert self.going.wait(PATIENCE)

    def _ask(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            body = json.dumps(
                {"text": f"De koning opent museum {number} {count} " * (1 + count % 20)}
            ).encode()
            try:
                status, told = ask(self.url, body)
                assert (status, len(told.get("results", []))) == (200, 1), told
            except urllib.error.URLError as error:
                if isinstance(error.reason, ConnectionRefusedError):
                    self.refused += 1
                    return
                self.lost.append(error)
            except BaseException as error:
                self.lost.append(error)
            with self._lock:
                self.answered += 1
                if self.answered >= 50:
                    self.going.set()

    def stop(self) -> None:
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)


def test_sigterm_under_load_loses_no_request_that_was_taken_on(tiny_a):
    with serving("--model", f"tiny-a={tiny_a.folder}") as service:
        load = Load(service.url, clients=24)
        service.send(signal.SIGTERM)
        load.wait()
        status = service.wait()
    assert (status, load.lost) == (0, [])
    assert load.refused == 24
    assert not [line for line in service.log if line.get("level") == "error"]


def test_while_it_ends_it_is_not_ready(tiny_a):
    with serving("--model", f"tiny-a={tiny_a.folder}") as service:
        assert json.loads(get(f"{service.url}/health/ready")) == {"status": "ready"}
        service.send(signal.SIGTERM)
        service.logged("ending")
        with pytest.raises(urllib.error.HTTPError, match="503") as error:
            get(f"{service.url}/health/ready")
        assert error.value.headers["Connection"] == "close"
        error.value.close()


def test_sighup_loads_models_and_keys_anew_and_loses_nothing(tiny_a, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# van de redactie\neen-heel-lange-sleutel\n", encoding="utf-8")
    with serving("--model", f"tiny-a={tiny_a.folder}", "--keys", str(keys)) as service:
        assert ask(service.url)[0] == 401
        assert ask(service.url, Authorization="Bearer een-heel-lange-sleutel")[0] == 200
        keys.write_text("een-andere-lange-sleutel\n", encoding="utf-8")
        service.send(signal.SIGHUP)
        service.logged("the models were loaded anew")
        assert ask(service.url, Authorization="Bearer een-heel-lange-sleutel")[0] == 401
        assert ask(service.url, Authorization="Bearer een-andere-lange-sleutel")[0] == 200
        keys.write_text("kort\n", encoding="utf-8")
        service.send(signal.SIGHUP)
        service.logged("the keys could not be read anew")
        assert ask(service.url, Authorization="Bearer een-andere-lange-sleutel")[0] == 200


def test_reloading_under_load_drops_no_request(tiny_a):
    with serving("--model", f"tiny-a={tiny_a.folder}") as service:
        load = Load(service.url)
        for count in range(1, 4):
            service.send(signal.SIGHUP)
            service.logged("the models were loaded anew", times=count)
        load.stop()
    assert load.lost == []
    assert load.refused == 0


def test_many_sighups_at_once_are_a_few_reloads(tiny_a):
    with serving("--model", f"tiny-a={tiny_a.folder}") as service:
        for _ in range(40):
            service.send(signal.SIGHUP)
        service.logged("the models were loaded anew")
        assert ask(service.url)[0] == 200
        service.send(signal.SIGTERM)
        assert service.wait() == 0
    assert sum("anew" in line["message"] for line in service.log) <= 5


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_it_answers_and_ends_with_its_standard_files_closed(tiny_a, closed):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", MAIN, "serve", "--port", str(port), "--model", f"a={tiny_a.folder}"]
    service = subprocess.Popen(["sh", "-c", f"exec {shlex.join(command)} {closed}"])
    try:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                assert ask(url)[0] == 200
                break
            except urllib.error.URLError:
                assert service.poll() is None
        service.terminate()
        assert service.wait(PATIENCE) == 0
    finally:
        service.kill()


def test_several_workers_answer_count_together_and_replace_each_other(tiny_a):
    arguments = ("--model", f"tiny-a={tiny_a.folder}", "--workers", "2", "--threads", "2")
    with serving(*arguments) as service:
        for _ in range(20):
            assert ask(service.url)[0] == 200
        metrics = get(f"{service.url}/metrics").decode()
        assert 'rubriek_requests_total{route="/v1/classify",status="200"} 20.0' in metrics
        pids = {line["pid"] for line in service.log if line["message"] == "ready"}
        assert len(pids) == 2
        os.kill(min(pids), signal.SIGKILL)
        service.logged("a worker died", pid=min(pids))
        service.logged("ready", times=3)
        service.send(signal.SIGHUP)
        service.logged("the models were loaded anew", times=2)
        assert ask(service.url)[0] == 200
        load = Load(service.url)
        service.send(signal.SIGTERM)
        load.wait()
        assert service.wait() == 0
    assert load.lost == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "er-is-niets"], "There is no model"),
        (["--model", "a=nl-news", "--model", "a=nl-news"], "Two models are called 'a'"),
        (["--keys", "er-is-niets"], "The file of keys cannot be read"),
        (["--workers", "3", "--threads", "2"], "3 workers cannot share 2 threads"),
        (["--model", "er-is-niets", "--workers", "2", "--threads", "2"], "There is no model"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(arguments, message):
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(process):
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "serve", "--port", str(process.port)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


def connected(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.settimeout(PATIENCE)
    return client


def head(length: int) -> bytes:
    kind = b"Host: localhost\r\nContent-Type: application/json"
    return b"POST /v1/classify HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n" % (kind, length)


def test_half_closed_and_broken_connections_bother_nobody(process):
    with connected(process.port) as client:
        client.sendall(head(len(BODY)) + BODY[:10])
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000) == b""
    for sent in (b"", b"GET", head(10), head(len(BODY)) + BODY):
        with connected(process.port) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.sendall(sent)
    with connected(process.port) as client:
        client.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400")
    assert ask(process.url)[0] == 200
    assert not [line for line in process.log if "exception" in line]


def test_clients_that_dawdle_are_let_go(tiny_a):
    with (
        serving("--model", f"tiny-a={tiny_a.folder}", "--body-timeout", "0.3") as service,
        connected(service.port) as body,
        connected(service.port) as headers,
        connected(service.port) as still,
    ):
        body.sendall(head(1000) + b"{")
        headers.sendall(b"POST /v1/classify HTTP/1.1\r\nHost:")
        assert ask(service.url)[0] == 200
        answer = body.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer.lower()
        assert headers.recv(1000) == b""
        assert still.recv(1000) == b""


def test_its_log_is_json_lines_with_the_request_s_id(process):
    ask(process.url, **{"X-Request-Id": "kijk-hier"})
    line = process.logged("request", id="kijk-hier")
    assert (line["status"], line["method"], line["path"], line["texts"]) == (200, "POST", "/v1/classify", 1)
    assert line["ms"] >= line["inference_ms"] >= 0
    assert all("time" in line and "level" in line for line in process.log)
