"""Tokenizers made to do harm: each ends in an error of ours, before it is loaded into this process."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

import tiny
from rubriek import child_process
from rubriek.errors import TokenizerError
from rubriek.models import tokenizer_trial
from rubriek.models.tokenizer_settings import KINDS
from rubriek.models.tokenizer_trial import load
from rubriek.models.wordpiece import Casing, build_wordpiece
from rubriek.tokens import HuggingFaceTokenizer, SpecialIds

VOCABULARY = {piece: number for number, piece in enumerate([*tiny.SPECIAL, "a", "b", "##a"])}


def bert():
    tokenizer = Tokenizer(models.WordPiece(dict(VOCABULARY), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in tiny.SPECIAL])
    return json.loads(tokenizer.to_str())


PLAIN = bert()


def changed(**changes):
    return {**copy.deepcopy(PLAIN), **changes}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def sequence(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def table(tree, replacements):
    data = len(tree).to_bytes(4, "little") + tree + replacements
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(data).decode()}


def wordpiece(**changes):
    return changed(model={**PLAIN["model"], **changes})


def nested(depth):
    step = {"type": "Lowercase"}
    for _ in range(depth):
        step = sequence(step)
    return step


def split(pattern):
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [step]}


HARMFUL = {
    "replacements that multiply": (
        changed(normalizer=sequence(*[replace("a", "a" * 10)] * 10)),
        "at most 16 times as long",
    ),
    "a replacement of nothing": (changed(normalizer=replace("a*", "b" * 50, "Regex")), "at most 16 times"),
    "an id of 2^31": (wordpiece(vocab={**VOCABULARY, "x": 2**31}), "ids from 0 to 16,777,215"),
    "an added id of 2^31": (
        changed(
            added_tokens=[*PLAIN["added_tokens"], {**PLAIN["added_tokens"][0], "id": 2**31, "content": "x"}]
        ),
        "ids from 0",
    ),
    "a nested repeat": (changed(normalizer=replace("(a+)+$", "b", "Regex")), "search for ever"),
    "a repeat before what may fail": (changed(pre_tokenizer=split("a+b")), "search for ever"),
    "many steps": (changed(normalizer=sequence(*[{"type": "Lowercase"}] * 100)), "at most 64 steps"),
    "many steps inside each other": (changed(normalizer=nested(100)), "nested more than"),
    "a long prefix": (
        changed(normalizer={"type": "Prepend", "prepend": "a" * 1000}),
        "prepend of at most 16",
    ),
    "a long piece": (wordpiece(vocab={**VOCABULARY, "a" * 5000: 8}), "pieces of at most 1,000"),
    "long words": (wordpiece(max_input_chars_per_word=10**9), "max_input_chars_per_word of at most 1,000"),
    "a long continuation": (
        wordpiece(continuing_subword_prefix="#" * 99),
        "continuing_subword_prefix of at most",
    ),
    "words cut at random": (
        changed(model={"type": "BPE", "dropout": 0.1, "vocab": {"a": 0}, "merges": []}),
        "dropout = null",
    ),
    "a table that multiplies": (changed(normalizer=table(b"", b"a" * 1000 + b"\0")), "at most 100 bytes"),
    "a table in no base64": (
        changed(normalizer={"type": "Precompiled", "precompiled_charsmap": "???"}),
        "precompiled_charsmap in base64",
    ),
    "a table that panics": (changed(normalizer=table(b"\1\2\3\4" * 4, b"x\0")), "damaged, or no tokenizer"),
    "no tokenizer": ({}, "damaged, or no tokenizer"),
    "an unknown step": (changed(normalizer={"type": "Explode"}), "damaged, or no tokenizer"),
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """A cache that has seen no tokenizer."""
    monkeypatch.setenv("RUBRIEK_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_tokenizer_is_refused(tmp_path, name):
    content, match = HARMFUL[name]
    file = tmp_path / "tokenizer.json"
    tiny.write_json(file, content)
    with pytest.raises(TokenizerError, match=match) as caught:
        HuggingFaceTokenizer(file, SpecialIds(0, 2, 3), threads=1)
    assert "tokenizer.json" in str(caught.value)
    assert len(str(caught.value)) < 1000


def tried(monkeypatch):
    """Count the processes that try a tokenizer."""
    runs = []

    def run(function, *args, **limits):
        runs.append(function)
        return child_process.run_limited(function, *args, **limits)

    monkeypatch.setattr(tokenizer_trial, "run_limited", run)
    return runs


def test_a_tokenizer_is_tried_once(monkeypatch):
    runs = tried(monkeypatch)
    data = json.dumps(PLAIN).encode()
    assert load(data, "tokenizer.json").encode("a b").tokens == ["a", "b"]
    load(data, "elsewhere.json")
    assert len(runs) == 1
    load(data + b"\n", "tokenizer.json")
    assert len(runs) == 2


def test_a_tokenizer_that_failed_is_tried_again(monkeypatch):
    runs = tried(monkeypatch)
    for _ in range(2):
        with pytest.raises(TokenizerError):
            load(b"{}", "tokenizer.json")
    assert len(runs) == 2


def test_a_cache_that_cannot_be_written_is_no_obstacle(monkeypatch, tmp_path):
    runs = tried(monkeypatch)
    (tmp_path / "cache").write_text("a file where the folder would be")
    data = json.dumps(PLAIN).encode()
    for _ in range(2):
        load(data, "tokenizer.json")
    assert len(runs) == 2


def test_the_built_in_model_and_imported_ones_need_no_trial(monkeypatch, tmp_path, huggingface_folder):
    import rubriek
    from rubriek.models import import_model

    runs = tried(monkeypatch)
    rubriek.load("nl-news")
    bundle = import_model(huggingface_folder(), tmp_path / "bundle")
    rubriek.load(bundle.folder)
    assert runs == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
@pytest.mark.parametrize("harm", ["import os; os.abort()", "bytearray(10**11)", "raise SystemExit"])
def test_whatever_happens_in_a_trial_this_process_goes_on(monkeypatch, harm):
    monkeypatch.setattr(
        tokenizer_trial,
        "run_limited",
        lambda _, text, **limits: child_process.run_limited("builtins.exec", harm, **limits),
    )
    with pytest.raises(TokenizerError, match="damaged, or no tokenizer"):
        load(json.dumps(PLAIN).encode(), "tokenizer.json")


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
places = st.sampled_from(
    [
        *(("normalizer",), ("pre_tokenizer",), ("post_processor",), ("model",), ("added_tokens",)),
        *(("model", "vocab"), ("model", "unk_token"), ("normalizer", "type"), ("model", "type")),
    ]
)


@given(places, junk)
def test_the_rules_refuse_junk_in_our_words_or_leave_it_to_the_trial(place, value):
    content = changed()
    inside = content
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    with contextlib.suppress(TokenizerError):
        tokenizer_trial.check_rules(tokenizer_trial.Fields(content, "tokenizer.json", TokenizerError))


def test_a_vocabulary_of_spark_nlp_may_not_count_to_2_to_the_31st():
    casing = Casing(lowercase=False, strip_accents=None, chinese=True)
    with pytest.raises(TokenizerError, match="ids from 0 to 16,777,215"):
        build_wordpiece({**VOCABULARY, "x": 2**31 - 1}, casing, KINDS)
