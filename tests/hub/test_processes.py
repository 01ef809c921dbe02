"""Several processes, and processes that are killed."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_server import HubServer, stalled

from rubriek import hub
from rubriek.hub import upkeep
from rubriek.models import Bundle

RESOLVE = """
import logging, sys
logging.basicConfig(filename=sys.argv[2], level=logging.INFO)
from rubriek import hub
print(hub.resolve(sys.argv[1]).folder)
"""


class Started:
    """A process that resolves a reference; its log says when it waits for another."""

    def __init__(self, ref: str, log: Path) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-c", RESOLVE, ref, str(log)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def waits(self) -> bool:
        return self.log.is_file() and "waiting for another process" in self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2400):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come to that in two minutes")


@pytest.fixture
def served(server: HubServer, saved_zip: bytes) -> HubServer:
    server.files["/news.zip"] = saved_zip
    return server


def unfinished(cache: Path) -> list[str]:
    return [path.name for part in ("downloads", "models") for path in (cache / part).glob(".*")]


@pytest.mark.parametrize("kind", ["saved by Spark NLP", "bundle"])
def test_ten_at_once_and_one_fetches(served, own_cache, tmp_path, kind, bundle_zip):
    """The server answers only when nine of them wait for the tenth."""
    if kind == "bundle":
        served.files["/news.zip"] = bundle_zip
    nine_wait = threading.Event()

    def late(handler):
        nine_wait.wait(180)
        handler.send(200, handler.content, **handler.tag)

    served.always = late
    started = [Started(f"{served.address}/news.zip", tmp_path / f"{number}.log") for number in range(10)]
    try:
        wait_until(lambda: sum(one.waits() for one in started) == 9)
        nine_wait.set()
        outputs = [one.process.communicate(timeout=180) for one in started]
    finally:
        nine_wait.set()
        for one in started:
            one.kill()
    assert [one.process.returncode for one in started] == [0] * 10, outputs
    assert len({out for out, _ in outputs}) == 1
    assert len(served.asked("/news.zip")) == 1
    assert unfinished(own_cache) == []


def test_one_that_is_killed_while_it_fetches_is_followed_by_one_that_waited(served, own_cache, tmp_path):
    half = len(served.files["/news.zip"]) // 2
    served.answers = [stalled(half)]
    address = f"{served.address}/news.zip"
    first = Started(address, tmp_path / "first.log")
    second = None
    try:
        parts = own_cache / "downloads"
        wait_until(lambda: any(part.stat().st_size == half for part in parts.glob(".*.part.zip")))
        second = Started(address, tmp_path / "second.log")
        wait_until(second.waits)
        first.kill()
        out, err = second.process.communicate(timeout=180)
    finally:
        first.kill()
        if second:
            second.kill()
    assert second.process.returncode == 0, err
    assert Bundle.open(out.strip(), verify=True).labels
    assert [headers.get("Range") for headers in served.asked("/news.zip")] == [None, f"bytes={half}-"]
    assert unfinished(own_cache) == []


def test_killed_at_any_moment_the_cache_heals(served, own_cache, tiny_a, tmp_path):
    """Kill the process after ever longer times, whatever it is at, until one gets through."""
    address = f"{served.address}/news.zip"
    moments, delay = random.Random(11), 0.0  # the first is killed before it has begun
    for number in range(100):
        one = Started(address, tmp_path / f"{number}.log")
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.process.wait(timeout=delay * moments.uniform(0.5, 1))
        done = one.process.poll() == 0
        one.kill()
        if done:
            break
        delay += 0.15
    assert number > 0, "none was killed"
    assert done
    bundle = hub.resolve(address)
    assert Bundle.open(bundle.folder, verify=True).labels == tiny_a.labels
    assert all(error is None for _, error in upkeep.verify())
    upkeep.prune()
    assert [path.name for path in (own_cache / "downloads").glob(".*")] == []


STEPS = """
import sys, os, signal
from rubriek import hub
from rubriek.hub import cache, download, fetching, local, unzipping
from rubriek.models import staging
from pathlib import Path

def killing(target, name, after=False):
    whole = getattr(target, name)
    def call(*arguments, **options):
        if after:
            whole(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(target, name, call)

module, name, after = sys.argv[2].split(":")
killing(eval(module), name, after == "after")
hub.resolve(sys.argv[1])
"""


@pytest.mark.parametrize(
    "moment",
    [
        "download:checked:before",
        "download:checked:after",
        "unzipping:_write:after",
        "staging:_sync:before",
        "staging:_put:before",
        "staging:_put:after",
        "fetching:_put:before",
        "fetching:_put:after",
        "cache:write:before",
        "cache:write:after",
        "local:import_model:before",
        "local:import_model:after",
    ],
)
def test_killed_at_a_step_the_next_one_finds_its_way(served, own_cache, tiny_a, moment):
    address = f"{served.address}/news.zip"
    done = subprocess.run(
        [sys.executable, "-c", STEPS, address, moment],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    bundle = hub.resolve(address)
    assert Bundle.open(bundle.folder, verify=True).labels == tiny_a.labels
    assert all(error is None for _, error in upkeep.verify())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upkeep, "STALE_SECONDS", 0)
        upkeep.prune()
    assert unfinished(own_cache) == []
    assert hub.resolve(address) == bundle
