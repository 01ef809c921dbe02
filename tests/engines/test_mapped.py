"""Pages of a mapped file leave memory, and nothing else does."""

from __future__ import annotations

import mmap
import multiprocessing
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import tiny
from rubriek.engines.mapped import release_pages
from rubriek.engines.openvino import FIRST_CALLS, OpenVinoEngine
from rubriek.models.graph import build_bert_classifier

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT RUN: reads /proc")
SIZE = 1 << 20


def resident(file: Path) -> int:
    """Bytes of a file's mappings that are in memory."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith(str(file))
        elif inside and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights with a space.data"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path.resolve()


def test_pages_leave_memory_and_come_back_as_they_were(file):
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        before = mapped[:]
        assert resident(file) == SIZE
        release_pages(file)
        assert resident(file) == 0
        assert mapped[:] == before


def test_what_was_written_to_a_private_mapping_stays(file):
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        mapped[0] = 99
        release_pages(file)
        assert mapped[0] == 99


def test_a_file_that_is_not_mapped_is_no_trouble(tmp_path):
    release_pages(tmp_path / "nothing")


def resident_after_a_call(model: Path, pieces: int) -> int:
    """Bytes of the weights' file that OpenVINO keeps in memory; computed in a process of its own."""
    engine = OpenVinoEngine(model, precision="fp32", threads=1)
    ids = np.full((1, pieces), 5, np.int32)
    engine.run(ids, np.ones_like(ids))
    return resident(model.with_name("model.onnx.data"))


@pytest.mark.parametrize("instructions", ["DEFAULT", "AVX2"])
@pytest.mark.parametrize("pieces", FIRST_CALLS)
def test_openvino_leaves_the_weights_that_it_arranged_at_its_start_in_the_file(
    tmp_path, monkeypatch, instructions, pieces
):
    # Which kernel a length gets depends on the processor: AVX2 has one of its own for a lone text of fewer
    # than eight pieces, and reads a quarter of the file for it when the first such text comes. So the lengths
    # here are those that a session opens with. What remains are the embeddings and small tensors, each with
    # the pages around it that Linux maps at the same time.
    config = replace(
        tiny.sizes(["x"] * 30, 3), hidden_size=256, intermediate_size=1024, max_position_embeddings=64
    )
    model = build_bert_classifier(config, tiny.random_weights(config))
    path = tmp_path.resolve() / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="model.onnx.data", size_threshold=1024)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", instructions)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        kept = process.submit(resident_after_a_call, path, pieces).result(timeout=120)
    assert kept < path.with_name("model.onnx.data").stat().st_size / 2
