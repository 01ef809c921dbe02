"""text-embeddings-inference with its ONNX Runtime backend, asked over loopback HTTP; option clients.

Its share of a message is the whole service: parsing, queue, tokenising, model.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import onnxruntime

from benchmarks.contenders.worker import serve
from benchmarks.peers import free_port, tei_command, tei_environment

START_SECONDS = 60


class EmbeddingsInference:
    def __init__(self, given: argparse.Namespace) -> None:
        self.clients = int(given.options["clients"])
        self.port = free_port()
        command = tei_command(given.model, self.port)
        self.server = subprocess.Popen(
            command, env={**os.environ, **tei_environment()}, stdout=subprocess.DEVNULL
        )
        self._wait()
        version = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=True)
        self.about = {"version": version.stdout.strip(), "onnxruntime": onnxruntime.__version__}

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while self.server.poll() is None and time.monotonic() < end:
            try:
                self.classify_one("Is er iemand?")
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise SystemExit(f"text-embeddings-router did not answer within {START_SECONDS} s")

    def classify(self, texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        with ThreadPoolExecutor(self.clients) as pool:
            return list(pool.map(self.classify_one, texts)), {}

    def classify_one(self, text: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(
            "POST", "/predict", json.dumps({"inputs": text}), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if response.status != http.client.OK:
            raise SystemExit(f"text-embeddings-router answered {response.status}: {answer}")
        return str(max(answer, key=lambda entry: entry["score"])["label"])

    def __del__(self) -> None:
        self.server.terminate()


if __name__ == "__main__":
    serve(EmbeddingsInference)
