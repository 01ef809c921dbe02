from __future__ import annotations

import re

import conformance
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import OptionError, TokenizerError
from rubriek.sparknlp import utf16, wordpiece
from rubriek.sparknlp.clean_up import MODES, clean
from rubriek.sparknlp.java_regex import compile_java, split_java
from rubriek.sparknlp.word_tokens import CONTEXT_CHARS, WordTokenizer, rules
from rubriek.sparknlp.wordpiece import WordpieceEncoder, basic_tokens


def tokenizer(params: dict) -> WordTokenizer:
    return WordTokenizer(
        rules=rules(
            params.get("contextChars", CONTEXT_CHARS),
            params.get("prefixPattern"),
            params.get("infixPatterns"),
            params.get("suffixPattern"),
        ),
        target_pattern=params.get("targetPattern", r"\S+"),
        exceptions=tuple(params.get("exceptions", ())),
        case_sensitive_exceptions=params.get("caseSensitiveExceptions", True),
        split_pattern=params.get("splitPattern"),
        split_chars=tuple(params.get("splitChars", ())),
        min_length=params.get("minLength", 0),
        max_length=params.get("maxLength"),
    )


@pytest.mark.parametrize("case", conformance.cases("tokenizer.json"), ids=conformance.name_of)
def test_tokenizer(case):
    if "error" in case:
        with pytest.raises(OptionError, match=re.escape(case["error_message"])):
            tokenizer(case["params"])
        return
    text = clean(case["text"] or "", case["cleanupMode"])
    assert text == case["document"][0]["result"]
    expected = [(token["result"], token["begin"], token["end"]) for token in case["tokens"]]
    assert [tuple(token) for token in tokenizer(case["params"]).tokenize(text)] == expected


def test_tokenizer_on_random_texts():
    words = WordTokenizer()
    for case in conformance.cases("tokenizer_random.json"):
        assert [list(token) for token in words.tokenize(case["text"])] == case["tokens"], case["id"]


@pytest.mark.parametrize("name", ["document_assembler.json", "document_assembler_random.json"])
def test_clean_up(name):
    for case in conformance.cases(name):
        if "rule" in case:
            continue  # a sentence about offsets, held below on every text
        cleaned = clean(case["text"] or "", case["mode"])
        document = case.get("document", [{}])[0]
        expected_end = case.get("end", document.get("end", case.get("expect", {}).get("end")))
        assert cleaned == case.get("result", document.get("result", "")), case
        assert utf16.length(cleaned) - 1 == expected_end, case


@pytest.mark.parametrize("case", conformance.cases("basic_tokenizer.json"), ids=conformance.name_of)
def test_basic_tokenizer(case):
    start = case["start"]
    places = [start + place for place in utf16.offsets(case["text"])]
    found = [
        {"token": part, "begin": start if case["hasBeginEnd"] else places[a], "end": places[b] - 1}
        for part, a, b in basic_tokens(case["text"], case_sensitive=case["caseSensitive"])
    ]
    assert found == case["tokens"]


@pytest.mark.parametrize("kind", ["punctuation", "whitespace", "filtered"])
def test_character_classes_over_all_of_utf16(kind):
    ours = re.compile(f"[{getattr(wordpiece, kind.upper())}]")
    expected = conformance.read("basic_tokenizer.json")[0]["bmp_classes_java17"][kind]
    assert [unit for unit in range(0x10000) if ours.match(chr(unit))] == expected


def test_predicates_of_upstreams_tests():
    for content in conformance.read("basic_tokenizer.json"):
        for case in content["predicates"]:
            if "stripAccents" in case:
                kept = "".join(
                    part
                    for word in case["text"].split(" ")
                    for part, _, _ in basic_tokens(word, case_sensitive=True)
                )
                assert kept == case["stripAccents"].replace(" ", "")
            for kind, members in (
                ("punctuation", wordpiece.PUNCTUATION),
                ("whitespace", wordpiece.WHITESPACE),
            ):
                ours = re.compile(f"[{members}]")
                assert all(ours.match(char) for char in case.get(kind, ""))
                assert not any(ours.match(char) for char in case.get(f"not{kind.capitalize()}", ""))


