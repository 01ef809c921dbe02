from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rubriek
from rubriek.errors import BundleError, ModelError, ModelNotFoundError, RubriekError
from rubriek.models.bundle import Agreement, Bundle, parse_record
from rubriek.models.checks import JSON_LIMIT, Fields
from rubriek.models.staging import staged


def write_bundle(target: Path, **changes: object) -> Bundle:
    """A bundle whose files hold nothing that could run; enough for everything that does not run it."""
    fields: dict[str, object] = {
        "name": "small",
        "labels": ("Sport", "Cultuur & Media"),
        "problem_type": "single_label_classification",
        "max_length": 16,
        "precision": "fp32",
        "pad_id": 3,
        "unk_id": 0,
        "cls_id": 1,
        "sep_id": 2,
        "source": {"format": "made for a test"},
    }
    with staged(target) as folder:
        (folder / "model.onnx").write_bytes(b"graph")
        (folder / "tokenizer.json").write_bytes(b"{}")
        Bundle(folder=folder, **{**fields, **changes}).seal()  # type: ignore[arg-type]
    return Bundle.open(target, verify=True)


def record_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / "rubriek.json").read_text(encoding="utf-8"))


def test_a_bundle_reads_back_what_was_written(tmp_path):
    agreement = Agreement(120, 0.9917, 0.031, "headlines")
    encoder = dict.fromkeys(
        ("hidden_size", "layers", "heads", "intermediate_size", "vocab_size", "max_positions"), 16
    )
    bundle = write_bundle(
        tmp_path / "small",
        agreement=agreement,
        encoder=encoder,
        problem_type="multi_label_classification",
        threshold=(0.25, 1.0),
        precision="int8",
    )
    assert bundle.folder == tmp_path / "small"
    assert bundle.labels == ("Sport", "Cultuur & Media")
    assert (bundle.pad_id, bundle.unk_id, bundle.cls_id, bundle.sep_id) == (3, 0, 1, 2)
    assert (bundle.agreement, bundle.encoder, bundle.threshold) == (agreement, encoder, (0.25, 1.0))
    assert (bundle.precision, bundle.max_length) == ("int8", 16)
    assert bundle.source == {"format": "made for a test"}
    assert bundle.size == len(b"graph") + len(b"{}")
    assert set(bundle.checksums) == {"model.onnx", "tokenizer.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_an_existing_target_is_kept_unless_asked_otherwise(tmp_path):
    target = tmp_path / "small"
    write_bundle(target)
    before = record_of(target)
    with pytest.raises(ModelError, match="already"):
        write_bundle(target, name="other")
    assert record_of(target) == before
    with staged(target, overwrite=True) as folder:
        (folder / "rubriek.json").write_text("{}")
    assert [path.name for path in target.iterdir()] == ["rubriek.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_overwriting_never_removes_what_is_no_bundle(tmp_path):
    target = tmp_path / "holiday"
    target.mkdir()
    (target / "photo.jpg").write_bytes(b"sea")
    with pytest.raises(ModelError, match="not a model of this kind"), staged(target, overwrite=True):
        pass
    assert (target / "photo.jpg").read_bytes() == b"sea"


def test_an_error_half_way_leaves_nothing(tmp_path):
    def write_half():
        with staged(tmp_path / "small") as folder:
            (folder / "model.onnx").write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_replacing_keeps_the_old_one(tmp_path):
    target = tmp_path / "small"
    write_bundle(target)
    with pytest.raises(ZeroDivisionError), staged(target, overwrite=True):
        raise ZeroDivisionError
    assert Bundle.open(target, verify=True).name == "small"


def test_a_target_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for target in ("file/small", "x" * 300, "\ud800"):
        with pytest.raises(ModelError, match="cannot be made"), staged(tmp_path / target):
            pass


def test_a_full_disk_is_our_error_and_our_errors_stay_what_they_are(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    for raised, kind, match in (
        (full, ModelError, "No space left"),
        (ModelNotFoundError("Nothing there."), ModelNotFoundError, "Nothing there"),
    ):
        with pytest.raises(kind, match=match), staged(tmp_path / "small"):
            raise raised
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed_after_a_day(tmp_path):
    old, young, other = (tmp_path / f".{name}.partial" for name in ("small.0", "small.1", "smaller.0"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "model.onnx").write_bytes(b"half")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    write_bundle(tmp_path / "small")
    assert sorted(path.name for path in tmp_path.iterdir()) == [young.name, other.name, "small"]


def test_sealing_refuses_what_could_not_be_opened(tmp_path):
    with pytest.raises(BundleError, match="labels"):
        write_bundle(tmp_path / "small", labels=("Sport", "Sport"))
    (tmp_path / "model.onnx").write_bytes(b"")
    alone = Bundle(tmp_path, "a", ("x", "y"), "single_label_classification", 16, "fp32", 0, 1, 2, 3)
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        alone.seal()
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_no_folder_and_no_record(tmp_path):
    with pytest.raises(ModelNotFoundError):
        Bundle.open(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BundleError, match=r"found: *config\.json"):
        Bundle.open(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_missing_truncated_and_changed_files(tmp_path, name):
    bundle = write_bundle(tmp_path / "small")
    file = bundle.folder / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(BundleError, match=f"expected: {len(whole)} bytes"):
        Bundle.open(bundle.folder)
    file.write_bytes(whole[:-1] + b"?")
    Bundle.open(bundle.folder)  # the size is right, and only that is looked at here
    with pytest.raises(BundleError, match="SHA-256"):
        Bundle.open(bundle.folder, verify=True)
    file.unlink()
    with pytest.raises(BundleError, match=f"a file {name}"):
        Bundle.open(bundle.folder)


WRONG = [
    ("format_version", 2, "newer"),
    ("format_version", "1", "whole number"),
    ("name", "../small", "letters"),
    ("name", 3, "text"),
    ("labels", [], "at least one"),
    ("labels", "Sport", "list"),
    ("labels", ["Sport", 3], "list"),
    ("labels", ["Sport", "Sport"], "none twice"),
    ("labels", ["Sport"], "two labels"),
    ("labels", ["Sport", "\ud800"], "list"),
    ("problem_type", "ranking", "one of"),
    ("threshold", 1.5, "from 0 to 1"),
    ("threshold", True, "from 0 to 1"),
    ("threshold", [0.5], "list of 2"),
    ("threshold", [0.5, 1.5], "list of 2"),
    ("threshold", [0.5, float("nan")], "NaN is not a JSON value"),
    ("max_length", 2, "from 3"),
    ("max_length", 10.0, "whole number"),
    ("max_length", True, "whole number"),
    ("precision", "fp16", "one of"),
    ("special_ids", {"pad": 0, "unk": 1, "cls": 2}, "'sep' is missing"),
    ("special_ids", {"pad": -1, "unk": 1, "cls": 2, "sep": 3}, "pad"),
    ("encoder", {"hidden_size": 0}, "hidden_size"),
    ("agreement", {"documents": 1}, "agreement"),
    ("source", [], "an object"),
    ("files", {}, "missing"),
    ("files", {"model.onnx": {}, "tokenizer.json": {}}, "sha256"),
]


@pytest.mark.parametrize(("field", "value", "message"), WRONG)
def test_every_field_is_checked(tmp_path, field, value, message):
    bundle = write_bundle(tmp_path / "small")
    record = {**record_of(bundle.folder), field: value}
    (bundle.folder / "rubriek.json").write_text(json.dumps(record))
    with pytest.raises(BundleError, match=message):
        Bundle.open(bundle.folder)


def test_a_record_that_nests_without_end_is_refused(tmp_path):
    bundle = write_bundle(tmp_path / "small")
    (bundle.folder / "rubriek.json").write_text('{"source":' * 100_000)
    with pytest.raises(BundleError, match="nested more than 64 deep"):
        Bundle.open(bundle.folder)


@pytest.mark.parametrize("labels", [["one"], ["a", "b", "c"]])
def test_other_labels_than_the_graph_has_logits_are_found_when_it_is_loaded(tiny_a, tmp_path, labels):
    """Three labels of a model with one logit got a score of a third each."""
    shutil.copytree(tiny_a.folder, tmp_path / "other")
    record = {**record_of(tiny_a.folder), "labels": labels, "problem_type": "multi_label_classification"}
    (tmp_path / "other/rubriek.json").write_text(json.dumps(record))
    with pytest.raises(BundleError, match=r"expected: 9 labels, as model\.onnx has logits"):
        rubriek.load(tmp_path / "other")


def test_files_outside_the_folder_are_refused(tmp_path):
    bundle = write_bundle(tmp_path / "small")
    record = record_of(bundle.folder)
    record["files"]["../../secret"] = {"bytes": 1, "sha256": "0" * 64}  # type: ignore[index]
    (bundle.folder / "rubriek.json").write_text(json.dumps(record))
    with pytest.raises(BundleError, match="secret"):
        Bundle.open(bundle.folder)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"a": 1, "a": 2}', b"\xff", b'{"a":' + b"[" * 100_000, b"9" * 10_000]
)
def test_a_record_that_is_no_json_object(tmp_path, data):
    (tmp_path / "rubriek.json").write_bytes(data)
    with pytest.raises(BundleError, match="JSON"):
        Bundle.open(tmp_path)


def test_special_ids_lie_inside_the_vocabulary(tmp_path):
    encoder = dict.fromkeys(
        ("hidden_size", "layers", "heads", "intermediate_size", "vocab_size", "max_positions"), 16
    )
    with pytest.raises(BundleError, match="sep"):
        write_bundle(tmp_path / "a", encoder=encoder, sep_id=16)
    with pytest.raises(BundleError, match="max_length"):
        write_bundle(tmp_path / "b", encoder=encoder, max_length=17)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
GOOD: dict[str, object] = {
    "format_version": 1,
    "name": "small",
    "labels": ["a", "b"],
    "problem_type": "single_label_classification",
    "threshold": 0.5,
    "max_length": 16,
    "precision": "fp32",
    "special_ids": {"pad": 0, "unk": 1, "cls": 2, "sep": 3},
    "encoder": None,
    "agreement": None,
    "source": {},
    "files": {name: {"bytes": 1, "sha256": "0"} for name in ("model.onnx", "tokenizer.json")},
}


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, min_size=1, max_size=3))
def test_junk_in_any_field_is_a_bundle_or_our_error(junk):
    try:
        bundle = parse_record(Path("small"), Fields({**GOOD, **junk}, "rubriek.json", BundleError))
    except RubriekError:
        return
    assert bundle.labels
    assert bundle.max_length >= 3


def test_a_record_without_end_is_not_read_to_the_end(tmp_path):
    (tmp_path / "rubriek.json").write_bytes(b" " * (JSON_LIMIT + 1))
    with pytest.raises(BundleError, match="too large"):
        Bundle.open(tmp_path)
