from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

import rubriek
import tiny
from rubriek.engines import open_engine
from rubriek.errors import (
    BundleError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    RubriekWarning,
    TokenizerError,
    UnsupportedModelError,
    WeightsError,
)
from rubriek.models import Bundle, import_model
from rubriek.models.weights_safetensors import read_safetensors

IDS = np.array([[2, 5, 9, 3], [2, 7, 3, 0]], dtype=np.int32)
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=np.int32)


def logits(bundle: Bundle) -> np.ndarray:
    return open_engine(bundle, threads=1).run(IDS, MASK)


def rewrite(folder, change):
    """Change the tensors of a folder's model.safetensors."""
    file = folder / "model.safetensors"
    tensors = {name: tensor.array.copy() for name, tensor in read_safetensors(file).items()}
    tiny.write_safetensors(file, change(tensors))


def refused(folder, tmp_path, kind, match, **options):
    """Import a folder, expect an error, and see that nothing of it remains."""
    home = tmp_path / "bundles"
    with pytest.raises(kind, match=match) as caught:
        import_model(folder, home / "model", **options)
    assert not home.exists() or list(home.iterdir()) == []
    return caught.value


def test_what_a_folder_becomes(huggingface_folder, tmp_path):
    folder = huggingface_folder("Nieuws (klein)", labels=["Economie", "Cultuur & Media", "Sport"])
    bundle = import_model(folder, tmp_path / "nieuws")
    assert bundle == Bundle.open(tmp_path / "nieuws", verify=True)
    assert (bundle.name, bundle.labels) == ("nieuws", ("Economie", "Cultuur & Media", "Sport"))
    assert (bundle.problem_type, bundle.precision) == ("single_label_classification", "fp32")
    assert bundle.max_length == 24  # the tokenizer's; the model has 32 positions
    assert (bundle.pad_id, bundle.unk_id, bundle.cls_id, bundle.sep_id) == (0, 1, 2, 3)
    assert bundle.encoder == {
        "hidden_size": 8,
        "layers": 2,
        "heads": 2,
        "intermediate_size": 16,
        "vocab_size": len(tiny.WORDS) + len(tiny.SPECIAL),
        "max_positions": 32,
    }
    assert (bundle.source["format"], bundle.source["name"]) == ("huggingface", "Nieuws (klein)")
    files = {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"}
    assert set(bundle.source["checksums"]) == files
    assert sorted(path.name for path in bundle.folder.iterdir()) == [
        "model.onnx",
        "rubriek.json",
        "tokenizer.json",
    ]


def test_all_weight_files_give_the_same_model(huggingface_folder, tmp_path):
    bundles = [
        import_model(huggingface_folder(form, weights=form), tmp_path / f"{form}.bundle")
        for form in ("safetensors", "zip", "legacy")
    ]
    assert len({bundle.checksums["model.onnx"] for bundle in bundles}) == 1


def test_special_tokens_may_stand_anywhere(huggingface_folder, tmp_path):
    folder = huggingface_folder(special=["[UNK]", "[SEP]", "[MASK]", "[PAD]", "[CLS]"], special_at=4)
    bundle = import_model(folder, tmp_path / "bundle")
    assert (bundle.unk_id, bundle.sep_id, bundle.pad_id, bundle.cls_id) == (4, 5, 7, 8)


@pytest.mark.parametrize(
    ("problem_type", "labels", "expected"),
    [
        (None, ["a", "b"], "single_label_classification"),
        (None, ["a"], "regression"),
        ("multi_label_classification", ["a", "b"], "multi_label_classification"),
        ("multi_label_classification", ["a"], "multi_label_classification"),
        ("regression", ["a", "b"], "regression"),
    ],
)
def test_the_problem_type_is_the_models_own(huggingface_folder, tmp_path, problem_type, labels, expected):
    bundle = import_model(huggingface_folder(labels=labels, problem_type=problem_type), tmp_path / "bundle")
    assert (bundle.problem_type, bundle.labels) == (expected, tuple(labels))


def test_labels_are_taken_in_the_order_of_their_ids(huggingface_folder, tmp_path):
    labels = [f"label {index}" for index in range(12)]
    folder = huggingface_folder(labels=labels)
    entries = {str(index): labels[index] for index in (10, 2, 0, 11, 1, 3, 4, 5, 9, 8, 7, 6)}
    tiny.change_json(folder / "config.json", id2label=entries)
    assert import_model(folder, tmp_path / "bundle").labels == tuple(labels)


@pytest.mark.parametrize(
    "id2label",
    [
        {"0": "a", "1": "b"},
        {"0": "a", "1": "b", "3": "c"},
        {"0": "a", "1": "b", "2": "b"},
        {"0": "a", "1": "b", "2": ""},
        {"0": "a", "1": "b", "2": ["c"]},
        None,
    ],
)
def test_labels_that_do_not_fit_num_labels_are_replaced_with_a_warning(
    huggingface_folder, tmp_path, id2label
):
    folder = huggingface_folder()
    tiny.change_json(folder / "config.json", id2label=id2label, num_labels=3)
    with pytest.warns(RubriekWarning, match="LABEL_0"):
        bundle = import_model(folder, tmp_path / "bundle")
    assert bundle.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    named = import_model(folder, tmp_path / "named", labels=["x", "y", "z"])
    assert named.labels == ("x", "y", "z")


def test_two_nameless_labels_need_not_be_written_down(huggingface_folder, tmp_path):
    """transformers leaves out what is its default: two labels, LABEL_0 and LABEL_1."""
    bundle = import_model(huggingface_folder(labels=["a", "b"], id2label=None), tmp_path / "bundle")
    assert bundle.labels == ("LABEL_0", "LABEL_1")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"id2label": None}, "has no labels"),
        ({"id2label": {"0": "a", "1": "b"}}, "contradicts the weights"),
        ({"num_labels": 4}, "contradicts the weights"),
        ({"num_labels": "3"}, "num_labels"),
        ({"id2label": ["a", "b", "c"]}, "id2label"),
        ({"problem_type": "ranking"}, "problem_type"),
    ],
)
def test_labels_missing_or_contradicted(huggingface_folder, tmp_path, changes, match):
    refused(huggingface_folder(**changes), tmp_path, ModelError, match)


