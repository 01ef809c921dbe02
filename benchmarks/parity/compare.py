"""What differs between the annotations of two sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLASS = "class"
SAME_SCORE = 2e-5
"""Two networks' sums in another order; scores closer than this count as equal."""

Row = Mapping[str, list[list[Any]]]


@dataclass
class Comparison:
    """The texts of one setting, compared.

    Attributes
    ----------
    texts, annotations : int
        How many were compared; annotations of the category only.
    score_difference : float
        The largest between two scores of the same label and text.
    differing : Counter of str
        By kind, the number of texts that differ in it.
    examples : list of tuple
        Number of the text, kind, theirs, ours; the first of each kind.
    """

    texts: int = 0
    annotations: int = 0
    score_difference: float = 0.0
    differing: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, str, Any, Any]] = field(default_factory=list)

    @property
    def equal(self) -> int:
        """Texts without any difference."""
        return self.texts - self.differing["any"]


def compare(theirs: Sequence[Row], ours: Sequence[Row], *, most_examples: int) -> Comparison:
    """Compare all texts of a setting.

    Columns are compared in the order of the pipeline, and a text counts for the first that differs, since
    what follows differs for that reason: sentences, tokens, then the categories' number and places, labels,
    metadata keys and scores.
    """
    found = Comparison(texts=len(theirs))
    for number, (left, right) in enumerate(zip(theirs, ours, strict=True)):
        found.annotations += len(left[CLASS])
        difference = _difference(left, right, found)
        if difference is not None:
            kind, *values = difference
            found.differing[kind] += 1
            found.differing["any"] += 1
            if found.differing[kind] <= most_examples:
                found.examples.append((number, kind, values[0], values[1]))
    return found


def _difference(left: Row, right: Row, found: Comparison) -> tuple[str, Any, Any] | None:
    for column in ("document", "sentence", "token"):
        if left.get(column) != right.get(column):
            one, other = _first(left.get(column), right.get(column))
            place = " (Spark NLP's place does not hold its text)" if _misplaced(left, one, other) else ""
            return f"column {column}{place}", one, other
    pair = left[CLASS], right[CLASS]
    kinds = {
        "place of the category": lambda one: one[:2],
        "label": lambda one: one[2],
        "metadata keys": lambda one: sorted(one[3]),
        "sentence in the metadata": lambda one: one[3].get("sentence"),
    }
    if len(pair[0]) != len(pair[1]):
        return "number of categories", [one[:3] for one in pair[0]], [one[:3] for one in pair[1]]
    for kind, part in kinds.items():
        if [part(one) for one in pair[0]] != [part(one) for one in pair[1]]:
            return kind, *_first(*pair)
    worst = max((_score_difference(one, other) for one, other in zip(*pair, strict=True)), default=0.0)
    found.score_difference = max(found.score_difference, worst)
    return ("score", *pair) if worst > SAME_SCORE else None


def _first(left: Any, right: Any) -> tuple[Any, Any]:
    """The first annotations that differ."""
    if left is None or right is None:
        return left, right
    for one, other in zip(left, right, strict=False):
        if one != other:
            return one, other
    return left[len(right) :], right[len(left) :]


def _misplaced(row: Row, theirs: Any, ours: Any) -> bool:
    """Tell whether the document holds our annotation's text where it says, and not theirs."""
    document = "".join(one[2] for one in row["document"][:1]).encode("utf-16-le", "surrogatepass")
    holds = [
        len(one) == 4 and one[0] >= 0 and document[2 * one[0] : 2 * one[1] + 2] == one[2].encode("utf-16-le")
        for one in (theirs, ours)
    ]
    return holds == [False, True]


def _score_difference(left: list[Any], right: list[Any]) -> float:
    scores = ((float(left[3][name]), float(right[3][name])) for name in left[3] if name != "sentence")
    return max((abs(one - other) for one, other in scores), default=0.0)
