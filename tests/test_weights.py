from __future__ import annotations

import json

import numpy as np
import pytest

import tiny
from rubriek.errors import WeightsError
from rubriek.models.weights import has_weights, read_weights

FIRST = {"a": np.arange(3, dtype=np.float32)}
SECOND = {"b": np.arange(4, dtype=np.float32)}
FORMS = pytest.mark.parametrize(
    ("name", "write"),
    [("model.safetensors", tiny.write_safetensors), ("pytorch_model.bin", tiny.write_torch_zip)],
)


def write_parts(folder, name, write, places=None):
    parts = [f"part-{index}-of-2" for index in (1, 2)]
    write(folder / parts[0], FIRST)
    write(folder / parts[1], SECOND)
    weight_map = {"a": parts[0], "b": parts[1]} if places is None else places
    tiny.write_json(folder / f"{name}.index.json", {"metadata": {"total_size": 28}, "weight_map": weight_map})


@FORMS
def test_weights_in_parts(tmp_path, name, write):
    write_parts(tmp_path, name, write)
    weights = read_weights(tmp_path)
    assert weights.tensors["a"].float32().tolist() == [0, 1, 2]
    assert weights.tensors["b"].float32().tolist() == [0, 1, 2, 3]
    assert [file.name for file in weights.files] == [f"{name}.index.json", "part-1-of-2", "part-2-of-2"]
    assert has_weights(tmp_path)


@pytest.mark.parametrize(
    "place",
    ["../part-1-of-2", "/etc/passwd", "a/../../b", "C:\\weights", "", ".", "a\0b", "x" * 300, "~/../../x"],
)
def test_a_part_outside_the_folder_is_refused(tmp_path, place):
    (tmp_path / "model").mkdir()
    write_parts(tmp_path, "model.safetensors", tiny.write_safetensors)
    places = {"a": place, "b": "part-2-of-2"}
    write_parts(tmp_path / "model", "model.safetensors", tiny.write_safetensors, places)
    with pytest.raises(WeightsError, match=r"outside its folder|1 to 255 characters"):
        read_weights(tmp_path / "model")


def test_a_link_that_leaves_the_folder_is_refused(tmp_path):
    (tmp_path / "model").mkdir()
    tiny.write_safetensors(tmp_path / "secret", FIRST)
    write_parts(tmp_path / "model", "model.safetensors", tiny.write_safetensors)
    (tmp_path / "model/part-1-of-2").unlink()
    (tmp_path / "model/part-1-of-2").symlink_to(tmp_path / "secret")
    with pytest.raises(WeightsError, match="outside its folder"):
        read_weights(tmp_path / "model")


def test_the_links_of_a_hugging_face_cache_are_followed(tmp_path):
    snapshot, blobs = tmp_path / "models--x/snapshots/0a1b", tmp_path / "models--x/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    write_parts(snapshot, "model.safetensors", tiny.write_safetensors)
    for file in list(snapshot.iterdir()):
        file.rename(blobs / file.name)
        file.symlink_to(blobs / file.name)
    assert set(read_weights(snapshot).tensors) == {"a", "b"}


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({}, "names no parts"),
        ([], "an object"),
        ({"a": 3}, "a text"),
        ({"a": "part-1-of-2"}, None),
        ({"a": "part-1-of-2", "b": "part-1-of-2"}, "'b' in both"),
        ({"a": "part-1-of-2", "b": "part-3-of-3"}, "missing: part-3-of-3"),
    ],
)
def test_an_index_that_does_not_fit_its_parts(tmp_path, places, message):
    write_parts(tmp_path, "model.safetensors", tiny.write_safetensors, places)
    if message is None:  # a part that is not named is not read
        assert set(read_weights(tmp_path).tensors) == {"a"}
        return
    with pytest.raises(WeightsError, match=message):
        read_weights(tmp_path)


def test_no_weights(tmp_path):
    (tmp_path / "tf_model.h5").write_bytes(b"")
    assert not has_weights(tmp_path)
    with pytest.raises(WeightsError, match=r"found: *tf_model\.h5"):
        read_weights(tmp_path)


def test_an_index_that_is_no_json(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps([1]))
    with pytest.raises(WeightsError, match="not a JSON object"):
        read_weights(tmp_path)