def test_one_label_cannot_be_chosen_from(huggingface_folder, tmp_path):
    refused(huggingface_folder(labels=["a"]), tmp_path, ModelError, "problem_type")


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "b"], ["a", "b", ""]])
def test_labels_given_that_do_not_fit(huggingface_folder, tmp_path, labels):
    refused(huggingface_folder(), tmp_path, ModelError, "expected: 3 labels", labels=labels)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"model_type": "distilbert", "architectures": ["DistilBertForSequenceClassification"]},
            "'distilbert'",
        ),
        ({"model_type": "roberta", "architectures": ["RobertaForSequenceClassification"]}, "'roberta'"),
        (
            {"model_type": "xlm-roberta", "architectures": ["XLMRobertaForSequenceClassification"]},
            "xlm-roberta",
        ),
        ({"architectures": ["BertForMaskedLM"]}, "BertForMaskedLM"),
        ({"architectures": ["BertModel"]}, "BertModel"),
        ({"model_type": None, "architectures": None}, "does not say"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"is_decoder": True}, "is_decoder = True"),
        ({"add_cross_attention": True}, "add_cross_attention = True"),
        ({"pruned_heads": {"0": [1]}}, "pruned_heads"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"hidden_act": "swish-9000"}, "swish-9000"),
    ],
)
def test_other_models_are_refused_by_name(huggingface_folder, tmp_path, changes, found):
    error = refused(huggingface_folder(**changes), tmp_path, UnsupportedModelError, found)
    assert error.expected


