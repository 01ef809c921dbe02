"""What every engine owes, each tested with the same body."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest

import tiny
from rubriek.engines import cpu, inputs, onnxruntime
from rubriek.engines import sessions as engine_sessions
from rubriek.engines.onnxruntime import OnnxRuntimeEngine
from rubriek.engines.openvino import OpenVinoEngine
from rubriek.errors import BundleError, EngineError
from rubriek.hub import resolve
from rubriek.models.graph import build_bert_classifier


@pytest.fixture(params=[OnnxRuntimeEngine, OpenVinoEngine], ids=["onnxruntime", "openvino"])
def open_engine(request):
    def make(file, precision="fp32", threads=2):
        return request.param(file, precision=precision, threads=threads)

    return make


@pytest.fixture(scope="module")
def expected(data):
    return [json.loads(line) for line in (data / "tiny-a" / "expected.jsonl").read_text().splitlines()]


def logits(engine, rows):
    texts = [np.array([row["input_ids"]], np.int32) for row in rows]
    return np.concatenate([engine.run(ids, np.ones_like(ids)) for ids in texts])


def test_fp32_gives_the_logits_of_the_reference(open_engine, tiny_a, expected):
    found = logits(open_engine(tiny_a.model_file), expected)
    # Made by transformers 5.23 with torch 2.13, given to six decimals.
    np.testing.assert_allclose(found, [row["logits"] for row in expected], atol=1e-4)


def test_it_says_what_it_is(open_engine, tiny_a):
    engine = open_engine(tiny_a.model_file, threads=2)
    assert engine.name.split()[0] in ("onnxruntime", "openvino")
    assert engine.name.split()[1][0].isdigit()
    assert (engine.precision, engine.threads) == ("fp32", 2)
    assert 1 <= engine.parallel <= 2
    assert engine.token_budget >= 256


def test_calls_at_the_same_time_do_not_mix(open_engine, tiny_a, expected):
    engine = open_engine(tiny_a.model_file)
    rows = expected * 3
    with ThreadPoolExecutor(4) as pool:
        found = np.concatenate(list(pool.map(lambda row: logits(engine, [row]), rows)))
    np.testing.assert_allclose(found, [row["logits"] for row in rows], atol=1e-4)


FIRST_CALLS = """
import importlib, sys, threading
from pathlib import Path
import numpy as np

sys.setswitchinterval(1e-6)
module, name, file = sys.argv[1:]
engine = getattr(importlib.import_module(module), name)(Path(file), precision="fp32", threads=8)
ids = np.array([[2, 5, 6, 3]], np.int32)
together = threading.Barrier(8)

def call():
    together.wait()
    engine.run(ids, np.ones_like(ids))

threads = [threading.Thread(target=call, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_calls_of_a_process_may_come_at_once(open_engine, tiny_a):
    # OpenVINO's Python binding let two of them wait for each other for ever, in one process of three.
    engine = type(open_engine(tiny_a.model_file))
    command = [sys.executable, "-c", FIRST_CALLS, engine.__module__, engine.__name__, str(tiny_a.model_file)]
    for process in [subprocess.Popen(command) for _ in range(8)]:
        try:
            assert process.wait(timeout=120) == 0
        finally:
            process.kill()


def test_a_lone_batch_gets_the_logits_that_it_gets_among_others(open_engine, tiny_a, expected):
    engine = open_engine(tiny_a.model_file)
    ids = np.array([(row["input_ids"] * 8)[:64] for row in expected[:4]], np.int32)
    among, alone = (engine.run(ids, np.ones_like(ids), alone=value) for value in (False, True))
    np.testing.assert_allclose(alone, among, atol=1e-6)


@pytest.fixture
def sessions(monkeypatch):
    """How many threads each of ONNX Runtime's sessions has that is opened meanwhile."""
    opened = []
    make = onnxruntime.ort.InferenceSession

    def counting(file, options, **settings):
        opened.append(options.intra_op_num_threads)
        return make(file, options, **settings)

    monkeypatch.setattr(onnxruntime.ort, "InferenceSession", counting)
    return opened


def test_sessions_are_opened_when_a_call_wants_them(tiny_a, sessions):
    engine = OnnxRuntimeEngine(tiny_a.model_file, precision="fp32", threads=3)
    ids = np.array([[2, 700, 3]], np.int32)
    for alone in (False, False, True, True, False):
        engine.run(ids, np.ones_like(ids), alone=alone)
    assert sessions == [1, 3]


def test_calls_at_the_same_time_have_sessions_of_their_own_up_to_the_threads(tiny_a, sessions, monkeypatch):
    together = threading.Barrier(4)
    values = onnxruntime.OnnxRuntimeSession.values

    def waiting(session, ids, mask, names):
        together.wait(60)
        return values(session, ids, mask, names)

    monkeypatch.setattr(onnxruntime.OnnxRuntimeSession, "values", waiting)
    engine = OnnxRuntimeEngine(tiny_a.model_file, precision="fp32", threads=3)
    ids = np.array([[2, 700, 3]], np.int32)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            calls = [pool.submit(engine.run, ids, np.ones_like(ids)) for _ in range(4)]
            found = [call.result() for call in calls]
    assert sessions == [1, 1, 1]
    np.testing.assert_allclose(found, [found[0]] * 4, atol=1e-6)


@pytest.mark.parametrize("first", [False, True])
def test_a_large_model_is_held_once(tiny_a, sessions, monkeypatch, first):
    monkeypatch.setattr(engine_sessions, "COPIES", 2 * tiny_a.model_file.stat().st_size - 1)
    engine = OnnxRuntimeEngine(tiny_a.model_file, precision="fp32", threads=3)
    ids = np.array([[2, 700, 3]], np.int32)
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(engine.run, ids, np.ones_like(ids), alone=alone) for alone in (first, not first) * 4
        ]
        found = [call.result() for call in calls]
    assert len(sessions) == 1
    np.testing.assert_allclose(found, [found[0]] * 8, atol=1e-6)


@pytest.fixture
def compiled(monkeypatch):
    """How many streams each of OpenVINO's models has that is compiled meanwhile."""
    made = []
    start = OpenVinoEngine._start

    def counting(engine, *, streams):
        made.append(streams)
        return start(engine, streams=streams)

    monkeypatch.setattr(OpenVinoEngine, "_start", counting)
    return made


def test_openvino_has_a_stream_for_each_of_many_calls_and_one_for_lone_ones(tiny_a, expected, compiled):
    engine = OpenVinoEngine(tiny_a.model_file, precision="fp32", threads=3)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(logits, engine, [row]) for row in expected * 4]
        found = np.concatenate([call.result() for call in calls])
    assert (compiled, engine.parallel) == ([3], 3)
    np.testing.assert_allclose(found, [row["logits"] for row in expected * 4], atol=1e-4)
    ids = np.array([[2, 700, 3]], np.int32)
    for alone in (True, False, True):
        engine.run(ids, np.ones_like(ids), alone=alone)
    assert compiled == [3, 1]


