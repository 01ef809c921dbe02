from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from benchmarks import from_bundle, peers
from benchmarks.commands import dated, write
from benchmarks.contenders import CONTENDERS, FP32, INT8, OPENVINO_FP32, REFERENCE, SPARK_NLP
from benchmarks.flops import Size, flops
from benchmarks.report import markdown
from benchmarks.results import Measured, Run, padding_in_arrival_order, share_equal
from benchmarks.targets import targets
from benchmarks.texts import ARTICLES, HEADLINES, MAX_LENGTH, PIECES, mixed_texts, piece_counts
from benchmarks.widen import widen
from hypothesis import given
from hypothesis import strategies as st

from abacus import ABACUS
from rubriek.models.bundle import Bundle
from rubriek.models.graph import BertConfig, build_bert_classifier
from rubriek.models.quantization import dequantize_graph, quantize_graph

ROOT = Path(__file__).parents[1]
SMALL = Size(hidden=4, feed_forward=8, layers=2, labels=3)


def test_flops_of_one_layer_counted_by_hand():
    # n = 2, h = 4, f = 8: 4 products (2,4)x(4,4) of 64 operations, 2 products (2,4)x(4,8) of 128,
    # scores and their use (2,4)x(4,2) and (2,2)x(2,4) of 32 each; pooler 32, classifier 24.
    one = Size(hidden=4, feed_forward=8, layers=1, labels=3)
    assert flops([2], one) == 4 * 64 + 2 * 128 + 2 * 32 + 32 + 24


def test_flops_of_a_last_layer_for_one_piece_counted_by_hand():
    # The first layer as above. The last: keys and values (2,4)x(4,4) of 64 each; query and output (1,4)x(4,4)
    # of 32 each; feed-forward (1,4)x(4,8) of 64 each; scores and their use of 16 each.
    whole = 4 * 64 + 2 * 128 + 2 * 32
    last = 2 * 64 + 2 * 32 + 2 * 64 + 2 * 16
    assert flops([2], SMALL, "first piece") == whole + last + 32 + 24


@given(st.lists(st.integers(2, 256), min_size=1, max_size=8))
def test_flops_add_up_over_texts_and_leaving_work_out_never_adds_any(lengths):
    assert flops(lengths, SMALL) == sum(flops([length], SMALL) for length in lengths)
    assert flops(lengths, SMALL, "first piece") < flops(lengths, SMALL)


def test_the_mix_has_the_stated_texts_and_pieces():
    texts = mixed_texts()
    lengths = piece_counts(texts, ROOT / "src/rubriek/bundled/nl-news/tokenizer.json")
    assert len(set(texts)) == ARTICLES + HEADLINES
    assert sum(lengths) == PIECES
    assert lengths.count(MAX_LENGTH) == ARTICLES


def test_the_mix_is_the_same_every_time_and_another_seed_gives_another():
    assert mixed_texts(3, 5) == mixed_texts(3, 5) != mixed_texts(3, 5, seed=1)


def test_a_peer_that_is_not_installed_is_named_with_its_install_line(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setenv("RUBRIEK_SHARED", str(tmp_path))
    present, missing = peers.split(CONTENDERS)
    assert missing[REFERENCE] == "scripts/bench --peers"
    assert "text-embeddings-router" in missing["text-embeddings-inference, 1 client"]
    assert {SPARK_NLP, "transformers pipeline, torch fp32, batch 8"} < set(missing)
    assert [contender.name for contender in present][:2] == [FP32, INT8]
    assert "not measured; install it: `scripts/bench --peers`" in markdown(a_run({}, missing=missing))


def test_only_those_whose_name_holds_a_text_are_chosen():
    present, missing = peers.split(CONTENDERS, only="RUBRIEK fp32")
    assert [contender.name for contender in present] == [FP32]
    assert missing == {}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 9))