def test_an_encoder_without_a_classifier_is_refused(huggingface_folder, tmp_path):
    folder = huggingface_folder(architectures=None)
    rewrite(folder, lambda tensors: {name: t for name, t in tensors.items() if name.startswith("bert.")})
    refused(folder, tmp_path, UnsupportedModelError, "no classifier")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"vocab_size": 40}, r"word_embeddings(.|\n)*expected: \[40, 8\](.|\n)*found: *\[26, 8\]"),
        ({"hidden_size": 16}, "contradicts config.json"),
        ({"intermediate_size": 32}, r"intermediate\.dense\.weight"),
        ({"max_position_embeddings": 64}, "position_embeddings"),
        ({"type_vocab_size": 1}, "token_type_embeddings"),
        ({"num_hidden_layers": 3}, r"expected: bert\.encoder\.layer\.2\.attention\.self\.query\.weight"),
        ({"num_hidden_layers": 1}, r"found: *bert\.encoder\.layer\.1"),
    ],
)
def test_shapes_that_contradict_the_config(huggingface_folder, tmp_path, changes, match):
    refused(huggingface_folder(**changes), tmp_path, WeightsError, match)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"hidden_size": "8"}, "hidden_size"),
        ({"hidden_size": None}, "'hidden_size' is missing"),
        ({"num_attention_heads": 0}, "num_attention_heads"),
        ({"num_attention_heads": 3}, "attention heads"),
        ({"num_hidden_layers": 1e3}, "num_hidden_layers"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps"),
        ({"layer_norm_eps": -1}, "layer_norm_eps"),
        ({"model_type": 3}, "model_type"),
        ({"architectures": "BertForSequenceClassification"}, "architectures"),
        ({"hidden_act": ["gelu"]}, "hidden_act"),
    ],
)
def test_a_config_of_wrong_types(huggingface_folder, tmp_path, changes, match):
    refused(huggingface_folder(**changes), tmp_path, ModelError, match)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 10**5])
def test_a_config_that_is_no_json_object(huggingface_folder, tmp_path, content):
    folder = huggingface_folder()
    (folder / "config.json").write_bytes(content)
    refused(folder, tmp_path, ModelError, "JSON")


@pytest.mark.parametrize(
    ("missing", "kind", "match"),
    [
        ("config.json", ModelError, "holds no model that rubriek knows"),
        ("model.safetensors", WeightsError, r"expected: model\.safetensors"),
        ("vocab.txt", TokenizerError, r"expected: tokenizer\.json or vocab\.txt"),
    ],
)
def test_a_missing_file(huggingface_folder, tmp_path, missing, kind, match):
    folder = huggingface_folder()
    (folder / missing).unlink()
    refused(folder, tmp_path, kind, match)


@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_a_truncated_weight_file(huggingface_folder, tmp_path, form):
    folder = huggingface_folder(weights=form)
    file = next(file for file in folder.iterdir() if file.suffix in (".safetensors", ".bin"))
    file.write_bytes(file.read_bytes()[:-100])
    refused(folder, tmp_path, WeightsError, str(file))


def test_no_folder(tmp_path):
    refused(tmp_path / "nowhere", tmp_path, ModelNotFoundError, "no model at")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", tmp_path, ModelNotFoundError, "a file")


def test_a_bundle_is_not_imported_again(tiny_a, tmp_path):
    refused(tiny_a.folder, tmp_path, ModelError, "bundle already")


def test_names_of_the_first_berts(huggingface_folder, tmp_path):
    """``gamma`` and ``beta``, an encoder without ``bert.``, and buffers that count."""
    new = import_model(huggingface_folder("new"), tmp_path / "new.bundle")
    folder = huggingface_folder("old", model_type=None)

    def as_of_old(tensors):
        old = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta")
            .removeprefix("bert."): tensor
            for name, tensor in tensors.items()
        }
        return {**old, "embeddings.position_ids": np.arange(32)[None]}

    rewrite(folder, as_of_old)
    old = import_model(folder, tmp_path / "old.bundle")
    assert old.checksums["model.onnx"] == new.checksums["model.onnx"]


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model."])
def test_a_prefix_that_all_tensors_share_is_left_out(huggingface_folder, tmp_path, prefix):
    folder = huggingface_folder()
    plain = import_model(folder, tmp_path / "plain")
    rewrite(folder, lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()})
    prefixed = import_model(folder, tmp_path / "prefixed")
    assert prefixed.checksums["model.onnx"] == plain.checksums["model.onnx"]


