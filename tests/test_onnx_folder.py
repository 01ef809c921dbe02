from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rubriek
import tiny
from rubriek.engines import open_engine
from rubriek.errors import ModelError, OptionError, TokenizerError, UnsupportedModelError
from rubriek.models import Bundle, import_model

LABELS = ("Sport", "Economie", "Cultuur & Media")
VOCABULARY = [*tiny.WORDS, *tiny.SPECIAL]
PAD, _UNK, CLS, SEP = range(len(tiny.WORDS), len(tiny.WORDS) + 4)

random = np.random.default_rng(5)
TABLE = random.normal(size=(len(VOCABULARY), len(LABELS))).astype(np.float32)
TYPES = random.normal(size=(2, len(LABELS))).astype(np.float32)

IDS = np.array([[CLS, 4, 9, SEP], [CLS, 7, SEP, PAD]], dtype=np.int32)
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=np.int32)
EXPECTED = ((TABLE[IDS] + TYPES[0]) * MASK[..., None]).sum(axis=1)


def graph(*, inputs=None, outputs=("logits",), kind=TensorProto.INT64, shape=("rows", "pieces"), extra=()):
    """A bag of words: each piece gives its row of a table, masked pieces nothing, and all are added up."""
    names = ("input_ids", "attention_mask", "token_type_ids") if inputs is None else inputs
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "ids"], ["words"]),
        helper.make_node("Gather", ["types", "token_type_ids"], ["kinds"]),
        helper.make_node("Add", ["words", "kinds"], ["both"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["both", "column"], ["hidden"]),
        helper.make_node("ReduceSum", ["hidden", "first"], [outputs[0]], keepdims=0),
        *extra,
    ]
    shapes = {"hidden": ["rows", "pieces", 3]}
    tensors = {"table": TABLE, "types": TYPES, "last": np.array([2]), "first": np.array([1])}
    made = helper.make_graph(
        nodes,
        "bag",
        [helper.make_tensor_value_info(name, kind, list(shape)) for name in names],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes.get(name, ["rows", 3]))
            for name in outputs
        ],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    domains = ["", *sorted({node.domain for node in extra} - {""})]
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid(name, 17) for name in domains], ir_version=8
    )


def onnx_folder(folder, model=None, *, place="model.onnx", config=True, labels_file=None, **options):
    """Write model.onnx, a tokenizer and labels; ``options`` go to onnx.save_model."""
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(graph() if model is None else model, folder / place, **options)
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in VOCABULARY), encoding="utf-8")
    tiny.write_json(folder / "tokenizer_config.json", {"do_lower_case": False, "model_max_length": 16})
    if config:
        entries = {str(index): label for index, label in enumerate(LABELS)}
        tiny.write_json(folder / "config.json", {"model_type": "some-bert", "id2label": entries})
    if labels_file is not None:
        (folder / "labels.txt").write_bytes(labels_file)
    return folder


def external(folder, **options):
    return onnx_folder(
        folder,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
        convert_attribute=False,
        **options,
    )


def check(bundle):
    assert Bundle.open(bundle.folder, verify=True) == bundle
    np.testing.assert_allclose(open_engine(bundle, threads=1).run(IDS, MASK), EXPECTED, rtol=0, atol=1e-5)


def refused(folder, tmp_path, kind, match, **options):
    home = tmp_path / "bundles"
    with pytest.raises(kind, match=match):
        import_model(folder, home / "bundle", **options)
    assert not home.exists() or list(home.iterdir()) == []


@pytest.mark.parametrize("place", ["model.onnx", "onnx/model.onnx"])
def test_what_a_folder_becomes(tmp_path, place):
    bundle = import_model(onnx_folder(tmp_path / "bag", place=place), tmp_path / "bundle")
    check(bundle)
    assert (bundle.labels, bundle.problem_type, bundle.precision) == (
        LABELS,
        "single_label_classification",
        "fp32",
    )
    assert (bundle.pad_id, bundle.cls_id, bundle.sep_id, bundle.max_length) == (PAD, CLS, SEP, 16)
    assert bundle.encoder is None
    assert bundle.source["format"] == "onnx"
    assert set(bundle.source["checksums"]) == {place, "vocab.txt", "tokenizer_config.json", "config.json"}


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32])
def test_inputs_are_found_by_name_and_type(tmp_path, kind):
    names = ("token_type_ids", "attention_mask", "input_ids")
    check(import_model(onnx_folder(tmp_path / "bag", graph(inputs=names, kind=kind)), tmp_path / "bundle"))