@pytest.mark.parametrize("name", ["wordpiece.json", "wordpiece_random.json"])
def test_word_pieces(name):
    words = WordTokenizer()
    for case in conformance.cases(name):
        vocabulary = {piece: number for number, piece in enumerate(case["vocabulary"])}
        encoder = WordpieceEncoder(vocabulary, case_sensitive=case["caseSensitive"])
        tokens = words.tokenize(case["text"])
        ids = encoder.ids(token.result for token in tokens)[: max(0, case["maxSentenceLength"] - 2)]
        whole = [[vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]] if tokens else []
        assert whole == case["input_ids"], case["id"]
        if "pieces" in case:
            found = []
            for token in tokens:
                places = utf16.offsets(token.result)
                found += [
                    [
                        piece,
                        number,
                        not piece.startswith("##"),
                        token.begin + places[a],
                        token.begin + places[b] - 1,
                    ]
                    for piece, number, a, b in encoder.pieces(token.result)
                ]
            assert found[: case["maxSentenceLength"]] == case["pieces"][0], case["id"]


def test_upstreams_word_pieces_of_a_whole_text():
    for content in conformance.read("wordpiece.json"):
        for case in content["upstream"]:
            encoder = WordpieceEncoder({piece: number for number, piece in enumerate(case["vocab"])})
            words = [part for part, _, _ in basic_tokens(case["text"], case_sensitive=True)]
            assert [piece for word in words for piece, *_ in encoder.word(word)] == case["wordpieces"]


def test_a_vocabulary_without_unknown_is_refused():
    with pytest.raises(TokenizerError, match=r"token \[UNK\] not found in vocabulary"):
        WordpieceEncoder({"de": 0})


any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(any_text)
def test_offsets_of_tokens_point_at_their_text(text):
    units = text.encode("utf-16-le")
    for token in WordTokenizer().tokenize(text):
        assert units[2 * token.begin : 2 * token.end + 2].decode("utf-16-le") == token.result


@given(any_text, st.sampled_from(sorted(MODES)))
def test_cleaning_is_never_longer_and_keeps_what_is_no_space(text, mode):
    cleaned = clean(text, mode)
    assert len(cleaned) <= len(text)
    if "\\" not in text:
        assert [char for char in cleaned if char > " "] == [char for char in text if char > " "]


@given(any_text, st.booleans())
def test_a_remembered_word_has_the_same_pieces(text, case_sensitive):
    vocabulary = {"[UNK]": 0, "a": 1, "##a": 2, "b": 3, "##b": 4}
    once = WordpieceEncoder(vocabulary, case_sensitive=case_sensitive)
    tokens = [token.result for token in WordTokenizer().tokenize(text)]
    assert once.ids(tokens) == once.ids(tokens) == once.ids(iter(tokens))


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\w+", "één", "n"),
        (r"\d", "٣3", "3"),
        (r"\s", "\u00a0 ", " "),
        (r"a.c", "a\u2028c abc", "abc"),
        (r"c$", "abc\n", "c"),
        (r"[a[bc]]+", "xabc", "abc"),
        (r"[a-z&&[^b]]+", "bac", "ac"),
        (r"[\Q]^\E]+", "a]^b", "]^"),
        (r"\p{Upper}", "éE", "E"),
        (r"\p{L}+", "1één", "één"),
        (r"\bx", "éx x", "x"),
        (r"[--.]+", "a-b", "-"),
    ],
)
def test_java_patterns(pattern, text, found):
    assert compile_java(pattern).search(text).group() == found


def test_java_patterns_do_not_see_a_word_boundary_after_an_accent():
    assert compile_java(r"\bx").search("éx") is None


@pytest.mark.parametrize("pattern", ["(", "[a", r"\p{Nonsense}", "a**", "\\"])
def test_patterns_that_cannot_be_read_are_refused(pattern):
    with pytest.raises(OptionError, match="regular expression"):
        compile_java(pattern)


@given(st.text("ab-", max_size=12))
def test_split_loses_nothing_but_separators_at_the_end(text):
    assert "-".join(split_java(compile_java("-"), text)) == (
        text.rstrip("-") if text.strip("-") else text and ""
    )
