"""Weights that workers share: the same logits, mapped, written once, and never a reason to fail."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pyspark
import pytest

from rubriek.engines.onnxruntime import OnnxRuntimeEngine
from rubriek.spark.sharing import shared

IDS = np.arange(60, dtype=np.int32).reshape(4, 15)
MASK = np.ones_like(IDS)


@pytest.fixture
def engine(tiny_a):
    return OnnxRuntimeEngine(tiny_a.model_file, precision="fp32", threads=1)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(pyspark.SparkFiles, "getRootDirectory", lambda: str(tmp_path))
    return tmp_path


def test_it_computes_the_same_over_weights_that_are_mapped(engine, root):
    packed = shared(engine, "weights")
    assert np.array_equal(packed.run(IDS, MASK), engine.run(IDS, MASK))
    assert (packed.threads, packed.precision) == (engine.threads, engine.precision)
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(root) in line]
    assert any(line.endswith("model.onnx.data") for line in mapped)


def test_it_is_written_once(engine, root):
    shared(engine, "weights")
    before = {file: file.stat().st_mtime_ns for file in (root / "weights").iterdir()}
    assert {file.name for file in before} == {"model.onnx", "model.onnx.data"}
    shared(engine, "weights")
    assert {file: file.stat().st_mtime_ns for file in (root / "weights").iterdir()} == before


def test_where_it_cannot_be_written_each_worker_has_its_own(engine, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(pyspark.SparkFiles, "getRootDirectory", lambda: str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING, "rubriek.spark"):
        assert shared(engine, "weights") is engine
    assert "its own copy of the weights" in caplog.text


def test_a_model_that_cannot_be_loaded_is_left_to_fail_where_it_is_used(root, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"broken")
    broken = OnnxRuntimeEngine(tmp_path / "broken.onnx", precision="fp32", threads=1)
    assert shared(broken, "broken") is broken
    assert not (root / "broken").exists()