def test_the_logits_are_found_among_other_outputs(tmp_path):
    check(import_model(onnx_folder(tmp_path / "a", graph(outputs=("scores",))), tmp_path / "a.bundle"))
    check(
        import_model(onnx_folder(tmp_path / "b", graph(outputs=("scores", "hidden"))), tmp_path / "b.bundle")
    )
    model = graph(outputs=("logits", "other"), extra=[helper.make_node("Neg", ["logits"], ["other"])])
    model.graph.output.reverse()
    check(import_model(onnx_folder(tmp_path / "c", model), tmp_path / "c.bundle"))


def test_external_data_comes_into_the_bundle(tmp_path):
    folder = external(tmp_path / "bag")
    assert (folder / "weights.bin").stat().st_size >= TABLE.nbytes
    bundle = import_model(folder, tmp_path / "bundle")
    assert "weights.bin" in bundle.source["checksums"]
    (folder / "weights.bin").unlink()
    check(bundle)


def relocate(folder, location):
    model = onnx.load_model(folder / "model.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    (folder / "model.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "a/../../weights.bin", ""])
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    folder = external(tmp_path / "bag")
    (tmp_path / "weights.bin").write_bytes((folder / "weights.bin").read_bytes())
    relocate(folder, location)
    refused(folder, tmp_path, ModelError, "outside its folder")


def test_a_link_to_outside_is_refused(tmp_path):
    folder = external(tmp_path / "bag")
    (folder / "weights.bin").rename(tmp_path / "weights.bin")
    (folder / "weights.bin").symlink_to(tmp_path / "weights.bin")
    refused(folder, tmp_path, ModelError, "outside its folder")


def test_external_data_in_the_cache_of_hugging_face_or_with_several_names_is_read(tmp_path):
    cache = tmp_path / "models--some--bert"
    folder = external(cache / "snapshots" / "0a1b")
    (cache / "blobs").mkdir()
    for file in folder.iterdir():
        file.rename(cache / "blobs" / file.name)
        file.symlink_to(Path("../../blobs") / file.name)
    check(import_model(folder, tmp_path / "a.bundle"))
    folder = external(tmp_path / "bag")
    (tmp_path / "backup").hardlink_to(folder / "weights.bin")
    check(import_model(folder, tmp_path / "b.bundle"))


def test_external_data_without_a_stated_length_reaches_to_the_end(tmp_path):
    folder = external(tmp_path / "bag")
    model = onnx.load_model(folder / "model.onnx", load_external_data=False)
    last = max(model.graph.initializer, key=lambda tensor: int(tensor.external_data[1].value))
    kept = [entry for entry in last.external_data if entry.key != "length"]
    del last.external_data[:]
    last.external_data.extend(kept)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    check(import_model(folder, tmp_path / "bundle"))


def test_external_data_missing_or_truncated(tmp_path):
    folder = external(tmp_path / "bag")
    whole = (folder / "weights.bin").read_bytes()
    (folder / "weights.bin").write_bytes(whole[:-1])
    refused(folder, tmp_path, ModelError, "truncated")
    (folder / "weights.bin").unlink()
    refused(folder, tmp_path, ModelError, r"expected: a file weights\.bin")


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (("input_ids", "token_type_ids"), "without a mask"),
        (("input_ids", "attention_mask", "token_type_ids", "position_ids"), "position_ids"),
    ],
)
def test_other_inputs_are_refused(tmp_path, inputs, found):
    model = graph(inputs=inputs)
    refused(onnx_folder(tmp_path / "bag", model), tmp_path, UnsupportedModelError, found)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shape": (1, "pieces")}, "fixed size"),
        ({"shape": ("rows", 128)}, r"found: *\['free', 128\]"),
        ({"shape": ("rows",)}, "fixed size"),
        ({"kind": TensorProto.FLOAT}, "whole numbers"),
        ({"outputs": ("a", "b"), "extra": [helper.make_node("Neg", ["a"], ["b"])]}, "surely the logits"),
        ({"extra": [helper.make_node("Magic", ["logits"], ["x"], domain="nowhere")]}, "nowhere"),
    ],
)
def test_graphs_that_are_no_classifiers_are_refused(tmp_path, options, match):
    refused(onnx_folder(tmp_path / "bag", graph(**options)), tmp_path, UnsupportedModelError, match)


