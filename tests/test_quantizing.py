from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import test_onnx_folder
from rubriek.errors import AgreementError, ModelError, OptionError, UnsupportedModelError
from rubriek.models import Bundle, import_model, quantize


@pytest.fixture(scope="module")
def texts(data):
    lines = (data / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_an_int8_bundle_records_its_agreement(tiny_a, texts, tmp_path):
    before = Bundle.open(tiny_a.folder, verify=True)
    bundle = quantize(tiny_a, tmp_path / "tiny-int8", sample=texts, min_agreement=0.9, sample_name="golden")
    assert Bundle.open(bundle.folder, verify=True) == bundle
    assert (bundle.name, bundle.precision) == ("tiny-int8", "int8")
    assert bundle.size < 0.5 * tiny_a.size
    measured = bundle.agreement
    assert (measured.documents, measured.sample) == (sum(text is not None for text in texts), "golden")
    assert 0.9 <= measured.agreement <= 1
    assert 0 < measured.largest_score_difference < 0.5
    assert bundle.source["quantized_from"] == {"name": tiny_a.name, "checksums": tiny_a.checksums}
    for name in ("labels", "problem_type", "max_length", "pad_id", "unk_id", "cls_id", "sep_id", "encoder"):
        assert getattr(bundle, name) == getattr(tiny_a, name)
    assert Bundle.open(tiny_a.folder, verify=True) == before
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-int8"]


def test_it_is_told_how_a_quantization_gets_on(tiny_a, texts, tmp_path):
    told = []

    def track(items, what):
        assert len(items) > 1
        for item in items:
            yield item
            told.append(what)

    quantize(tiny_a, tmp_path / "int8", sample=texts, min_agreement=0, track=track)
    # Two layers of four activations that linear layers read; in the last the [CLS] rows are one more.
    assert told.count("Rounding weights") == 9
    assert list(dict.fromkeys(told)) == ["Measuring activations", "Rounding weights"]


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_other_problem_types(kind, request, tmp_path):
    bundle = request.getfixturevalue(kind)
    words = ["de Kamer zegt", "minister Amsterdam een", "a b c", "café!"]
    lower = quantize(bundle, tmp_path / "int8", sample=words, min_agreement=0)
    assert lower.problem_type == bundle.problem_type
    assert lower.agreement.documents == 4


def test_a_graph_without_linear_layers_is_refused(tmp_path):
    source = test_onnx_folder.onnx_folder(tmp_path / "bag")
    bundle = import_model(source, tmp_path / "bundles" / "bag")
    with pytest.raises(UnsupportedModelError, match="nothing to quantize"):
        quantize(bundle, tmp_path / "bundles" / "int8", sample=["a b"])
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == ["bag"]


@pytest.fixture
def ruined(monkeypatch):
    """A quantization that turns the first label's weights round."""

    def quantize_graph(model, batches, track):
        assert all(ids.shape == mask.shape for ids, mask in batches)
        for tensor in model.graph.initializer:
            if tensor.dims and tensor.data_type == onnx.TensorProto.FLOAT:
                tensor.CopyFrom(
                    numpy_helper.from_array(np.array(-numpy_helper.to_array(tensor)), tensor.name)
                )
        return model

    monkeypatch.setattr("rubriek.models.quantizing.quantize_graph", quantize_graph)


def test_below_the_agreement_asked_for_nothing_is_left(tiny_a, texts, tmp_path, ruined):
    with pytest.raises(AgreementError, match=r"at least 99\.00%") as caught:
        quantize(tiny_a, tmp_path / "int8", sample=texts)
    assert "largest score difference" in caught.value.found
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_is_there_survives_a_quantization_that_fails(tiny_a, texts, tmp_path, ruined):
    first = quantize(tiny_a, tmp_path / "int8", sample=texts, min_agreement=0)
    with pytest.raises(AgreementError):
        quantize(tiny_a, tmp_path / "int8", sample=texts, overwrite=True)
    assert Bundle.open(tmp_path / "int8", verify=True) == first


def test_by_default_it_goes_into_the_cache(tiny_a, cache, ruined):
    bundle = quantize(tiny_a.folder, sample=["Ajax wint"], min_agreement=0)
    assert bundle.folder == cache / "models" / "tiny-a-int8"
    with pytest.raises(ModelError, match="not an fp32 one"):
        quantize("tiny-a-int8", sample=["Ajax wint"])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"sample": []}, "no texts"),
        ({"sample": ["a"], "min_agreement": 99}, "share"),
        ({"sample": ["a"], "name": "a/b"}, "name"),
    ],
)
def test_options_that_cannot_be_used(tiny_a, tmp_path, options, match):
    with pytest.raises(OptionError, match=match):
        quantize(tiny_a, tmp_path / "int8", **options)
    assert list(tmp_path.iterdir()) == []