@pytest.mark.parametrize(("first", "streams"), [(False, 3), (True, 1)])
def test_openvino_holds_a_large_model_once(tiny_a, compiled, monkeypatch, first, streams):
    monkeypatch.setattr(engine_sessions, "COPIES", 2 * tiny_a.model_file.stat().st_size - 1)
    engine = OpenVinoEngine(tiny_a.model_file, precision="fp32", threads=3)
    ids = np.array([[2, 700, 3]], np.int32)
    found = [engine.run(ids, np.ones_like(ids), alone=alone) for alone in (first, not first) * 2]
    assert (compiled, engine.parallel) == ([streams], streams)
    np.testing.assert_allclose(found, [found[0]] * 4, atol=1e-6)


def test_no_thread_waits_actively_between_calls(tiny_a):
    engine = OnnxRuntimeEngine(tiny_a.model_file, precision="fp32", threads=2)
    ids = np.full((8, 64), 700, np.int32)
    engine.run(ids, np.ones_like(ids), alone=True)
    started = time.process_time()
    threading.Event().wait(0.3)
    assert time.process_time() - started < 0.15


def in_child(engine, rows, send):
    send.send(logits(engine, rows))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("used_before", [False, True])
def test_an_engine_works_in_a_fork(open_engine, tiny_a, expected, used_before):
    engine = open_engine(tiny_a.model_file)
    if used_before:
        logits(engine, expected[:1])
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=in_child, args=(engine, expected[:2], send))
    child.start()
    assert receive.poll(60), "the child hangs"
    np.testing.assert_allclose(receive.recv(), [row["logits"] for row in expected[:2]], atol=1e-4)
    child.join(60)
    assert child.exitcode == 0


def test_a_pickled_engine_opens_its_own_session(open_engine, tiny_a, expected):
    engine = open_engine(tiny_a.model_file)
    logits(engine, expected[:1])
    copy = pickle.loads(pickle.dumps(engine))
    np.testing.assert_array_equal(logits(copy, expected[:1]), logits(engine, expected[:1]))


@pytest.mark.parametrize("content", [None, b"", b"no model", "cut"])
def test_a_missing_or_broken_file_is_no_traceback_from_the_depths(open_engine, tiny_a, tmp_path, content):
    file = tmp_path / "model.onnx"
    if content is not None:
        file.write_bytes(tiny_a.model_file.read_bytes()[:5000] if content == "cut" else content)
    ids = np.ones((1, 3), np.int32)
    with pytest.raises(BundleError, match=r"model\.onnx"):
        open_engine(file).run(ids, ids)


def test_numbers_that_are_not_finite_are_refused(open_engine, tmp_path):
    config = tiny.sizes(["x"] * 30, 3)
    weights = tiny.random_weights(config)
    weights["classifier.bias"][1] = np.inf
    onnx.save(build_bert_classifier(config, weights), tmp_path / "model.onnx")
    ids = np.ones((2, 3), np.int32)
    with pytest.raises(EngineError, match="2 of 2 rows"):
        open_engine(tmp_path / "model.onnx").run(ids, ids)


