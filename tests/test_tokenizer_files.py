from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

import tiny
from rubriek.errors import RubriekWarning, TokenizerError
from rubriek.models.tokenizer_files import read_tokenizer


def folder_of(folder, vocabulary, **config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text(
        "".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8", newline=""
    )
    tiny.write_json(folder / "tokenizer_config.json", config)
    return folder


def pieces(folder, text):
    """The pieces of a text, special tokens left out."""
    tokenizer = Tokenizer.from_str(read_tokenizer(folder, None).text)
    return tokenizer.encode(text, add_special_tokens=False).tokens


CASED = [*tiny.SPECIAL, "Eén", "één", "een", "##s", "中", "中中", "a"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"do_lower_case": False}, ["Eén", "één"]),
        ({"do_lower_case": False, "strip_accents": None}, ["Eén", "één"]),
        ({"do_lower_case": False, "strip_accents": True}, ["[UNK]", "een"]),
        ({"do_lower_case": True}, ["een", "een"]),
        ({"do_lower_case": True, "strip_accents": False}, ["[UNK]", "één"]),
    ],
)
def test_casing_and_accents(tmp_path, config, expected):
    assert pieces(folder_of(tmp_path, CASED, **config), "Eén één") == expected


@pytest.mark.parametrize(("chinese", "expected"), [(True, ["中", "中"]), (False, ["中中"])])
def test_chinese_characters(tmp_path, chinese, expected):
    folder = folder_of(tmp_path, CASED, do_lower_case=False, tokenize_chinese_chars=chinese)
    assert pieces(folder, "中中") == expected


@pytest.mark.parametrize(
    ("vocabulary", "expected"), [(CASED, ["Eén"]), ([piece for piece in CASED if piece != "Eén"], ["een"])]
)
def test_where_nothing_is_said_the_vocabulary_tells_the_casing(tmp_path, vocabulary, expected):
    folder = folder_of(tmp_path, vocabulary)
    with pytest.warns(RubriekWarning, match="do_lower_case"):
        assert pieces(folder, "Eén") == expected


def test_a_word_of_more_than_a_hundred_characters_is_unknown(tmp_path):
    folder = folder_of(tmp_path, [*tiny.SPECIAL, "a", "##a"], do_lower_case=False)
    assert pieces(folder, "a" * 100) == ["a", *["##a"] * 99]
    assert pieces(folder, "a" * 101) == ["[UNK]"]


def test_special_tokens_by_their_own_names(tmp_path):
    vocabulary = ["a", "<pad>", "<unk>", "</s>", "<s>"]
    names = {"unk_token": "x", "pad_token": {"content": "<pad>", "special": True}, "do_lower_case": False}
    folder = folder_of(tmp_path, vocabulary, **names)
    tiny.write_json(
        folder / "special_tokens_map.json",
        {"cls_token": "<s>", "sep_token": {"content": "</s>"}, "unk_token": "<unk>"},
    )
    found = read_tokenizer(folder, 5)
    assert (found.pad_id, found.unk_id, found.sep_id, found.cls_id) == (1, 2, 3, 4)
    assert Tokenizer.from_str(found.text).encode("a <pad> b").ids == [4, 0, 1, 2, 3]
    assert {file.name for file in found.files} == {
        "vocab.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
    }


def test_lines_may_end_as_on_windows_and_the_later_of_two_counts(tmp_path):
    folder = folder_of(tmp_path, ["a", *tiny.SPECIAL, "a"], do_lower_case=False)
    (folder / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes().replace(b"\n", b"\r\n"))
    tokenizer = Tokenizer.from_str(read_tokenizer(folder, None).text)
    assert tokenizer.encode("a", add_special_tokens=False).ids == [6]


