"""Pipelines in many settings, built by the same code for both: only the import differs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

Stages = list[Any]

DEFAULT = "default"


def _tokenizer(annotator: ModuleType, source: str = "document") -> Any:
    return annotator.Tokenizer().setInputCols([source]).setOutputCol("token")


def _plain(base: ModuleType, annotator: ModuleType, model: Any) -> Stages:
    document = base.DocumentAssembler().setInputCol("text").setOutputCol("document")
    return [document, _tokenizer(annotator), _classifier(model)]


def _classifier(model: Any, source: str = "document") -> Any:
    return model.setInputCols([source, "token"]).setOutputCol("class")


def _sentences(base: ModuleType, annotator: ModuleType, model: Any) -> Stages:
    document, _, _ = _plain(base, annotator, model)
    sentences = annotator.SentenceDetector().setInputCols(["document"]).setOutputCol("sentence")
    model = _classifier(model, "sentence").setBatchSize(64)
    return [document, sentences, _tokenizer(annotator, "sentence"), model]


def _clean_up(mode: str) -> Callable[[ModuleType, ModuleType, Any], Stages]:
    def build(base: ModuleType, annotator: ModuleType, model: Any) -> Stages:
        document, *rest = _plain(base, annotator, model)
        return [document.setCleanupMode(mode), *rest]

    return build


def _split(base: ModuleType, annotator: ModuleType, model: Any) -> Stages:
    document, tokenizer, model = _plain(base, annotator, model)
    tokenizer.setSplitChars(["-", "/"]).setExceptions(["den Haag", "Noord-Holland"])
    return [document, tokenizer.setMinLength(2).setMaxLength(30), model]


def _patterns(base: ModuleType, annotator: ModuleType, model: Any) -> Stages:
    document, tokenizer, model = _plain(base, annotator, model)
    tokenizer.setPrefixPattern(r"\A([^\s\p{L}\d]*)").setSuffixPattern(r"([^\s\p{L}\d]?)([^\s\p{L}\d]*)\z")
    word = r"([\p{L}\w]+)"
    tokenizer.setInfixPatterns([r"([\p{L}\w]+'\w)", word, word + r"([^\s\p{L}\d]+)" + word])
    return [document, tokenizer, model]


def _with(**params: Any) -> Callable[[ModuleType, ModuleType, Any], Stages]:
    def build(base: ModuleType, annotator: ModuleType, model: Any) -> Stages:
        for name, value in params.items():
            getattr(model, f"set{name}")(value)
        return _plain(base, annotator, model)

    return build


def _coalesced(base: ModuleType, annotator: ModuleType, model: Any) -> Stages:
    *before, model = _sentences(base, annotator, model)
    return [*before, model.setCoalesceSentences(True)]


SETTINGS: dict[str, Callable[[ModuleType, ModuleType, Any], Stages]] = {
    DEFAULT: _plain,
    "maxSentenceLength 32": _with(MaxSentenceLength=32),
    "caseSensitive false": _with(CaseSensitive=False),
    "activation sigmoid": _with(Activation="sigmoid"),
    "cleanupMode shrink_full": _clean_up("shrink_full"),
    "cleanupMode each_full": _clean_up("each_full"),
    "splitChars, exceptions, lengths": _split,
    "prefix, infix and suffix patterns": _patterns,
    "sentences": _sentences,
    "sentences, coalesced": _coalesced,
}
