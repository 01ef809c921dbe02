"""Spark NLP's models become bundles, and bundles models of Spark NLP."""

from __future__ import annotations

import contextlib
import json
import shutil
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from saved import DATA

import rubriek
from rubriek import hub
from rubriek.cli import main
from rubriek.errors import (
    ModelError,
    ModelNotFoundError,
    RubriekError,
    RubriekWarning,
    SavedModelError,
    TokenizerError,
    UnsupportedModelError,
)
from rubriek.models import import_model, quantize
from rubriek.models.sparknlp import DEFAULTS, import_sparknlp
from rubriek.models.sparknlp_export import export_sparknlp, saved_classifier
from rubriek.sparknlp.formats import read_exported, read_saved, write_saved

TEXTS = ["De minister spreekt in Den Haag.", "Ajax wint van PSV!", "één café", "", "nieuws nieuws 😀"]


def scores(bundle):
    table = rubriek.load(bundle.folder).classify(pa.array(TEXTS))
    return np.array([list(row.values()) for row in table.column("scores").to_pylist()])


def exported(tmp_path, *, vocabulary="[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhuis\nboom\n", labels="ja\nnee\n"):
    folder = tmp_path / "exported"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "vocab.txt").write_bytes(vocabulary.encode())
    (folder / "assets" / "labels.txt").write_bytes(labels.encode())
    (folder / "model.onnx").write_bytes(read_saved(DATA / "model").onnx.read())
    return folder


def test_a_saved_model_becomes_a_bundle(tmp_path):
    bundle = import_model(DATA / "model", tmp_path / "bundle")
    assert bundle.labels == ("Economie", "Buitenland", "Politiek")
    assert (bundle.max_length, bundle.problem_type) == (256, "single_label_classification")
    assert (bundle.pad_id, bundle.unk_id, bundle.cls_id, bundle.sep_id) == (0, 1, 2, 3)
    assert bundle.source["format"] == "sparknlp"
    assert bundle.source["params"]["batchSize"] == 8
    assert scores(bundle).shape == (len(TEXTS), 3)


def test_a_pipeline_gives_its_classifier(tmp_path):
    with pytest.raises(UnsupportedModelError, match="one classifier"):
        import_model(DATA / "pipeline", tmp_path / "bundle")


def test_parameters_become_properties(tmp_path):
    saved = read_saved(DATA / "model")
    params = {"activation": "sigmoid", "threshold": 0.25, "caseSensitive": False, "maxSentenceLength": 64}
    bundle = import_sparknlp(replace(saved, params=params), tmp_path / "bundle", name="a")
    assert (bundle.problem_type, bundle.threshold, bundle.max_length) == (
        "multi_label_classification",
        0.25,
        64,
    )
    assert '"lowercase":true' in bundle.tokenizer_file.read_text("utf-8").replace(" ", "")


def test_a_length_too_short_for_a_text_is_said(tmp_path):
    saved = replace(read_saved(DATA / "model"), params={"maxSentenceLength": 1})
    with pytest.warns(RubriekWarning, match="maxSentenceLength is 1"):
        assert import_sparknlp(saved, tmp_path / "bundle", name="a").max_length == 3


def test_labels_that_do_not_fit_are_refused(tmp_path):
    saved = read_saved(DATA / "model")
    with pytest.raises(SavedModelError, match="do not fit"):
        import_sparknlp(
            replace(saved, labels={"a": 0, "b": 1, "c": 2, "d": 3}), tmp_path / "bundle", name="a"
        )
    assert not (tmp_path / "bundle").exists()


def test_a_logit_without_label_is_na_as_in_spark_nlp(tmp_path):
    saved = replace(read_saved(DATA / "model"), labels={"a": 0, "c": 2})
    assert import_sparknlp(saved, tmp_path / "bundle", name="a").labels == ("a", "NA", "c")


def test_a_vocabulary_that_does_not_fit_is_refused(tmp_path):
    saved = read_saved(DATA / "model")
    with pytest.raises(TokenizerError, match="does not know"):
        import_sparknlp(
            replace(saved, vocabulary={**saved.vocabulary, "extra": 5000}), tmp_path / "bundle", name="a"
        )
    without = {piece: number for piece, number in saved.vocabulary.items() if piece != "[UNK]"}
    with pytest.raises(TokenizerError, match=r"no \[UNK\]"):
        import_sparknlp(replace(saved, vocabulary=without), tmp_path / "bundle", name="a")


def test_zips_and_folders_are_found_by_path(tmp_path):
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in (DATA / "model").rglob("*"):
            if file.is_file():
                target.write(file, file.relative_to(DATA / "model").as_posix())
    first, second = hub.resolve(archive), hub.resolve(archive)
    assert first.folder == second.folder
    assert hub.resolve(DATA / "model").labels == first.labels
    with pytest.raises(ModelNotFoundError):
        hub.resolve(tmp_path / "no.zip")