@pytest.mark.parametrize("missing", ["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
def test_a_vocabulary_without_a_special_token(tmp_path, missing):
    vocabulary = [piece for piece in CASED if piece != missing]
    folder = folder_of(tmp_path, vocabulary, do_lower_case=False)
    with pytest.raises(TokenizerError, match=rf"no \{missing}"):
        read_tokenizer(folder, None)


def test_the_mask_is_not_needed(tmp_path):
    folder = folder_of(tmp_path, [piece for piece in CASED if piece != "[MASK]"], do_lower_case=False)
    assert pieces(folder, "a") == ["a"]


def test_added_tokens(tmp_path):
    decoder = {
        "12": {"content": "<merk>", "special": False, "normalized": False},
        "13": {"content": "[X]", "special": True, "lstrip": True},
    }
    folder = folder_of(tmp_path, CASED, do_lower_case=False, added_tokens_decoder=decoder)
    assert pieces(folder, "a<merk>a[X]") == ["a", "<merk>", "a", "[X]"]
    with pytest.raises(TokenizerError, match="ids below vocab_size, 13"):
        read_tokenizer(folder, 13)


def test_added_tokens_of_old_folders(tmp_path):
    """Where the configuration lists the added tokens, the older files do not count, as in transformers."""
    folder = folder_of(tmp_path, CASED, do_lower_case=False)
    (folder / "added_tokens.json").write_text('{"oud": 12}')
    (folder / "special_tokens_map.json").write_text('{"additional_special_tokens": ["een"]}')
    assert pieces(folder, "aouda") == ["a", "oud", "a"]
    assert pieces(folder, "aeena") == ["a", "een", "a"]
    tiny.change_json(folder / "tokenizer_config.json", added_tokens_decoder={"12": {"content": "nieuw"}})
    assert pieces(folder, "anieuwa") == ["a", "nieuw", "a"]
    assert pieces(folder, "aouda") == pieces(folder, "aeena") == ["[UNK]"]


def test_additional_special_tokens(tmp_path):
    """They are found in a text before it is lowercased; others after."""
    vocabulary = [*tiny.SPECIAL, "a", "<X>"]
    folder = folder_of(tmp_path, vocabulary, do_lower_case=True, additional_special_tokens=["<X>"])
    (folder / "added_tokens.json").write_text('{"<Y>": 7}')
    assert pieces(folder, "A<X>a") == ["a", "<X>", "a"]
    assert pieces(folder, "a<x>")[-1] == "[UNK]"
    ids = (
        Tokenizer.from_str(read_tokenizer(folder, None).text).encode("a<Y>a<y>", add_special_tokens=False).ids
    )
    assert ids == [5, 7, 5, 7]
    tiny.change_json(folder / "tokenizer_config.json", additional_special_tokens=["<Z>"])
    assert pieces(folder, "a<Z>a") == ["a", "<Z>", "a"]
    with pytest.raises(TokenizerError, match=r"ids below vocab_size, 8(.|\n)*8 \('<Z>'\)"):
        read_tokenizer(folder, 8)


@pytest.mark.parametrize("index", ["11", "13"])
def test_added_tokens_that_do_not_fit_the_vocabulary(tmp_path, index):
    decoder = {index: {"content": "<merk>"}}
    folder = folder_of(tmp_path, CASED, do_lower_case=False, added_tokens_decoder=decoder)
    with pytest.raises(TokenizerError, match=f"expected: id {index}"):
        read_tokenizer(folder, None)


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"tokenizer_class": "BertJapaneseTokenizer"}, "BertJapaneseTokenizer"),
        ({"do_basic_tokenize": False}, "do_basic_tokenize"),
        ({"do_lower_case": "yes"}, "do_lower_case"),
        ({"strip_accents": 1}, "strip_accents"),
        ({"model_max_length": "512"}, "model_max_length"),
        ({"model_max_length": 2}, "model_max_length"),
        ({"model_max_length": True}, "model_max_length"),
        ({"cls_token": ["[CLS]"]}, "cls_token"),
        ({"cls_token": {"text": "[CLS]"}}, "content"),
        ({"additional_special_tokens": "<X>"}, "a list of tokens"),
        ({"truncation_side": "middle"}, "one of right, left"),
        ({"additional_special_tokens": [3]}, "additional_special_tokens"),
        ({"added_tokens_decoder": []}, "added_tokens_decoder"),
        ({"added_tokens_decoder": {"x": {}}}, "no id"),
        ({"added_tokens_decoder": {"9" * 5000: {}}}, "no id"),
        ({"added_tokens_decoder": {"20": {"content": 3}}}, "content"),
        ({"added_tokens_decoder": {"20": {"content": "x", "special": 1}}}, "special"),
    ],
)
def test_a_configuration_that_cannot_be_followed(tmp_path, config, match):
    folder = folder_of(tmp_path, CASED, **{"do_lower_case": False, **config})
    with pytest.raises(TokenizerError, match=match):
        read_tokenizer(folder, None)