def test_a_prefix_that_some_tensors_have_is_no_prefix(huggingface_folder, tmp_path):
    folder = huggingface_folder()
    rewrite(folder, lambda tensors: {**tensors, "module.extra": np.zeros(2, np.float32)})
    with pytest.warns(RubriekWarning, match=r"not used: module\.extra"):
        import_model(folder, tmp_path / "bundle")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 438000000\n"


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json", "vocab.txt"]
)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (POINTER, r"a pointer of Git LFS(.|\n)*git lfs pull"),
        (b"\n<!DOCTYPE HTML>\n<title>Log in</title>", r"a web page(.|\n)*download it again"),
    ],
)
def test_what_lies_in_a_file_s_place_is_named(huggingface_folder, tmp_path, name, content, message):
    folder = huggingface_folder()
    if name == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name} is {message}"):
        import_model(folder, tmp_path / "bundle")


def test_a_bundle_with_a_pointer_of_git_lfs(huggingface_folder, tmp_path):
    bundle = import_model(huggingface_folder(), tmp_path / "bundle")
    bundle.model_file.write_bytes(POINTER)
    with pytest.raises(BundleError, match=r"model\.onnx is a pointer of Git LFS"):
        Bundle.open(bundle.folder)


@pytest.mark.parametrize("config", [True, False])
def test_an_adapter_alone_is_named(huggingface_folder, tmp_path, config):
    folder = huggingface_folder()
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    if not config:
        (folder / "config.json").unlink()
    with pytest.raises(UnsupportedModelError, match="LoRA adapter alone"):
        import_model(folder, tmp_path / "bundle")


def test_a_tensor_under_both_names_is_refused(huggingface_folder, tmp_path):
    folder = huggingface_folder()
    name = "bert.embeddings.LayerNorm"
    rewrite(folder, lambda tensors: {**tensors, f"{name}.gamma": tensors[f"{name}.weight"]})
    refused(folder, tmp_path, WeightsError, "twice")


def test_other_heads_are_left_out_with_a_warning(huggingface_folder, tmp_path):
    folder = huggingface_folder()
    rewrite(folder, lambda tensors: {**tensors, "cls.predictions.bias": np.zeros(26, np.float32)})
    with pytest.warns(RubriekWarning, match=r"cls\.predictions\.bias"):
        import_model(folder, tmp_path / "bundle")


def test_weights_that_are_not_finite_are_refused(huggingface_folder, tmp_path):
    folder = huggingface_folder()
    rewrite(folder, lambda tensors: {**tensors, "classifier.bias": np.array([0, np.nan, 1], np.float32)})
    refused(folder, tmp_path, WeightsError, r"classifier\.bias")


@pytest.mark.parametrize(
    ("tokenizer", "asked", "expected"),
    [(24, None, 24), (None, None, 32), (10**30, None, 32), (512, None, 32), (24, 32, 32), (24, 3, 3)],
)
def test_the_maximum_length(huggingface_folder, tmp_path, tokenizer, asked, expected):
    folder = huggingface_folder()
    tiny.change_json(folder / "tokenizer_config.json", model_max_length=tokenizer)
    assert import_model(folder, tmp_path / "bundle", max_length=asked).max_length == expected


@pytest.mark.parametrize("asked", [2, 33])
def test_a_maximum_length_that_the_model_has_not(huggingface_folder, tmp_path, asked):
    refused(huggingface_folder(), tmp_path, OptionError, "3 to 32", max_length=asked)


def test_by_default_the_bundle_goes_into_the_cache(huggingface_folder, cache):
    folder = huggingface_folder("Een model (2)")
    bundle = import_model(folder)
    assert bundle.folder == cache / "models" / "Een-model-2"
    with pytest.raises(ModelError, match="already"):
        import_model(folder)


def test_a_model_that_cuts_at_the_left_reads_the_end(huggingface_folder, tmp_path):
    folder = huggingface_folder()
    right = rubriek.load(import_model(folder, tmp_path / "right").folder)
    tiny.change_json(folder / "tokenizer_config.json", truncation_side="left")
    left = rubriek.load(import_model(folder, tmp_path / "left").folder)
    assert Bundle.open(tmp_path / "left").truncation_side == "left"
    text = " ".join(["de", "Kamer"] * 30 + ["minister", "Amsterdam"] * 30)
    first, last = " ".join(text.split()[:22]), " ".join(text.split()[-22:])
    for classifier, part in ((right, first), (left, last)):
        found = classifier.predict(text)
        assert found.truncated
        assert found.scores == pytest.approx(classifier.predict(part).scores, abs=1e-5)
    assert left.predict(text, overflow="windows").scores == pytest.approx(
        right.predict(text, overflow="windows").scores, abs=1e-5
    )


