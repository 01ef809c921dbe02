"""Which words of a text an answer rests on: each is left out in turn (occlusion).

The method is that of Li, Monroe and Jurafsky, *Understanding Neural Networks through Representation Erasure*
(2016).
"""

from __future__ import annotations

import difflib
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rubriek.batching import SPECIAL_TOKENS
from rubriek.errors import InputError, OptionError
from rubriek.word_boundaries import segments, words

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.models.bundle import ProblemType
    from rubriek.options import Options

SPANS = 128
"""Most spans of an explanation unless asked otherwise; the model reads the text once more for each."""
PIECES = 1_000_000
"""Most pieces read for an explanation: longer texts get fewer and longer spans."""

_SMALLEST = 1e-38
_SMALLEST_REST = 2.0**-25  # nearer to one, float32 has none but one itself


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, and what an answer owes to it.

    Attributes
    ----------
    start, end : int
        Where it is: ``text[start:end]``, in characters (code points).
    text : str
        A word; in long texts several that follow each other.
    weight : float
        How much the label's log-odds fall without it (for regression: the value). Below zero where it speaks
        against the label.
    without : float
        The label's score without it.
    """

    start: int
    end: int
    text: str
    weight: float
    without: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an answer rests on, as `rubriek.Classifier.explain` gives it.

    Attributes
    ----------
    label : str
        The label that is explained.
    score : float
        Its score, as `rubriek.Classifier.predict` has it.
    scores : dict of str to float
        The scores of all labels.
    spans : tuple of Span
        All words that the model read, in the order of the text. White space and punctuation stand between.
    read : int
        Where the part of the text ends that the model read; what follows played no part. It begins with the
        text, or with the first span where the model keeps the end of a long text.
    tokens : int
        Pieces of the whole text, special tokens included, before any cut.
    truncated : bool
        Whether the text was cut.
    windows : int
        How many sequences were read for it.
    text : str
        The text.
    """

    label: str
    score: float
    scores: dict[str, float]
    spans: tuple[Span, ...]
    read: int
    tokens: int
    truncated: bool
    windows: int
    text: str = field(repr=False)

    def _repr_html_(self) -> str:
        from rubriek import notebook

        return notebook.explanation(self)


@dataclass(frozen=True, slots=True)
class Occlusion:
    """A text and what is left out of it, before the model has been asked.

    Attributes
    ----------
    text : str
        The text.
    start, read : int
        Where the part begins and ends that the model reads.
    spans : list of (int, int)
        Start and end of what is left out, one after the other.
    label : str, optional
        The label to explain; None for the best one.
    problem_type : str
        The model's.
    """

    text: str
    start: int
    read: int
    spans: list[tuple[int, int]]
    label: str | None
    problem_type: ProblemType

    @property
    def variants(self) -> list[str]:
        """What the model is to classify: the text, and the text without each of the spans.

        Without a span the text is no more than the model read of it: else what it never read would move in.
        """
        text, first, last = self.text, self.start, self.read
        return [text, *(text[first:start] + text[end:last] for start, end in self.spans)]

    def explained(self, rows: Sequence[Mapping[str, Any]]) -> Explanation:
        """Turn answers into an explanation.

        Parameters
        ----------
        rows : sequence of mapping
            A row of `rubriek.results.schema` for each of the variants.

        Returns
        -------
        Explanation
        """
        whole, others = rows[0], rows[1:]
        label = whole["label"] if self.label is None else self.label
        before = evidence(whole["scores"], label, self.problem_type)
        spans = tuple(
            Span(
                start,
                end,
                self.text[start:end],
                weight=before - evidence(row["scores"], label, self.problem_type),
                without=row["scores"][label],
            )
            for (start, end), row in zip(self.spans, others, strict=True)
        )
        return Explanation(
            label=label,
            score=whole["scores"][label],
            scores=whole["scores"],
            spans=spans,
            read=self.read,
            tokens=whole["tokens"],
            truncated=whole["truncated"],
            windows=whole["windows"],
            text=self.text,
        )