def test_what_onnx_runtime_cannot_run_is_found_before_anything_is_written(tmp_path):
    model = graph(extra=[helper.make_node("NoSuchOperator", ["logits"], ["x"])])
    refused(onnx_folder(tmp_path / "bag", model), tmp_path, ModelError, "cannot run")


def test_sixteen_bit_weights_are_refused(tmp_path):
    model = graph()
    model.graph.initializer.append(numpy_helper.from_array(TABLE.astype(np.float16), "half"))
    refused(
        onnx_folder(tmp_path / "bag", model), tmp_path, UnsupportedModelError, "FLOAT16 in the tensor 'half'"
    )


@pytest.mark.parametrize("where", ["graph", "branch"])
def test_a_quantized_graph_is_an_int8_bundle(tmp_path, where):
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["logits"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["back"]),
    ]
    if where == "branch":
        result = helper.make_tensor_value_info("back", TensorProto.FLOAT, None)
        branch = helper.make_graph(nodes, "branch", [], [result])
        yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
        nodes = [yes, helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=branch)]
    bundle = import_model(onnx_folder(tmp_path / "bag", graph(extra=nodes)), tmp_path / "bundle")
    assert bundle.precision == "int8"
    check(bundle)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07", b"\x00" * 50])
def test_a_file_that_is_no_graph(tmp_path, content):
    folder = onnx_folder(tmp_path / "bag")
    (folder / "model.onnx").write_bytes(content)
    refused(folder, tmp_path, ModelError, "no ONNX model, or is damaged")


