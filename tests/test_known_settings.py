"""The settings of transformers, one by one: honoured, refused by name, or without effect."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tiny
from rubriek.errors import RubriekError, RubriekWarning, TokenizerError, UnsupportedModelError
from rubriek.models import import_model
from rubriek.models.known_settings import MODEL_SETTINGS, TOKENIZER_SETTINGS, VOCABULARY_SETTINGS
from rubriek.models.tokenizer_settings import KINDS

DOCS = Path(__file__).parent.parent / "docs" / "models.md"
BOTH = {"config.json": MODEL_SETTINGS, "tokenizer_config.json": TOKENIZER_SETTINGS}
ODD = {"odd": ["value"]}
"""A value that no setting has."""


@pytest.mark.parametrize("file", BOTH)
def test_every_setting_of_transformers_is_in_one_list(data, file):
    """The file holds what transformers' classes of BERT write and read; its first field is the version."""
    theirs = json.loads((data / "transformers-settings.json").read_text(encoding="utf-8"))
    settings = BOTH[file]
    assert [name for name in theirs[file] if name not in settings] == []
    lists = [set(settings.honoured), set(settings.refused), set(settings.without_effect)]
    assert sum(map(len, lists)) == len(set().union(*lists))


@pytest.mark.parametrize("file", BOTH)
def test_the_lists_are_those_of_the_documentation(file):
    text = DOCS.read_text(encoding="utf-8")
    section = text.partition("## Which settings of a model count")[2].partition("\n## ")[0]
    part = section.partition(f"### `{file}`")[2].partition("\n### ")[0]
    found = {
        kind: set(re.findall(r"`(\w+)`", part.partition(f"**{kind}**")[2].partition("\n\n")[0]))
        for kind in ("Honoured", "Refused", "Without effect")
    }
    settings = BOTH[file]
    refused = {**settings.refused, **(VOCABULARY_SETTINGS if settings is TOKENIZER_SETTINGS else {})}
    assert found == {
        "Honoured": set(settings.honoured),
        "Refused": set(refused),
        "Without effect": set(settings.without_effect),
    }


@pytest.mark.parametrize("name", MODEL_SETTINGS.refused)
def test_a_refused_setting_of_a_model_is_named(huggingface_folder, tmp_path, name):
    folder = huggingface_folder(**{name: ODD})
    with pytest.raises(UnsupportedModelError, match=rf"expected: {name} = .*\n.*found: *{name} = .*odd"):
        import_model(folder, tmp_path / "bundle")
    tiny.change_json(folder / "config.json", **{name: MODEL_SETTINGS.refused[name].usual[0]})
    import_model(folder, tmp_path / "bundle")


@pytest.mark.parametrize("name", {**TOKENIZER_SETTINGS.refused, **VOCABULARY_SETTINGS})
def test_a_refused_setting_of_a_tokenizer_is_named(huggingface_folder, tmp_path, name):
    folder = huggingface_folder()
    refused = {**TOKENIZER_SETTINGS.refused, **VOCABULARY_SETTINGS}[name]
    tiny.change_json(folder / "tokenizer_config.json", **{name: ODD})
    with pytest.raises(TokenizerError, match=rf"expected: {name} = .*\n.*found: *{name} = .*odd"):
        import_model(folder, tmp_path / "bundle")
    tiny.change_json(folder / "tokenizer_config.json", **{name: refused.usual[0]})
    import_model(folder, tmp_path / "bundle")


def test_settings_without_effect_have_none(huggingface_folder, tmp_path):
    folder = huggingface_folder()
    plain = import_model(folder, tmp_path / "plain")
    tiny.change_json(
        folder / "config.json", **dict.fromkeys(MODEL_SETTINGS.without_effect - {"label2id"}, ODD)
    )
    tiny.change_json(
        folder / "tokenizer_config.json", **dict.fromkeys(TOKENIZER_SETTINGS.without_effect, ODD)
    )
    odd = import_model(folder, tmp_path / "odd", name="plain")
    assert odd.checksums == plain.checksums
    assert (odd.labels, odd.max_length, odd.truncation_side) == (plain.labels, plain.max_length, "right")


TELLING_MODEL = {
    **{"architectures": ["BertModel"], "model_type": "gpt2", "hidden_act": "relu", "layer_norm_eps": 0.5},
    **{"hidden_size": 16, "intermediate_size": 8, "num_attention_heads": 4, "num_hidden_layers": 1},
    **{"max_position_embeddings": 16, "type_vocab_size": 3, "vocab_size": 5, "num_labels": 4},
    **{"id2label": {"0": "x", "1": "y", "2": "z"}, "problem_type": "regression"},
    "tokenizer_class": "BertJapaneseTokenizer",
}
TELLING_TOKENIZER = {
    **{"added_tokens_decoder": {"9999": {"content": "<x>"}}, "do_lower_case": True, "strip_accents": True},
    **{"additional_special_tokens": ["de"], "extra_special_tokens": ["het"], "bos_token": "de"},
    **{"eos_token": "een", "model_max_length": 9, "max_len": 9, "tokenize_chinese_chars": False},
    **{"tokenizer_class": "GPT2Tokenizer", "truncation_side": "left", "add_prefix_space": True},
    **{f"{kind}_token": "de" for kind in KINDS},
}


@pytest.mark.parametrize("file", BOTH)
def test_honoured_settings_have_a_telling_value_each(file):
    telling = {"config.json": TELLING_MODEL, "tokenizer_config.json": TELLING_TOKENIZER}[file]
    assert set(telling) == set(BOTH[file].honoured)


def outcome(folder, target):
    """What an import gives: the record and its files, or the error."""
    try:
        bundle = import_model(folder, target, name="same", overwrite=True)
    except RubriekError as error:
        return str(error)
    return (bundle.labels, bundle.problem_type, bundle.max_length, bundle.truncation_side, bundle.checksums)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        *(("config.json", name) for name in sorted(TELLING_MODEL)),
        *(("tokenizer_config.json", name) for name in sorted(set(TELLING_TOKENIZER) - {"add_prefix_space"})),
    ],
)
@pytest.mark.filterwarnings("ignore::rubriek.errors.RubriekWarning")
def test_honoured_settings_change_what_an_import_gives(huggingface_folder, tmp_path, file, name):
    folder = huggingface_folder()
    if name == "max_len":
        tiny.change_json(folder / "tokenizer_config.json", model_max_length=None)
    before = outcome(folder, tmp_path / "bundle")
    telling = {"config.json": TELLING_MODEL, "tokenizer_config.json": TELLING_TOKENIZER}[file]
    tiny.change_json(folder / file, **{name: telling[name]})
    assert outcome(folder, tmp_path / "bundle") != before


def test_unknown_settings_are_named_in_a_warning(huggingface_folder, tmp_path):
    folder = huggingface_folder()
    tiny.change_json(folder / "tokenizer_config.json", unheard_of=1, own_token="de")
    with pytest.warns(RubriekWarning, match=r"tokenizer_config\.json has settings .*'unheard_of'"):
        import_model(folder, tmp_path / "bundle")