def test_a_name_that_is_no_name(huggingface_folder, tmp_path):
    refused(huggingface_folder(), tmp_path, OptionError, "name", name="../x")


def test_overwriting(huggingface_folder, tmp_path):
    target = tmp_path / "bundle"
    first = import_model(huggingface_folder("first", seed=1), target)
    with pytest.raises(ModelError, match="already"):
        import_model(huggingface_folder("second", seed=2), target)
    assert Bundle.open(target, verify=True) == first
    broken = huggingface_folder("broken", hidden_size=9)
    with pytest.raises(ModelError):
        import_model(broken, target, overwrite=True)
    assert Bundle.open(target, verify=True) == first
    second = import_model(tmp_path / "second", target, overwrite=True)
    assert second.checksums["model.onnx"] != first.checksums["model.onnx"]


def test_half_and_double_precision_weights_are_computed_in_fp32(huggingface_folder, tmp_path):
    exact = logits(import_model(huggingface_folder("single"), tmp_path / "a"))
    for kind, tolerance in ((np.float64, 0), (np.float16, 0.05)):
        folder = huggingface_folder(np.dtype(kind).name)
        rewrite(folder, lambda tensors, kind=kind: {name: t.astype(kind) for name, t in tensors.items()})
        found = logits(import_model(folder, tmp_path / f"{folder.name}.bundle"))
        np.testing.assert_allclose(found, exact, rtol=0, atol=tolerance)


def test_live_against_transformers(huggingface_folder, tmp_path):
    """Optional: the same folder in transformers, where it and torch are installed."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    texts = ["de Kamer zegt café!", "minister Amsterdam", "", "ZEGT een kamers 中 b"]
    for cased in (True, False):
        folder = huggingface_folder(f"cased-{cased}", cased=cased, special_at=3)
        bundle = import_model(folder, tmp_path / f"{cased}.bundle")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
        import tokenizers

        ours = tokenizers.Tokenizer.from_file(str(bundle.tokenizer_file))
        engine = open_engine(bundle, threads=1)
        for text in texts:
            ids = tokenizer(text)["input_ids"]
            assert ours.encode(text).ids == ids
            with torch.no_grad():
                expected = model(torch.tensor([ids])).logits.numpy()
            row = np.array([ids], dtype=np.int32)
            np.testing.assert_allclose(engine.run(row, np.ones_like(row)), expected, rtol=0, atol=1e-4)


def test_the_config_may_be_read_with_other_fields_around(huggingface_folder, tmp_path):
    folder = huggingface_folder(unheard_of={"deep": [1, None]}, transformers_version="9.0")
    assert json.loads((folder / "config.json").read_text())["unheard_of"]
    with pytest.warns(RubriekWarning, match="does not know.*'unheard_of'"):
        import_model(folder, tmp_path / "bundle")


def test_large_weights_lie_beside_the_graph(huggingface_folder, tmp_path, monkeypatch):
    whole = import_model(huggingface_folder(), tmp_path / "whole")
    monkeypatch.setattr("rubriek.models.huggingface.LARGEST_INSIDE", 1000)
    parted = import_model(tmp_path / "model", tmp_path / "parted")
    assert set(parted.sizes) == {"model.onnx", "model.onnx.data", "tokenizer.json"}
    modes = [(parted.folder / file).stat().st_mode for file in ("model.onnx", "model.onnx.data")]
    assert modes[0] == modes[1]
    moved = parted.folder.rename(tmp_path / "moved")
    parted = Bundle.open(moved, verify=True)
    np.testing.assert_array_equal(logits(parted), logits(whole))
    (moved / "model.onnx.data").unlink()
    with pytest.raises(BundleError, match=r"model\.onnx\.data"):
        Bundle.open(moved)