def test_a_truncated_graph(tmp_path):
    folder = onnx_folder(tmp_path / "bag")
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[: len(whole) // 2])
    refused(folder, tmp_path, ModelError, r"model\.onnx")


def test_labels_from_a_file(tmp_path):
    lines = b"Sport\r\nEconomie\nCultuur & Media\n"
    bundle = import_model(onnx_folder(tmp_path / "bag", config=False, labels_file=lines), tmp_path / "bundle")
    assert bundle.labels == LABELS
    assert "labels.txt" in bundle.source["checksums"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, "has no labels"),
        (b"Sport\nEconomie\n", "2 lines"),
        (b"Sport\nSport\nEconomie\n", "2 of them different"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_labels_missing_or_wrong(tmp_path, content, match):
    folder = onnx_folder(tmp_path / "bag", config=False, labels_file=content)
    refused(folder, tmp_path, ModelError, match)
    named = import_model(folder, tmp_path / "named", labels=["a", "b", "c"])
    assert named.labels == ("a", "b", "c")


def test_labels_of_the_config_must_fit_the_graph(tmp_path):
    folder = onnx_folder(tmp_path / "bag")
    tiny.change_json(folder / "config.json", id2label={"0": "a", "1": "b"})
    refused(folder, tmp_path, ModelError, "contradicts")


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    folder = onnx_folder(tmp_path / "bag")
    with (folder / "vocab.txt").open("a") as file:
        file.write("meer\n")
    refused(folder, tmp_path, TokenizerError, f"ids below vocab_size, {len(VOCABULARY)}")


@pytest.mark.parametrize("place", ["model_quantized.onnx", "onnx/model_int8.onnx"])
def test_the_only_onnx_file_is_taken_whatever_it_is_called(tmp_path, place):
    check(import_model(onnx_folder(tmp_path / "bag", place=place), tmp_path / "bundle"))


def test_of_several_onnx_files_one_has_to_be_named(tmp_path):
    folder = onnx_folder(tmp_path / "bag", place="onnx/model_int8.onnx")
    onnx_folder(folder, place="model_q4.onnx")
    refused(folder, tmp_path, ModelError, r"model_q4\.onnx, onnx/model_int8\.onnx")
    onnx_folder(folder, place="onnx/model.onnx")
    assert "onnx/model.onnx" in import_model(folder, tmp_path / "bundle").source["checksums"]


def test_a_graph_stands_in_for_weights_of_another_family(tmp_path, huggingface_folder):
    folder = onnx_folder(tmp_path / "model", place="onnx/model.onnx")
    (folder / "model.safetensors").write_bytes(b"weights of a family that rubriek does not build")
    check(import_model(folder, tmp_path / "bundle"))
    tiny.change_json(folder / "config.json", model_type="bert", architectures=["BertModel"])
    refused(folder, tmp_path, UnsupportedModelError, "fine-tune the model")


def test_a_pointer_of_git_lfs_is_no_graph(tmp_path):
    folder = onnx_folder(tmp_path / "bag")
    (folder / "model.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    refused(folder, tmp_path, ModelError, r"model\.onnx is a pointer of Git LFS")


def test_the_positions_of_the_config_bound_the_length(tmp_path):
    folder = onnx_folder(tmp_path / "bag")
    tiny.change_json(folder / "config.json", max_position_embeddings=10)
    assert import_model(folder, tmp_path / "a").max_length == 10
    tiny.change_json(folder / "config.json", model_type="xlm-roberta")
    assert import_model(folder, tmp_path / "b").max_length == 8


def with_positions(rows, *, offset=0):
    """The bag of words, with a table of positions that begins at an offset, as RoBERTa's does."""
    model = graph(outputs=("bag",))
    model.graph.output[0].name = "logits"
    nodes = [
        helper.make_node("Mul", ["ids", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "one"], ["ones"]),
        helper.make_node("CumSum", ["ones", "one"], ["counted"]),
        helper.make_node("Add", ["counted", "offset"], ["positions"]),
        helper.make_node("Gather", ["position_table", "positions"], ["placed"]),
        helper.make_node("ReduceSum", ["placed", "first"], ["of_places"], keepdims=0),
        helper.make_node("Add", ["bag", "of_places"], ["logits"]),
    ]
    model.graph.node.extend(nodes)
    for name, value in (
        ("one", np.array(1)),
        ("zero", np.array(0)),
        ("offset", np.array(offset - 1)),
        ("position_table", np.zeros((rows, len(LABELS)), np.float32)),
    ):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


@pytest.mark.parametrize(("offset", "works"), [(0, 34), (2, 32)])
def test_the_length_is_what_the_graph_really_reads(tmp_path, offset, works):
    """A family whose positions begin at 2 reads two pieces fewer than its table has rows."""
    folder = onnx_folder(tmp_path / "bag", with_positions(34, offset=offset))
    tiny.change_json(folder / "config.json", max_position_embeddings=34)
    tiny.change_json(folder / "tokenizer_config.json", model_max_length=512)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bundle = import_model(folder, tmp_path / "bundle")
    assert bundle.max_length == works
    assert [str(warning.message) for warning in caught if "at most 32" not in str(warning.message)] == []
    found = rubriek.load(bundle.folder).predict("de " * 100)
    assert found.truncated
    assert import_model(folder, tmp_path / "shorter", max_length=20).max_length == 20


def test_a_length_that_was_asked_for_and_does_not_work_is_refused(tmp_path):
    folder = onnx_folder(tmp_path / "bag", with_positions(34, offset=2))
    refused(folder, tmp_path, OptionError, "3 to 32 pieces", max_length=34)


def test_a_bundles_own_graph_can_be_imported(tiny_a, data, tmp_path):
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(tiny_a.model_file.read_bytes())
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_bytes((data / "tiny-a" / name).read_bytes())
    bundle = import_model(folder, tmp_path / "bundle")
    assert (bundle.labels, bundle.encoder) == (tiny_a.labels, tiny_a.encoder)
    ids = np.array([[2, 700, 3]], dtype=np.int32)
    ours, theirs = (open_engine(one, threads=1).run(ids, np.ones_like(ids)) for one in (bundle, tiny_a))
    np.testing.assert_array_equal(ours, theirs)


def with_first(*nodes, tensors=(), functions=()):
    """A graph whose logits get a tensor of one zero from other nodes added to them, called ``zero``."""
    model = graph(outputs=("bag",))
    model.graph.node.extend([*nodes, helper.make_node("Add", ["bag", "zero"], ["logits"])])
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in tensors)
    model.graph.output[0].name = "logits"
    model.functions.extend(functions)
    if functions:
        model.opset_import.append(helper.make_opsetid("own", 1))
    return model


def loop():
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["more"]), helper.make_node("Identity", ["last"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("last", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1]),
        ],
    )
    tensors = [
        ("turns", np.array(2**62)),
        ("yes", np.array(True)),
        ("start", np.zeros(1, np.float32)),
    ]
    return helper.make_node("Loop", ["turns", "yes", "start"], ["zero"], body=body), tensors