def test_padding_in_arrival_order(lengths, batch):
    longest = [max(lengths[i // batch * batch :][:batch]) for i in range(len(lengths))]
    assert padding_in_arrival_order(lengths, batch) == pytest.approx(1 - sum(lengths) / sum(longest))


def test_share_equal():
    assert share_equal(["a", "b", "a", "b"], ["a", "b", "b", "b"]) == 0.75


def test_a_widened_model_gives_the_same_logits():
    sizes = {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 30,
        "max_position_embeddings": 16,
    }
    small = BertConfig(hidden_size=8, intermediate_size=16, num_labels=3, **sizes)
    wide = BertConfig(hidden_size=16, intermediate_size=32, num_labels=3, **sizes)
    weights = random_weights(small)
    ids = np.array([[2, 7, 9, 3], [2, 11, 3, 0]], np.int32)
    feed = {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int32)}
    logits = [
        onnxruntime.InferenceSession(build_bert_classifier(config, values).SerializeToString()).run(
            None, feed
        )
        for config, values in ((small, weights), (wide, widen(weights, small.num_attention_heads)))
    ]
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-5)
    assert np.std(logits[0]) > 1e-2


def test_weights_read_back_out_of_an_int8_graph_give_its_dequantized_logits(tmp_path):
    sizes = {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 1100,
        "max_position_embeddings": 16,
    }
    config = BertConfig(hidden_size=32, intermediate_size=64, num_labels=3, **sizes)
    weights = random_weights(config)
    weights["bert.encoder.layer.0.output.dense.bias"][3] = 40  # a channel that is far larger than the others
    rng = np.random.default_rng(1)
    ids = rng.integers(4, 1000, (6, 12), np.int32)
    mask = np.ones_like(ids)
    int8 = quantize_graph(build_bert_classifier(config, weights), [(ids, mask)])
    onnx.save(int8, tmp_path / "model.onnx")
    encoder = {"hidden_size": 32, "layers": 2, "heads": 2, "intermediate_size": 64, "vocab_size": 1100}
    bundle = Bundle(
        folder=tmp_path,
        name="tiny",
        labels=("a", "b", "c"),
        problem_type="single_label_classification",
        max_length=16,
        precision="int8",
        pad_id=0,
        unk_id=1,
        cls_id=2,
        sep_id=3,
        encoder={**encoder, "max_positions": 16},
    )
    made, read = from_bundle.huggingface(bundle)
    assert {name: weight.shape for name, weight in read.items()} == {
        name: weight.shape for name, weight in weights.items()
    }
    assert made["id2label"] == {"0": "a", "1": "b", "2": "c"}
    logits = [
        onnxruntime.InferenceSession(model.SerializeToString()).run(
            None, {"input_ids": ids, "attention_mask": mask}
        )[0]
        for model in (dequantize_graph(int8), build_bert_classifier(config, read))
    ]
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-4)
    assert np.std(logits[0]) > 1e-2


