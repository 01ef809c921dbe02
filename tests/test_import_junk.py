"""Whatever stands in the files of a folder, an import ends in a bundle that opens or in an error of ours."""

from __future__ import annotations

import json
import shutil
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tiny
from rubriek.errors import RubriekError, RubriekWarning
from rubriek.models import Bundle, import_model

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SOON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CONFIG = [
    *("model_type", "architectures", "id2label", "num_labels", "problem_type", "hidden_act", "hidden_size"),
    *("num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "type_vocab_size"),
    *("max_position_embeddings", "layer_norm_eps", "position_embedding_type", "is_decoder", "pruned_heads"),
]
TOKENIZER = [
    *("do_lower_case", "strip_accents", "tokenize_chinese_chars", "model_max_length", "tokenizer_class"),
    *("cls_token", "unk_token", "additional_special_tokens", "added_tokens_decoder", "do_basic_tokenize"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny.huggingface_folder(tmp_path_factory.mktemp("whole") / "model")


def change(whole, home, name, junk):
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(whole, home / "model")
    file = home / "model" / name
    fields = {**json.loads(file.read_text(encoding="utf-8")), **junk}
    file.write_text(json.dumps(fields), encoding="utf-8")
    return home / "model"


def import_or_refuse(folder):
    target = folder.parent / "bundle"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RubriekWarning)
        try:
            bundle = import_model(folder, target)
        except RubriekError:
            assert [path.name for path in folder.parent.iterdir()] == ["model"]
            return
    assert Bundle.open(target, verify=True) == bundle


@SOON
@given(junk=st.dictionaries(st.sampled_from(CONFIG), JUNK, min_size=1, max_size=2))
def test_junk_in_config_json(whole, tmp_path, junk):
    import_or_refuse(change(whole, tmp_path / "home", "config.json", junk))


@SOON
@given(junk=st.dictionaries(st.sampled_from(TOKENIZER), JUNK, min_size=1, max_size=2))
def test_junk_in_tokenizer_config_json(whole, tmp_path, junk):
    import_or_refuse(change(whole, tmp_path / "home", "tokenizer_config.json", junk))


@SOON
@given(
    name=st.sampled_from(
        ["config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors", "tokenizer.json"]
    ),
    content=st.binary(max_size=40) | JUNK.map(lambda value: json.dumps(value).encode()),
)
def test_junk_instead_of_a_file(whole, tmp_path, name, content):
    folder = change(whole, tmp_path / "home", "config.json", {})
    (folder / name).write_bytes(content)
    import_or_refuse(folder)
