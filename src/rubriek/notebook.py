"""How answers look in a notebook: small pieces of HTML, without scripts or style sheets."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rubriek.explaining import Explanation
    from rubriek.predictions import Prediction, Predictions

MAX_ROWS_SHOWN = 10
MAX_LABELS_SHOWN = 10
"""Rows and labels beyond these are counted, not shown."""

_FOR, _AGAINST = "46 125 50", "198 40 40"
"""Green and red, as on the command line; the background gets the more of it, the more a word weighs."""


def prediction(answer: Prediction) -> str:
    """Show an answer: its label, and a bar for the score of each of the best labels."""
    if answer.scores is None:
        return "<p><em>no text</em></p>"
    ranked = sorted(answer.scores.items(), key=lambda pair: -pair[1])
    rows = [(label, _number(score), _bar(score)) for label, score in ranked[:MAX_LABELS_SHOWN]]
    return (
        f"<p><strong>{_labels(answer)}</strong> {escape(_number(answer.score))}{_notes(answer)}</p>"
        + _table(("label", "score", ""), [(escape(label), score, bar) for label, score, bar in rows])
        + _rest(len(ranked) - MAX_LABELS_SHOWN, "labels")
    )


def predictions(answers: Predictions) -> str:
    """Show the first answers as a table."""
    rows = [
        (str(row), _labels(answer), _number(answer.score), _notes(answer).removeprefix(", "))
        for row, answer in enumerate(islice(answers, MAX_ROWS_SHOWN))
    ]
    return _table(("", "label", "score", ""), rows) + _rest(len(answers) - MAX_ROWS_SHOWN, "texts")


def explanation(found: Explanation) -> str:
    """Show a text, in green the words that speak for the label, in red those that speak against it."""
    strongest = max((abs(span.weight) for span in found.spans), default=0.0) or 1.0
    parts, at = [], 0
    for span in found.spans:
        colour = _FOR if span.weight > 0 else _AGAINST
        style = f"background: rgb({colour} / {0.6 * abs(span.weight) / strongest:.2f})"
        title = f"weight {span.weight:+.2f}, without it {_number(span.without)}"
        parts += [
            escape(found.text[at : span.start]),
            f'<span style="{style}" title="{title}">{escape(span.text)}</span>',
        ]
        at = span.end
    parts.append(escape(found.text[at : found.read]))
    if found.read < len(found.text):
        parts.append(f'<span style="opacity: 0.5">{escape(found.text[found.read :])}</span>')
    unread = ", the pale part was not read" if found.read < len(found.text) else ""
    return (
        f"<p><strong>{escape(found.label)}</strong> {_number(found.score)}{unread}</p>"
        f'<p style="white-space: pre-wrap">{"".join(parts)}</p>'
    )


def _labels(answer: Prediction) -> str:
    if answer.label is None:
        return "<em>no text</em>"
    if answer.labels is None:
        return escape(answer.label)
    return escape(", ".join(answer.labels)) or "<em>no label over the threshold</em>"


def _notes(answer: Prediction) -> str:
    """Say what a reader must not miss: a cut or empty text."""
    notes = [note for note, holds in (("cut", answer.truncated), ("empty text", answer.empty)) if holds]
    return "".join(f", {note}" for note in notes)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _bar(score: float) -> str:
    width = 100 * min(max(score, 0.0), 1.0)
    return f'<div style="width: {width:.1f}px; height: 0.8em; background: rgb({_FOR} / 0.6)"></div>'


def _table(header: Iterable[str], rows: Sequence[Iterable[str]]) -> str:
    """Lay out cells that are HTML already."""
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _rest(more: int, what: str) -> str:
    return f"<p>and {more:,} more {what}</p>" if more > 0 else ""