def random_weights(config: BertConfig) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    h, f = config.hidden_size, config.intermediate_size
    shapes = {
        "embeddings.word_embeddings.weight": (config.vocab_size, h),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, h),
        "embeddings.token_type_embeddings.weight": (2, h),
        "embeddings.LayerNorm.weight": (h,),
        "embeddings.LayerNorm.bias": (h,),
        "pooler.dense.weight": (h, h),
        "pooler.dense.bias": (h,),
    }
    for layer in range(config.num_hidden_layers):
        prefix = f"encoder.layer.{layer}."
        parts = {f"attention.self.{part}": (h, h) for part in ("query", "key", "value")}
        parts |= {"attention.output.dense": (h, h), "intermediate.dense": (f, h), "output.dense": (h, f)}
        for name, shape in parts.items():
            shapes |= {f"{prefix}{name}.weight": shape, f"{prefix}{name}.bias": shape[:1]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{prefix}{name}.weight": (h,), f"{prefix}{name}.bias": (h,)}
    shapes = {f"bert.{name}": shape for name, shape in shapes.items()}
    shapes |= {"classifier.weight": (config.num_labels, h), "classifier.bias": (config.num_labels,)}
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def a_run(seconds: dict[str, float], **changes: object) -> Run:
    """A run in which each contender took these seconds and gave the same labels."""
    run = Run("base", ABACUS, SMALL, [2, 3, 4], passes=1, peaks=[{"numpy": 1e-5}], **changes)
    for name, wall in seconds.items():
        one = Measured(name, name.startswith("rubriek"), weights=100)
        one.add_pass({"seconds": wall, "others": 0.0, "labels": ["a", "b", "b"]})
        one.latencies = [wall / 100] * 3
        run.measured.append(one)
    return run


def met(run: Run) -> dict[str, bool | None]:
    return {target.promise: target.met for target in targets(run)}


def test_targets_met_and_missed():
    run = a_run({SPARK_NLP: 30.0, REFERENCE: 8.0, FP32: 10.0, INT8: 2.5})
    assert met(run)["rubriek fp32 >= 2.7 x Spark NLP"] is True
    assert met(run)["rubriek int8 >= 2.5 x rubriek fp32"] is True
    assert met(run)["rubriek's fastest precision with >= 99 % agreement >= 10 x Spark NLP"] is True
    assert met(run)["one headline >= 8 x quicker than LightPipeline"] is True
    run.measured[2].seconds = [12.0]
    assert met(run)["rubriek fp32 >= 2.7 x Spark NLP"] is False


def test_both_engines_have_their_share_of_the_gemm_peak_judged():
    run = a_run({FP32: 10.0, OPENVINO_FP32: 10.0})
    run.peaks = [{"numpy": run.gflops(run.measured[0]) / 0.95}]
    run.measured[1].seconds = [11.0]
    assert met(run)[f">= 90 % of the fp32 GEMM peak: {FP32}"] is True
    assert met(run)[f">= 90 % of the fp32 GEMM peak: {OPENVINO_FP32}"] is False


def test_a_precision_that_disagrees_does_not_count_as_the_fastest():
    run = a_run({SPARK_NLP: 30.0, REFERENCE: 8.0, FP32: 10.0, INT8: 2.5})
    run.measured[3].labels = ["a", "b", "a"]
    assert met(run)["rubriek's fastest precision with >= 99 % agreement >= 10 x Spark NLP"] is False


def test_labels_of_more_texts_count_where_both_have_them():
    run = a_run({REFERENCE: 8.0, FP32: 10.0, INT8: 2.5})
    reference, fp32, int8 = run.measured
    int8.labels = ["a", "b", "a"]
    reference.more_labels, int8.more_labels = ["a"] * 9, ["a"] * 8 + ["b"]
    assert run.agreement(int8) == pytest.approx(10 / 12)
    assert run.agreement(fp32) == 1.0
    assert "9 more texts" in markdown(run)


def test_what_was_not_measured_is_neither_met_nor_missed():
    run = a_run({FP32: 10.0})
    assert met(run)["rubriek fp32 >= 2.7 x Spark NLP"] is None
    assert "| not measured | not measured |" in markdown(run)


def test_a_run_survives_its_json():
    run = a_run({SPARK_NLP: 30.0, FP32: 10.0})
    again = Run.from_dict(json.loads(json.dumps(run.to_dict())))
    assert markdown(again) == markdown(run)


def test_a_run_is_written_beside_its_pages_under_its_date(tmp_path):
    run = a_run({FP32: 10.0})
    write(tmp_path / "new", dated(run, "base"), run, md="# Pagina één")
    assert {file.name for file in (tmp_path / "new").iterdir()} == {
        "2000-01-01-base.md",
        "2000-01-01-base.json",
    }
    assert (tmp_path / "new/2000-01-01-base.md").read_text(encoding="utf-8") == "# Pagina één"
    again = Run.from_dict(json.loads((tmp_path / "new/2000-01-01-base.json").read_text(encoding="utf-8")))
    assert again == run


def test_a_worker_answers_in_json_whatever_its_libraries_print(tmp_path):
    texts = tmp_path / "texts.json"
    given = {"texts": ["kort", "lang"], "headlines": ["kop"], "more": ["meer"]}
    texts.write_text(json.dumps(given), encoding="utf-8")
    noisy = (
        "from benchmarks.contenders.worker import serve\n"
        "class Noisy:\n"
        "    about = {'version': '1'}\n"
        "    def __init__(self, given): print('loading', given.options)\n"
        "    def classify(self, texts):\n"
        "        print('noise')\n"
        "        return [text[0] for text in texts], {'padding': 0.5}\n"
        "    def classify_one(self, text): print('noise')\n"
        "serve(Noisy)\n"
    )
    command = [sys.executable, "-c", noisy, "--model", "m", "--texts", str(texts), "--max-length", "9"]
    done = subprocess.run(
        [*command, "--option", "a=b"],
        input='{"do": "pass"}\n{"do": "latency"}\n{"do": "more"}\n',
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    ready, whole, latency, more = map(json.loads, done.stdout.splitlines())
    assert ready["about"] == {"version": "1"}
    assert (whole["labels"], whole["padding"]) == (["k", "l"], 0.5)
    assert len(latency["seconds"]) == 1
    assert more == {"labels": ["m"]}
    assert "loading {'a': 'b'}" in done.stderr
