"""What Spark NLP's tokenisation costs: the same model over the same texts, in both tokenisations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rubriek import frames
from rubriek.classifier import Classifier
from rubriek.sparknlp.tokenization import SparkNlpTokenizer
from rubriek.sparknlp.word_tokens import WordTokenizer
from rubriek.sparknlp.wordpiece import basic_tokens

if TYPE_CHECKING:
    from rubriek.tokens import Tokens


@dataclass(frozen=True)
class Example:
    """A text that the two tokenisations read differently.

    Attributes
    ----------
    row : int
        Which text it is.
    text : str
        The text.
    dropped : tuple of str
        The words that Spark NLP does not read.
    sparknlp, huggingface : str
        The labels.
    """

    row: int
    text: str
    dropped: tuple[str, ...]
    sparknlp: str
    huggingface: str


@dataclass
class Comparison:
    """What was found in some texts.

    Attributes
    ----------
    documents : int
        Texts that were read; nulls are left out.
    words, dropped : int
        Words after splitting at white space and punctuation, signs too, and how many of them Spark NLP does
        not read.
    with_dropped : int
        Texts with at least one such word.
    unknown : dict of str to int
        Pieces that are not in the vocabulary, by tokenisation.
    labels_changed : int
        Texts whose label is another.
    most_dropped : Counter
        The words that are dropped most often.
    examples : list of Example
        Texts whose label changes, then texts with many dropped words.
    """

    documents: int = 0
    words: int = 0
    dropped: int = 0
    with_dropped: int = 0
    unknown: dict[str, int] = field(default_factory=lambda: {"sparknlp": 0, "huggingface": 0})
    labels_changed: int = 0
    most_dropped: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and examples as plain values, ready for JSON."""
        return {
            "documents": self.documents,
            "words": self.words,
            "dropped": self.dropped,
            "with_dropped": self.with_dropped,
            "unknown": dict(self.unknown),
            "labels_changed": self.labels_changed,
            "most_dropped": dict(self.most_dropped.most_common(20)),
            "examples": [vars(example) for example in self.examples],
        }


def compare(
    classifier: Classifier, texts: pa.ChunkedArray, *, case_sensitive: bool = True, examples: int = 5
) -> Comparison:
    """Classify texts in both tokenisations.

    Parameters
    ----------
    classifier : Classifier
        The model, with its own tokenisation.
    texts : pyarrow string array
        The texts; nulls are left out.
    case_sensitive : bool, default True
        Spark NLP's ``caseSensitive``.
    examples : int, default 5
        How many to keep.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import pyarrow, rubriek
    >>> texts = pyarrow.chunked_array([["De auto's van Noord-Holland", "Zonder leestekens"]])
    >>> found = compare(rubriek.load("nl-news"), texts)
    >>> found.words, found.dropped, found.with_dropped
    (10, 4, 1)
    """
    tokenizer = SparkNlpTokenizer(classifier.bundle, case_sensitive=case_sensitive, id_zero_mask=True)
    as_spark = Classifier(classifier.bundle, classifier.engine, classifier.options, tokenizer)
    found = Comparison()
    changed: list[Example] = []
    unchanged: list[Example] = []
    for start in range(0, len(texts), frames.ROWS_AT_ONCE):
        window = texts.slice(start, frames.ROWS_AT_ONCE)
        labels = {
            "sparknlp": as_spark.classify(window)["label"].to_pylist(),
            "huggingface": classifier.classify(window)["label"].to_pylist(),
        }
        read = [text for text in window.to_pylist() if text is not None]
        for name, tokens in (
            ("sparknlp", tokenizer.tokenize(read)),
            ("huggingface", classifier.tokenizer.tokenize(read)),
        ):
            found.unknown[name] += _unknown(tokens, classifier.bundle.unk_id)
        for row, text in enumerate(window.to_pylist(), start):
            if text is None:
                continue
            words, dropped = _words(text, case_sensitive)
            found.documents += 1
            found.words += words
            found.dropped += len(dropped)
            found.with_dropped += bool(dropped)
            found.most_dropped.update(dropped)
            one, other = (labels[name][row - start] for name in ("sparknlp", "huggingface"))
            found.labels_changed += one != other
            kept = changed if one != other else unchanged
            if len(kept) < examples and (dropped or one != other):
                kept.append(Example(row, text, tuple(dropped), one, other))
    found.examples = [*changed, *sorted(unchanged, key=lambda one: -len(one.dropped))][:examples]
    return found


def _unknown(tokens: Tokens, unknown: int) -> int:
    return int(np.count_nonzero(tokens.ids == unknown))


def _words(text: str, case_sensitive: bool) -> tuple[int, list[str]]:
    """Count a text's words, and name those that Spark NLP does not read."""
    words = 0
    dropped: list[str] = []
    for parts in _parts(text, case_sensitive):
        words += len(parts)
        dropped += parts[1:]
    return words, dropped


def _parts(text: str, case_sensitive: bool) -> Iterator[list[str]]:
    for token in WORDS.tokenize(text):
        yield [part for part, _, _ in basic_tokens(token.result, case_sensitive=case_sensitive)]


WORDS = WordTokenizer()
