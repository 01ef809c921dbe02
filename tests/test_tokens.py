from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rubriek import tokens
from rubriek.errors import TokenizerError
from rubriek.models import tokenizer_trial
from rubriek.tokens import HuggingFaceTokenizer, SpecialIds

shared_model = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(scope="module")
def make(tiny_a):
    special = SpecialIds(tiny_a.pad_id, tiny_a.cls_id, tiny_a.sep_id)
    return lambda threads: HuggingFaceTokenizer(tiny_a.tokenizer_file, special, threads=threads)


def pieces(found: tokens.Tokens) -> list[list[int]]:
    bounds = zip(found.offsets[:-1], found.offsets[1:], strict=True)
    return [found.ids[start:stop].tolist() for start, stop in bounds]


@shared_model
@given(st.lists(any_text, max_size=12))
def test_many_texts_give_what_each_gives_alone_on_any_number_of_threads(make, texts):
    together = pieces(make(10_000).tokenize(texts))
    assert together == pieces(make(1).tokenize(texts))
    assert together == [pieces(make(1).tokenize([text]))[0] for text in texts]


def test_long_lists_are_tokenised_in_parts(make, monkeypatch):
    texts = ["koning beurs"] * 10 + [""] * 3
    whole = pieces(make(1).tokenize(texts))
    monkeypatch.setattr(tokens, "CHARACTERS_AT_ONCE", 25)
    assert pieces(make(1).tokenize(texts)) == whole


troublesome = st.lists(
    st.sampled_from(
        ["koning", "Σ", "e\u0301", "\u0301", "中", "[SEP]", "[", "\x00", "\u00a0", "\n", " ", " "]
    )
).map("".join)


@shared_model
@given(st.lists(any_text | troublesome, max_size=6), st.integers(1, 12))
def test_sections_of_long_texts_give_the_pieces_of_the_whole(make, texts, long):
    whole = pieces(make(1).tokenize(texts))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tokens, "LONG", long)
        assert pieces(make(1).tokenize(texts)) == whole


def test_a_long_text_is_cut_only_where_every_piece_stays_whole(make, tiny_a, tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "LONG", 5)
    seen = []
    monkeypatch.setattr(
        HuggingFaceTokenizer, "_encode", lambda self, texts: seen.append(texts) or iter([[1]] * len(texts))
    )
    make(1).tokenize(["koning opent het museum", "de"])
    assert seen.pop() == ["koning", " opent", " het", " museum", "de"]

    edited = json.loads(tiny_a.tokenizer_file.read_text())
    edited["added_tokens"].append({**edited["added_tokens"][-1], "id": 9, "content": "het museum"})
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(edited))
    HuggingFaceTokenizer(file, SpecialIds(0, 2, 3), threads=1).tokenize(["koning opent het museum"])
    assert seen.pop() == ["koning opent het museum"]


def test_nothing_is_cut(make):
    (found,) = pieces(make(1).tokenize(["koning " * 5000]))
    assert len(found) >= 5000


def test_a_broken_tokenizer_is_named(tmp_path):
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        HuggingFaceTokenizer(broken, SpecialIds(0, 2, 3), threads=1)


def test_a_panic_of_the_tokenizers_library_is_an_error_of_ours(make, monkeypatch):
    class PanicException(BaseException):  # as Rust's panics arrive
        pass

    def panic(self, texts):
        raise PanicException("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr(HuggingFaceTokenizer, "_encode", panic)
    with pytest.raises(TokenizerError, match=r"fails on a text.*\n.*unwrap"):
        make(1).tokenize(["koning"])


def test_a_tokenizer_that_knows_no_answer_for_a_text_is_an_error_of_ours(tmp_path):
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "a": 2}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "no such token"}
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps({"model": model, "pre_tokenizer": {"type": "Whitespace"}, "added_tokens": []}))
    tokenizer_trial.mark(file.read_bytes())
    tokenizer = HuggingFaceTokenizer(file, SpecialIds(0, 1, 2), threads=1)
    assert pieces(tokenizer.tokenize(["a a"])) == [[2, 2]]
    with pytest.raises(TokenizerError, match="fails on a text"):
        tokenizer.tokenize(["b"])