@pytest.mark.parametrize(("content", "match"), [(b"", "empty"), (b"\xff\xfe[PAD]", "UTF-8")])
def test_a_vocabulary_that_is_none(tmp_path, content, match):
    folder = folder_of(tmp_path, CASED)
    (folder / "vocab.txt").write_bytes(content)
    with pytest.raises(TokenizerError, match=match):
        read_tokenizer(folder, None)


def whole(**changes):
    """A tokenizer.json, as its parts."""
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(CASED)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in tiny.SPECIAL])
    return {**json.loads(tokenizer.to_str()), **changes}


def test_truncation_and_padding_of_tokenizer_json_are_left_out(tmp_path):
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    padding = {
        **{"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None},
        **{"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
    }
    tiny.write_json(tmp_path / "tokenizer.json", whole(truncation=truncation, padding=padding))
    assert len(pieces(tmp_path, "a a")) == 2
    assert len(pieces(tmp_path, "a " * 50)) == 50


def test_the_frame_is_added_where_tokenizer_json_has_none(tmp_path):
    tiny.write_json(tmp_path / "tokenizer.json", whole())
    assert Tokenizer.from_str(read_tokenizer(tmp_path, 12).text).encode("a").tokens == ["[CLS]", "a", "[SEP]"]


def test_the_frame_of_another_class_is_not_made_up(tmp_path):
    tiny.write_json(tmp_path / "tokenizer.json", whole())
    tiny.write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    with pytest.raises(TokenizerError, match=r"one \[SEP\] behind it"):
        read_tokenizer(tmp_path, None)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("tokenizer_config.json", {"additional_special_tokens": ["een"]}, "een"),
        ("tokenizer_config.json", {"extra_special_tokens": [{"content": "een"}]}, "een"),
        ("tokenizer_config.json", {"extra_special_tokens": {"own_token": "een"}}, "een"),
        ("tokenizer_config.json", {"own_token": "een"}, "een"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"7": {"content": "een"}}}, "een"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"12": {"content": "nieuw"}}}, "nieuw"),
        ("special_tokens_map.json", {"additional_special_tokens": ["een"]}, "een"),
        ("special_tokens_map.json", {"mask_token": {"content": "een", "lstrip": True}}, "een"),
        ("added_tokens.json", {"nieuw": 12}, "nieuw"),
    ],
)
def test_tokens_that_tokenizer_json_lacks_are_added(tmp_path, name, content, expected):
    """As transformers 5.24 does; without them the text is cut into pieces, or is [UNK]."""
    tiny.write_json(tmp_path / "tokenizer.json", whole())
    assert pieces(tmp_path, f"a{expected}a") == ["[UNK]"]
    tiny.write_json(tmp_path / name, content)
    assert pieces(tmp_path, f"a{expected}a") == ["a", expected, "a"]


def test_new_tokens_get_the_ids_that_transformers_gives_them(tmp_path):
    tiny.write_json(tmp_path / "tokenizer.json", whole())
    named = {"own_token": "<o>", "extra_special_tokens": ["<x>"], "mask_token": "<m>", "bos_token": "<b>"}
    tiny.write_json(tmp_path / "tokenizer_config.json", named)
    tokenizer = Tokenizer.from_str(read_tokenizer(tmp_path, None).text)
    assert [tokenizer.token_to_id(token) for token in ("<b>", "<m>", "<o>", "<x>")] == [12, 13, 14, 15]


