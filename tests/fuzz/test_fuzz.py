"""No file and no request makes a parser do anything but answer or raise one of rubriek's errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from fuzz_parsers import PARSERS
from fuzz_worker import ITSELF
from fuzzing import CORPUS, Worker, fuzz, replay

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")

KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


@pytest.mark.parametrize("parser", PARSERS)
def test_changed_files(worker, parser):
    found = fuzz(worker, parser, seed=1, cases=PARSERS[parser].cases)
    assert found.cases == PARSERS[parser].cases
    assert not found.finds


@pytest.mark.parametrize("file", KEPT, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_was_found_once(worker, file):
    assert replay(worker, file.parent.name, file) is None


@pytest.mark.parametrize(
    ("fault", "find"),
    [
        ("raise KeyError('a')", "KeyError"),
        ("import os; os.abort()", "status -6"),
        ("while True: pass", "status -27"),
        ("bytearray(2 * 10**9)", "MemoryError"),
        ("(folder.parent / 'a').write_text('')", "a file outside"),
        ("(folder.parent / 'a').mkdir()", "a file outside"),
        ("(folder / 'a').mkdir()", None),
        ("from rubriek.errors import ModelError; raise ModelError('a')", None),
    ],
)
def test_faults_are_found(fault, find, tmp_path):
    """The harness itself, with a parser that runs its file."""
    (tmp_path / "case").write_text(fault)
    with Worker() as worker:
        found = replay(worker, ITSELF, tmp_path / "case", seconds=1)
    assert found is None if find is None else find in str(found)