@pytest.mark.parametrize("name", ["tiny_a", "multi_label"])
def test_a_bundle_survives_the_way_there_and_back(name, request, tmp_path):
    bundle = request.getfixturevalue(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RubriekWarning)
        export_sparknlp(bundle, tmp_path / "saved")
    back = import_model(tmp_path / "saved", tmp_path / "back")
    assert (back.labels, back.max_length, back.problem_type) == (
        bundle.labels,
        bundle.max_length,
        bundle.problem_type,
    )
    assert (back.pad_id, back.unk_id, back.cls_id, back.sep_id) == (
        bundle.pad_id,
        bundle.unk_id,
        bundle.cls_id,
        bundle.sep_id,
    )
    np.testing.assert_allclose(scores(back), scores(bundle), atol=2e-6)


def test_what_was_imported_is_exported_with_its_own_parameters(tmp_path):
    saved = replace(read_saved(DATA / "model"), params={"batchSize": 3, "outputCol": "rubriek"})
    bundle = import_sparknlp(saved, tmp_path / "bundle", name="a")
    again = saved_classifier(bundle, {"outputCol": "class"}, uid="mine")
    assert again.uid == "mine"
    assert (again.params["batchSize"], again.params["outputCol"]) == (3, "class")
    assert again.vocabulary == saved.vocabulary


def test_the_exported_graph_asks_for_what_spark_nlp_feeds(tiny_a):
    model = onnx.load_from_string(saved_classifier(tiny_a).onnx)
    onnx.checker.check_model(model)
    inputs = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    assert inputs == dict.fromkeys(["input_ids", "attention_mask", "token_type_ids"], TensorProto.INT64)
    assert [value.name for value in model.graph.output] == ["logits"]
    assert (model.opset_import[0].version, model.ir_version) == (17, 9)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_is_written_out(tmp_path, approximate):
    kinds = helper.make_tensor_value_info
    shape = ["rows", "pieces"]
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["ids", "mask"], ["shifted"]),
        helper.make_node("Gelu", ["shifted"], ["bent"], approximate=approximate),
        helper.make_node("Slice", ["bent", "zero", "two", "one"], ["scores"]),
    ]
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in {"zero": 0, "one": 1, "two": 2}.items()
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [kinds(name, TensorProto.INT32, shape) for name in ("input_ids", "attention_mask")],
        [kinds("scores", TensorProto.FLOAT, ["rows", 2])],
        constants,
    )
    file = tmp_path / "model.onnx"
    onnx.save_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), file
    )
    from rubriek.models.onnx_portable import portable

    model = portable(file)  # compares the two graphs itself
    assert "Gelu" not in {node.op_type for node in model.graph.node}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    ones = np.ones((1, 2), np.int64)
    (found,) = session.run(None, {"input_ids": ones * 2, "attention_mask": ones, "token_type_ids": ones * 0})
    expected = {"none": 0.8413447, "tanh": 0.8411920}[approximate]  # gelu(1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_int8_model_stays_one(tiny_a, data, tmp_path):
    texts = [json.loads(line)["text"] for line in (data / "texts.jsonl").read_text("utf-8").splitlines()]
    bundle = quantize(tiny_a, tmp_path / "int8", sample=texts, min_agreement=0.5)
    export_sparknlp(bundle, tmp_path / "saved")
    model = onnx.load_from_string(read_saved(tmp_path / "saved").onnx.read())
    assert model.opset_import[0].version == 17
    back = import_model(tmp_path / "saved", tmp_path / "back")
    assert back.precision == "int8"
    np.testing.assert_allclose(scores(back), scores(bundle), atol=0.02)


def test_truncation_at_the_left_is_said(tiny_a, tmp_path):
    with pytest.warns(RubriekWarning, match="keeps the last pieces"):
        export_sparknlp(replace(tiny_a, truncation_side="left"), tmp_path / "saved")


def test_padding_elsewhere_than_at_0_is_said(tiny_b, tmp_path):
    with pytest.warns(RubriekWarning, match=r"\[PAD\] at id 3"):
        export_sparknlp(tiny_b, tmp_path / "saved")