def test_a_piece_outside_the_vocabulary_is_an_error(tiny_a, capfd):
    ids = np.array([[2, 999_999, 3]], np.int32)
    with pytest.raises(EngineError, match="tokenizer"):
        OnnxRuntimeEngine(tiny_a.model_file, precision="fp32", threads=1).run(ids, np.ones_like(ids))
    assert capfd.readouterr() == ("", "")


def test_onnxruntime_has_no_bf16(tiny_a):
    with pytest.raises(EngineError, match="openvino"):
        OnnxRuntimeEngine(tiny_a.model_file, precision="bf16", threads=1)


def test_openvino_computes_in_what_was_asked_for_and_nothing_else(tiny_a, expected):
    exact = np.array([row["logits"] for row in expected])
    engine = OpenVinoEngine(tiny_a.model_file, precision="bf16", threads=1)
    if "avx512_bf16" not in cpu.cpu_flags():
        with pytest.raises(EngineError, match="bf16"):
            logits(engine, expected)
        return
    difference = np.abs(logits(engine, expected) - exact).max()
    assert 1e-3 < difference < 0.5  # 8 bits of mantissa, logits up to 7


def test_int8_with_bf16_between_is_asked_for_by_name(expected):
    file = resolve("nl-news").folder / "model.onnx"
    ids = np.array([(row["input_ids"] * 8)[:64] for row in expected[:8]], np.int32)
    plain = OpenVinoEngine(file, precision="int8", threads=1, weight_bits=7).run(ids, np.ones_like(ids))
    engine = OpenVinoEngine(file, precision="int8-bf16", threads=1, weight_bits=7)
    assert engine.precision == "int8-bf16"
    if "avx512_bf16" not in cpu.cpu_flags():
        with pytest.raises(EngineError, match="precision='int8'"):
            engine.run(ids, np.ones_like(ids))
        return
    difference = np.abs(engine.run(ids, np.ones_like(ids)) - plain).max()
    # bf16 has 8 bits of mantissa, and what it moves over a step of int8 moves by that step.
    assert 1e-3 < difference < 0.5


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """Make the engines believe that the processor is another one."""

    def pretend(flags, machine):
        info = tmp_path / "cpuinfo"
        if flags is not None:
            info.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: none\n")
        monkeypatch.setattr(cpu, "CPU_INFO", info)
        monkeypatch.setattr("platform.machine", lambda: machine)
        cpu.int8_kernel.cache_clear()

    yield pretend
    cpu.int8_kernel.cache_clear()


@pytest.mark.parametrize(
    ("flags", "machine", "saturates", "kernel"),
    [
        ("fpu avx2", "x86_64", True, "AVX2 without VNNI"),
        ("fpu avx2 avx512f avx512bw", "x86_64", True, "AVX512 without VNNI"),
        ("fpu avx512f avx512bw avx512_vnni", "x86_64", False, "AVX512 VNNI"),
        ("fpu avx_vnni", "x86_64", False, "AVX VNNI"),
        ("fpu avx_vnni avx512_vnni amx_int8", "x86_64", False, "AMX"),
        (None, "AMD64", True, "AVX2 without VNNI"),
        ("fp asimd", "aarch64", False, "no int8 instructions"),
        ("fp asimd asimddp", "aarch64", False, "dot products"),
    ],
)
def test_weights_of_8_bits_may_saturate_without_vnni_and_those_of_7_never(
    processor, tiny_a, flags, machine, saturates, kernel
):
    processor(flags, machine)
    assert cpu.int8_kernel() == kernel
    assert cpu.int8_may_saturate(8) is saturates
    assert cpu.int8_may_saturate(7) is False
    OpenVinoEngine(tiny_a.model_file, precision="int8", threads=1, weight_bits=7)
    if saturates:
        with pytest.raises(EngineError, match="quantize the model again"):
            OpenVinoEngine(tiny_a.model_file, precision="int8", threads=1)


@pytest.mark.parametrize(("weight_bits", "exact_kernel_asked_for"), [(7, False), (8, True)])
def test_the_slower_exact_kernel_is_for_weights_that_need_it_only(
    processor, monkeypatch, tiny_a, weight_bits, exact_kernel_asked_for
):
    processor("fpu avx2", "x86_64")
    entries = {}
    monkeypatch.setattr(
        onnxruntime.ort.SessionOptions,
        "add_session_config_entry",
        lambda options, name, value: entries.update({name: value}),
    )
    ids = np.ones((1, 3), np.int32)
    OnnxRuntimeEngine(tiny_a.model_file, precision="int8", threads=1, weight_bits=weight_bits).run(ids, ids)
    assert ("session.x64quantprecision" in entries) is exact_kernel_asked_for


def test_an_input_that_no_text_classifier_has_is_named():
    ids = np.ones((1, 2), np.int32)
    with pytest.raises(BundleError, match="pixel_values"):
        inputs.feed({"input_ids": np.int64, "pixel_values": np.int64}, ids, ids)