def test_special_tokens_that_are_in_the_vocabulary_only_stay_whole(tmp_path):
    tiny.write_json(tmp_path / "tokenizer.json", whole(added_tokens=[]))
    assert pieces(tmp_path, "a [SEP] a") == ["a", "[SEP]", "a"]
    tiny.write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    assert pieces(tmp_path, "a [SEP] a") == ["a", "[SEP]", "a"]


@pytest.mark.parametrize(
    ("config", "direction", "expected"),
    [
        ({}, None, "right"),
        ({}, "Right", "right"),
        ({}, "Left", "left"),
        ({"truncation_side": "left"}, None, "left"),
        ({"truncation_side": "left"}, "Right", "left"),
        ({"truncation_side": "right"}, "Left", "right"),
    ],
)
def test_the_side_at_which_texts_are_cut(tmp_path, config, direction, expected):
    truncation = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": direction}
    tiny.write_json(tmp_path / "tokenizer.json", whole(truncation=truncation if direction else None))
    tiny.write_json(tmp_path / "tokenizer_config.json", config)
    assert read_tokenizer(tmp_path, None).truncation_side == expected


@pytest.mark.parametrize(("asked", "found"), [(True, False), (False, True)])
def test_a_space_before_texts_that_the_files_differ_about(tmp_path, asked, found):
    step = {"type": "ByteLevel", "add_prefix_space": found, "trim_offsets": True, "use_regex": True}
    tiny.write_json(tmp_path / "tokenizer.json", whole(pre_tokenizer=step))
    tiny.write_json(tmp_path / "tokenizer_config.json", {"add_prefix_space": found})
    read_tokenizer(tmp_path, None)
    tiny.write_json(tmp_path / "tokenizer_config.json", {"add_prefix_space": asked})
    with pytest.raises(TokenizerError, match=f"add_prefix_space = {str(asked).lower()} in both"):
        read_tokenizer(tmp_path, None)


def test_another_frame_is_refused(tmp_path):
    processor = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
    }
    tiny.write_json(tmp_path / "tokenizer.json", whole(post_processor=processor))
    with pytest.raises(TokenizerError, match=r"one \[SEP\] behind it"):
        read_tokenizer(tmp_path, None)


def test_tokenizer_config_wins_over_tokenizer_json_with_a_warning(tmp_path):
    tiny.write_json(tmp_path / "tokenizer.json", whole())
    tiny.write_json(tmp_path / "tokenizer_config.json", {"do_lower_case": True})
    with pytest.warns(RubriekWarning, match="differ"):
        assert pieces(tmp_path, "Eén") == ["een"]
    tiny.write_json(tmp_path / "tokenizer_config.json", {"do_lower_case": False, "strip_accents": None})
    assert pieces(tmp_path, "Eén") == ["Eén"]


def test_tokenizer_json_alone_is_enough(tmp_path):
    tiny.write_json(tmp_path / "tokenizer.json", whole())
    found = read_tokenizer(tmp_path, 12)
    assert (found.pad_id, found.unk_id, found.cls_id, found.sep_id) == (0, 1, 2, 3)
    assert found.model_max_length is None
    with pytest.raises(TokenizerError, match="ids below vocab_size, 11"):
        read_tokenizer(tmp_path, 11)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"model": {"type": "WordPiece"}}'])
def test_a_tokenizer_json_that_is_none(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=r"damaged|is not"):
        read_tokenizer(tmp_path, None)


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=12), st.booleans())
def test_any_vocabulary_gives_known_ids_or_our_error(tmp_path_factory, words, lowercase):
    folder = folder_of(
        tmp_path_factory.getbasetemp() / "any", [*tiny.SPECIAL, *words], do_lower_case=lowercase
    )
    try:
        found = read_tokenizer(folder, None)
    except TokenizerError:
        return
    tokenizer = Tokenizer.from_str(found.text)
    ids = tokenizer.encode(" ".join(words)).ids
    assert (ids[0], ids[-1]) == (found.cls_id, found.sep_id)
