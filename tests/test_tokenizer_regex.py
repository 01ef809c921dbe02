from __future__ import annotations

import pytest

from rubriek.models.tokenizer_regex import is_linear

GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            GPT_2,
            LLAMA_3,
            r" {2,}",
            r"\s+",
            r"\d",
            r"[\n\r\t]",
            r"\w+|[^\w\s]+",
            r"[一-龥]+",
            r"(``|'')",
            ".*",
        ),
        *(r"\d+\.?\d*", r"<\|end\|>", r"a?b", ""),
    ],
)
def test_patterns_of_public_tokenizers_are_linear(pattern):
    assert is_linear(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"(a+)+$", r"(a|a)*", r"(?:a|b)+", r"(a*)*b", r"(a{100}){100}", r"(?<n>a)\g<n>*", r"(a)\1*"),
        *(r"a+b", r"a*a*b", r"a+?b", r"a++b", r".*x", r"\s+$", r"\s*[\r\n]+", r"a{0,1000}a{0,1000}b"),
        *("a?" * 30 + "a" * 30, "(a|a)" * 10 + "b", r"(?=a+)b", r"(?~a)", r"a{2000}", r"\R+x", "[a&&[b]]+"),
        *("(", "[", "[a", ")", "a|(b", "\\", "a" * 2000),
    ],
)
def test_patterns_that_may_take_long_or_are_not_understood_are_refused(pattern):
    assert not is_linear(pattern)