@pytest.mark.parametrize("where", ["graph", "branch", "function"])
def test_loops_are_refused(tmp_path, where):
    """One of 2^62 turns fits into 467 bytes, and ONNX Runtime listens to no signal meanwhile."""
    node, tensors = loop()
    if where == "graph":
        model = with_first(node, tensors=tensors)
    elif where == "branch":
        result = helper.make_tensor_value_info("zero", TensorProto.FLOAT, [1])
        branch = helper.make_graph([node], "branch", [], [result])
        chosen = helper.make_node("If", ["yes"], ["zero"], then_branch=branch, else_branch=branch)
        model = with_first(chosen, tensors=tensors)
    else:
        opset = [helper.make_opsetid("", 17)]
        names = [name for name, _ in tensors]
        function = helper.make_function("own", "Turn", names, ["zero"], [node], opset)
        call = helper.make_node("Turn", names, ["zero"], domain="own")
        model = with_first(call, tensors=tensors, functions=[function])
    refused(onnx_folder(tmp_path / "bag", model), tmp_path, UnsupportedModelError, "found:    'Loop'")


def test_a_huge_constant_is_refused(tmp_path):
    """379 bytes of ConstantOfShape took 4.9 GB."""
    shape = [("shape", np.array([2**31, 2]))]
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceSum", ["large"], ["zero"], keepdims=0),
    ]
    folder = onnx_folder(tmp_path / "bag", with_first(*nodes, tensors=shape))
    refused(folder, tmp_path, ModelError, "could not be tried out|cannot run")


def test_functions_that_unfold_without_end_are_refused(tmp_path):
    """Each of thirty functions calls the next one twice; or one calls itself."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]

    def function(name, called):
        domain = "" if called == "Neg" else "own"
        calls = [
            helper.make_node(called, ["x"], ["y"], domain=domain),
            helper.make_node(called, ["y"], ["z"], domain=domain),
        ]
        return helper.make_function("own", name, ["x"], ["z"], calls, opsets)

    start = [("start", np.zeros(1, np.float32))]
    call = helper.make_node("F0", ["start"], ["zero"], domain="own")
    many = [function(f"F{number}", f"F{number + 1}") for number in range(29)] + [function("F29", "Neg")]
    folder = onnx_folder(tmp_path / "many", with_first(call, tensors=start, functions=many))
    refused(folder, tmp_path, UnsupportedModelError, "too many nodes")
    folder = onnx_folder(tmp_path / "own", with_first(call, tensors=start, functions=[function("F0", "F0")]))
    refused(folder, tmp_path, UnsupportedModelError, "or themselves")
    few = [function("F0", "F1"), function("F1", "Neg")]
    check(
        import_model(
            onnx_folder(tmp_path / "few", with_first(call, tensors=start, functions=few)), tmp_path / "b"
        )
    )


@pytest.mark.parametrize("name", [b"logits", b"Gather", b"input_ids", b"table"])
def test_names_that_are_not_text_are_refused(tmp_path, name):
    folder = onnx_folder(tmp_path / "bag")
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content.replace(name, name[:-1] + b"\xff"))
    refused(folder, tmp_path, ModelError, "a name that is not text")


def test_many_tensors_that_share_their_elements_are_refused(tmp_path):
    """Eighty tensors of one file of 64 MiB took more than 5 GB."""
    folder = external(tmp_path / "bag")
    model = onnx.load_model(folder / "model.onnx", load_external_data=False)
    (table,) = (tensor for tensor in model.graph.initializer if tensor.name == "table")
    for number in range(80):
        model.graph.initializer.add().CopyFrom(table)
        model.graph.initializer[-1].name = f"table.{number}"
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    refused(folder, tmp_path, ModelError, "share their elements")


def test_a_graph_that_takes_far_more_memory_than_its_file_is_refused(tmp_path):
    """Nodes without anything in them take two bytes of a file."""
    folder = onnx_folder(tmp_path / "bag")
    size = 12_000_000
    head = b"\x3a" + bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])
    (folder / "model.onnx").write_bytes(head + b"\x0a\x00" * (size // 2))
    refused(folder, tmp_path, ModelError, r"model\.onnx")