def test_a_regression_is_refused(regression, tmp_path):
    with pytest.raises(UnsupportedModelError, match="no regression"):
        export_sparknlp(regression, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_thresholds_that_differ_are_refused(multi_label, tmp_path):
    thresholds = (0.5,) * (len(multi_label.labels) - 1) + (0.25,)
    with (
        pytest.raises(UnsupportedModelError, match="one threshold"),
        pytest.warns(RubriekWarning, match=r"\[PAD\]"),
    ):
        saved_classifier(replace(multi_label, threshold=thresholds))


def test_the_command_exports_and_imports(tmp_path, data):
    runner = CliRunner()
    target = tmp_path / "hub.zip"
    done = runner.invoke(
        main, ["models", "export", str(data / "tiny-a"), "--format", "sparknlp", "-o", str(target)]
    )
    assert done.exit_code == 0, done.output
    assert "ready for Spark NLP" in done.output
    done = runner.invoke(
        main, ["models", "import", str(target), "--name", "from-spark-nlp", "-o", str(tmp_path / "back")]
    )
    assert done.exit_code == 0, done.output
    assert "sparknlp, hub.zip" in done.output
    again = runner.invoke(
        main, ["models", "export", str(data / "tiny-a"), "--format", "sparknlp", "-o", str(target)]
    )
    assert again.exit_code == 1
    assert "something at" in again.output


def test_the_layout_of_load_saved_model_is_read_by_its_rules(tmp_path):
    folder = exported(tmp_path, vocabulary="[PAD]\r\n[UNK]\nhuis\n\nhuis\n é\n", labels="ja\nnee")
    saved = read_exported(folder, uid="me")
    assert saved.vocabulary == {"[PAD]": 0, "[UNK]": 1, "": 3, "huis": 4, " é": 5}
    assert saved.labels == {"ja": 0, "nee": 1}
    assert saved.params == {"engine": "onnx"}
    assert saved.uid == "me"
    assert saved.onnx == folder / "model.onnx"


def test_an_empty_vocabulary_passes_as_in_spark_nlp(tmp_path):
    assert read_exported(exported(tmp_path, vocabulary=""), uid="me").vocabulary == {}


def test_what_was_exported_becomes_a_saved_model(tmp_path):
    vocabulary = (DATA / "vocab.txt").read_text("utf-8")
    folder = exported(tmp_path, vocabulary=vocabulary, labels="a\nb\nc\n")
    write_saved(read_exported(folder, uid="me"), tmp_path / "saved")
    assert read_saved(tmp_path / "saved").vocabulary == read_saved(DATA / "model").vocabulary


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("", "requirement failed: Folder {0} not found"),
        ("assets", "requirement failed: Folder {0}/assets not found"),
        ("assets/vocab.txt", "requirement failed: File vocab.txt not found in folder {0}/assets"),
        ("assets/labels.txt", "requirement failed: File labels.txt not found in folder {0}/assets"),
        ("model.onnx", "requirement failed: Your imported model is either not supported or not correctly"),
    ],
)
def test_what_load_saved_model_misses_is_said_as_spark_nlp_says_it(tmp_path, missing, message):
    folder = exported(tmp_path)
    (folder / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError) as caught:
        read_exported(folder, uid="me")
    assert str(caught.value).startswith(message.format(folder))


def test_load_saved_model_wants_folders(tmp_path):
    folder = exported(tmp_path)
    with pytest.raises(SavedModelError, match="is not folder"):
        read_exported(folder / "model.onnx", uid="me")


def test_tensorflow_wins_where_both_are_there_and_is_refused(tmp_path):
    folder = exported(tmp_path)
    (folder / "saved_model.pb").touch()
    with pytest.raises(UnsupportedModelError, match="TensorFlow"):
        read_exported(folder, uid="me")


floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(st.none(), st.booleans(), st.integers(), floats, st.text(max_size=5), st.just([]))


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(DEFAULTS)), values))
def test_any_parameters_give_a_bundle_or_our_error(tmp_path_factory, params):
    saved = replace(read_saved(DATA / "model"), params=params)
    with contextlib.suppress(RubriekError), warnings.catch_warnings():
        warnings.simplefilter("ignore", RubriekWarning)
        bundle = import_sparknlp(saved, tmp_path_factory.mktemp("any") / "bundle", name="a")
        assert bundle.problem_type.startswith("multi") == (params.get("activation") == "sigmoid")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '"\\ud800"'])
def test_parameters_that_nobody_can_write_again_are_refused(tmp_path, value):
    folder = tmp_path / "model"
    shutil.copytree(DATA / "model", folder)
    file = folder / "metadata" / "part-00000"
    file.write_text(file.read_text().replace('"threshold":0.5', f'"threshold":{value}'))
    with pytest.raises(SavedModelError, match="is not JSON"):
        read_saved(folder)


@pytest.mark.parametrize("value", ["[" * 65 + "]" * 65, '{"a":' * 100_000, '{"a":1,"a":1}'])
def test_parameters_that_no_parser_should_follow_are_refused(tmp_path, value):
    """Deep ones ended in a RecursionError."""
    folder = tmp_path / "model"
    shutil.copytree(DATA / "model", folder)
    file = folder / "metadata" / "part-00000"
    file.write_text(file.read_text().replace('"threshold":0.5', f'"threshold":{value}'))
    with pytest.raises(SavedModelError, match=r"nested more than 64 deep|'a' occurs twice"):
        read_saved(folder)
