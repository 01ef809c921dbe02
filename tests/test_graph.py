from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_bert
import tiny
from rubriek.errors import UnsupportedModelError
from rubriek.models.graph import BertConfig, build_bert_classifier

# Logits of the reference implementation are given to six decimals; fp32 sums differ in the last few bits.
TOLERANCE = 1e-4


def runner(model):
    session = onnxruntime.InferenceSession(model.SerializeToString())

    def run(ids, mask=None):
        ids = np.asarray(ids, np.int32)
        mask = np.ones_like(ids) if mask is None else np.asarray(mask, np.int32)
        return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]

    return run


@st.composite
def configs(draw):
    heads = draw(st.sampled_from([1, 2, 4]))
    return BertConfig(
        hidden_size=heads * draw(st.sampled_from([2, 4, 8])),
        num_hidden_layers=draw(st.integers(1, 4)),
        num_attention_heads=heads,
        intermediate_size=draw(st.integers(1, 40)),
        vocab_size=draw(st.integers(5, 50)),
        max_position_embeddings=20,
        num_labels=draw(st.integers(1, 5)),
        type_vocab_size=draw(st.integers(1, 3)),
        layer_norm_eps=draw(st.sampled_from([1e-12, 1e-5])),
        hidden_act=draw(st.sampled_from(sorted(reference_bert.ACTIVATIONS))),
    )


@settings(max_examples=25)
@given(config=configs(), seed=st.integers(0, 100), data=st.data())
def test_any_bert_gives_what_plain_numpy_gives_alone_and_in_a_batch(config, seed, data):
    weights = tiny.random_weights(config, seed)
    piece = st.integers(0, config.vocab_size - 1)
    texts = data.draw(st.lists(st.lists(piece, min_size=1, max_size=20), min_size=1, max_size=4))
    padding = data.draw(piece)
    width = max(map(len, texts))
    ids = [text + [padding] * (width - len(text)) for text in texts]
    mask = [[1] * len(text) + [0] * (width - len(text)) for text in texts]
    model = build_bert_classifier(config, weights)
    onnx.checker.check_model(model, full_check=True)
    run = runner(model)
    expected = np.stack([reference_bert.logits(config, weights, text) for text in texts])
    np.testing.assert_allclose(run(ids, mask), expected, atol=TOLERANCE, rtol=TOLERANCE)
    alone = np.concatenate([run([text]) for text in texts])
    np.testing.assert_allclose(run(ids, mask), alone, atol=1e-5, rtol=1e-5)


def from_folder(folder: Path, weights: dict) -> onnx.ModelProto:
    stored = json.loads((folder / "config.json").read_text())
    stored["num_labels"] = weights["classifier.bias"].size
    known = {field.name for field in fields(BertConfig)}
    return build_bert_classifier(BertConfig(**{k: v for k, v in stored.items() if k in known}), weights)


@pytest.mark.parametrize("name", ["tiny-a", "tiny-b"])
def test_trained_models_give_the_logits_of_the_reference(name, data):
    from rubriek.models.weights import read_weights

    folder = data / name
    tensors = {key: tensor.float32() for key, tensor in read_weights(folder).tensors.items()}
    run = runner(from_folder(folder, tensors))
    rows = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    assert len(rows) >= 10
    for row in rows:
        np.testing.assert_allclose(run([row["input_ids"]])[0], row["logits"], atol=TOLERANCE)


def test_the_order_of_pieces_counts():
    config = tiny.sizes(["x"] * 20, 3)
    run = runner(build_bert_classifier(config, tiny.random_weights(config)))
    assert np.abs(run([[2, 7, 9, 3]]) - run([[2, 9, 7, 3]])).max() > 1e-3


@pytest.mark.parametrize(
    ("change", "found"), [({"hidden_act": "silu"}, "silu"), ({"num_attention_heads": 3}, "3")]
)
def test_what_cannot_be_built_is_named(change, found):
    config = tiny.sizes(["x"] * 20, 3)
    with pytest.raises(UnsupportedModelError, match=found):
        build_bert_classifier(replace(config, **change), tiny.random_weights(config))
