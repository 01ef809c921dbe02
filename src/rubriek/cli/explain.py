"""``rubriek explain``: which words an answer rests on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from rubriek.cli.options import as_json_option, max_length_option, model_option
from rubriek.errors import FileError

if TYPE_CHECKING:
    from rubriek.explaining import Explanation, Span

_LISTED = 10
_STRONG, _WEAK = 0.5, 0.1  # shares of the strongest word's weight


@click.command(short_help="Show which words an answer rests on.")
@click.argument("text", metavar="TEXT")
@model_option
@click.option("--label", metavar="LABEL", help="The label to explain. [default: the best one]")
@click.option(
    "--spans",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    metavar="N",
    help="Most parts of the text to leave out; where there are more words, neighbours share one.",
)
@max_length_option()
@as_json_option
def explain(
    text: str, model: str, label: str | None, spans: int, max_length: int | None, as_json: bool
) -> None:
    """Leave out each word of TEXT in turn and ask the model again; TEXT is - for stdin.

    The words that the label rests on are shown in green, those that speak against it in red, the strongest
    bold. A word's weight is by how much the label's log-odds fall without it.

    \b
    Examples:
      rubriek explain "De koning opent een museum in Assen"
      rubriek explain "De koning opent een museum in Assen" --label "Cultuur & Media"
      cat artikel.txt | rubriek explain - --json
    """  # noqa: D301 -- click reads \b
    import rubriek
    from rubriek.cli.places import stdin_bytes

    if text == "-":
        text = _decoded(stdin_bytes().read())
    told = rubriek.load(model).explain(text, label=label, spans=spans, max_length=max_length)
    if as_json:
        from dataclasses import asdict

        from rubriek.cli.terminal import print_json

        print_json(asdict(told))
        return
    click.echo(_coloured(text, told) + "\n")
    for line in _listed(told):
        click.echo(line)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            "stdin is not UTF-8.",
            found=f"byte 0x{data[error.start]:02x} at {error.start}",
            hint="convert it first",
        ) from error


def _coloured(text: str, told: Explanation) -> str:
    from rubriek.cli.terminal import safe

    strongest = max((abs(span.weight) for span in told.spans), default=0.0)
    parts, at = [], 0
    for span in told.spans:
        share = span.weight / strongest if strongest else 0.0
        parts.append(safe(text[at : span.start]))
        words = safe(span.text)
        if abs(share) >= _WEAK:
            words = click.style(words, fg="green" if share > 0 else "red", bold=abs(share) >= _STRONG)
        parts.append(words)
        at = span.end
    parts.append(safe(text[at : told.read]))
    if told.read < len(text):
        parts.append(click.style(safe(text[told.read :]), dim=True) + "\n(The dim part was not read.)")
    return "".join(parts)


def _listed(told: Explanation) -> list[str]:
    from rubriek.cli.terminal import Screen, facts, table

    strongest = sorted(told.spans, key=lambda span: -abs(span.weight))[:_LISTED]
    lines = facts(
        {
            "label": told.label,
            "score": f"{told.score:.3f}",
            "tokens": f"{told.tokens:,}" + (", cut" if told.truncated else ""),
        }
    )
    if strongest:
        rows = [_row(span) for span in strongest]
        header = ("strongest words", "weight", "score without")
        lines += ["", *table(rows, Screen.of(sys.stdout), header=header, align=("left", "right", "right"))]
    return lines


def _row(span: Span) -> tuple[str, str, str]:
    return span.text, f"{span.weight:+.2f}", f"{span.without:.3f}"