def occlude(
    classifier: Classifier,
    text: str,
    options: Options,
    *,
    label: str | None = None,
    spans: int = SPANS,
    pieces: int = PIECES,
) -> Occlusion:
    """Choose what to leave out of a text.

    Parameters
    ----------
    classifier : Classifier
        What will be asked.
    text : str
        The text.
    options : Options
        How it is read.
    label : str, optional
        The label to explain. Default: the best one.
    spans : int, default 128
        Most spans. Where there are more words, neighbours share one.
    pieces : int, default 1,000,000
        Most pieces to read altogether; a text too long for so many spans gets fewer, one at the least.

    Returns
    -------
    Occlusion

    Raises
    ------
    InputError
        If ``text`` is no string.
    OptionError
        If the model has no such label, or fewer than one span is asked for.
    """
    if not isinstance(text, str):
        raise InputError("Only one text is explained at a time.", expected="str", found=type(text).__name__)
    if not isinstance(spans, int) or isinstance(spans, bool) or spans < 1:
        raise OptionError(
            "The option 'spans' is out of range.", expected="a whole number of at least 1", found=repr(spans)
        )
    if label is not None and label not in classifier.labels:
        near = difflib.get_close_matches(str(label)[:100], classifier.labels, n=1)
        raise OptionError(
            "The model has no such label.",
            expected=f"one of {', '.join(classifier.labels)}",
            found=repr(label)[:100],
            hint=f"did you mean '{near[0]}'?" if near else None,
        )
    length = options.max_length or classifier.bundle.max_length
    first, last = 0, len(text)
    if options.overflow != "windows" and classifier.bundle.truncation_side == "left":
        first = _first_read(classifier, text, length - SPECIAL_TOKENS)
    elif options.overflow != "windows":
        last = _read(classifier, text, length - SPECIAL_TOKENS)
    cost = _count(classifier, text[first:last]) + SPECIAL_TOKENS
    places = [(first + start, first + end) for start, end in words(text[first:last])]
    parts = _grouped(places, max(1, min(spans, pieces // cost - 1)))
    return Occlusion(text, first, last, parts, label, classifier.bundle.problem_type)


def _count(classifier: Classifier, text: str) -> int:
    return len(classifier.tokenizer.tokenize([text]).ids)


def _read(classifier: Classifier, text: str, body: int) -> int:
    """Find the end of the word with the last piece that the model reads."""
    characters = 16 * body
    while True:
        whole = characters >= len(text)
        # Words are only looked for where they are found: a text may have few pieces and 200,000 segments.
        if _count(classifier, text[:characters]) >= body:
            ends = [end for _, end in segments(text[:characters])]
            if not whole:
                del ends[-2:]  # they may go on
            last = bisect_left(ends, body, key=lambda end: _count(classifier, text[:end]))
            if last < len(ends):
                return ends[last]
        if whole:
            return len(text)
        characters *= 4


def _first_read(classifier: Classifier, text: str, body: int) -> int:
    """Find the start of the word with the first piece that a model reads that keeps the end of a text."""
    characters = 16 * body
    while True:
        begin = max(0, len(text) - characters)
        starts = [begin + start for start, _ in reversed(segments(text[begin:]))]
        if begin:
            del starts[-1:]  # it may begin earlier
        first = bisect_left(starts, body, key=lambda start: _count(classifier, text[start:]))
        if first < len(starts):
            return starts[first]
        if not begin:
            return 0
        characters *= 2


def _grouped(places: Sequence[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """Put neighbours together until there are no more groups than asked for, all of about equal size."""
    groups = min(len(places), most)
    bounds = [len(places) * group // groups for group in range(groups + 1)] if groups else [0]
    return [(places[first][0], places[last - 1][1]) for first, last in pairwise(bounds)]


def evidence(scores: Mapping[str, float], label: str, problem_type: ProblemType) -> float:
    """Compute what speaks for a label: its log-odds, or for regression the value.

    Where a label is all but certain, its probability no longer tells words apart; its log-odds still do.

    Parameters
    ----------
    scores : mapping of str to float
        The scores of all labels.
    label : str
        The label.
    problem_type : str
        What kind of scores they are; see `rubriek.scores.activate`.

    Returns
    -------
    float
        Always finite.

    Examples
    --------
    >>> evidence({"Sport": 0.5, "Weer": 0.25, "Tech": 0.25}, "Sport", "single_label_classification")
    0.0
    """
    score = scores[label]
    if problem_type == "regression":
        return score
    if problem_type == "multi_label_classification":
        rest = max(1 - score, _SMALLEST_REST)
    else:  # not 1 - score, which has no digits left where the score is near one
        rest = max(sum(other for name, other in scores.items() if name != label), _SMALLEST)
    return math.log(max(score, _SMALLEST)) - math.log(rest)
