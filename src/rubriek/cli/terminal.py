"""Text that fits a terminal: widths, tables, bars, for any script and any encoding."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TextIO, TypeAlias

import click

from rubriek.errors import FileError

Side: TypeAlias = Literal["left", "right"]

_GAP = "  "
_NARROWEST = 6
_WIDEST = 120
BAR_ROWS = 20
_KEPT = frozenset("\n\t\u200c\u200d")
_ACTING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON allows within a string, but a terminal may act on, or UTF-8 has no form for."""


@dataclass(frozen=True)
class Screen:
    """What can be shown.

    Attributes
    ----------
    width : int
        Columns.
    unicode : bool
        Whether block characters and an ellipsis can be written.
    """

    width: int
    unicode: bool

    @classmethod
    def of(cls, stream: TextIO | None) -> Screen:
        """Look at the terminal's width (``COLUMNS``, or 80 where there is none) and the stream's encoding.

        A stream that was closed before the start is None.
        """
        try:
            "█▏…".encode(getattr(stream, "encoding", None) or "ascii")
        except (UnicodeEncodeError, LookupError):
            can = False
        else:
            can = True
        return cls(min(shutil.get_terminal_size().columns, _WIDEST), can)

    @property
    def ellipsis(self) -> str:
        """What stands for the rest of a text that was cut."""
        return "…" if self.unicode else "..."


def safe(text: str) -> str:
    r"""Write what would act on a terminal as an escape: control characters, directions, halves of characters.

    Everything that a file, a model or a server names goes through here before it is printed, unless `fitted`
    or `print_json` prints it. Line breaks, tabs and joiners stay.

    Examples
    --------
    >>> print(safe("Sport\x1b]0;owned\x07"), safe("caf\udce9 \u202etxt"))
    Sport\x1b]0;owned\x07 caf\udce9 \u202etxt
    >>> safe("regel\n京都")
    'regel\n京都'
    """
    return text if text.isprintable() else "".join(map(_safe, text))


def _safe(character: str) -> str:
    if character.isprintable() or character in _KEPT or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()


def json_text(value: Any) -> str:
    r"""Write a value as one line of JSON, escaped where a character could act on a terminal.

    Examples
    --------
    >>> print(json_text({"label": "caf\u00e9\x9b31m"}))
    {"label": "café\u009b31m"}
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_json(value: Any) -> None:
    """Print a value as `json_text`.

    Raises
    ------
    FileError
        If stdout is closed.
    """
    if sys.stdout is None:
        raise FileError("The JSON cannot be printed: stdout is closed.")
    click.echo(json_text(value))


def bar_columns() -> int:
    """Return how many columns to give to a progress bar; `BAR_ROWS` are its rows.

    Asked by tqdm itself, a terminal that reports no columns or no rows would get no bar.
    """
    return shutil.get_terminal_size().columns


def width(text: str) -> int:
    r"""Return how many columns a text takes: wide East Asian characters two, combining marks none.

    Follows Unicode Standard Annex 11 (East Asian Width).

    Examples
    --------
    >>> width("café"), width("cafe\u0301"), width("京都")
    (4, 4, 4)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fitted(text: str, columns: int, ellipsis: str = "…") -> str:
    r"""Cut a text to some columns, on one line, without characters that would move the cursor.

    Examples
    --------
    >>> fitted("Koning opent museum", 10), fitted("京都京都", 5), fitted("twee\nregels", 20)
    ('Koning op…', '京都…', 'twee regels')
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if width(text) <= columns:
        return text
    room = columns - len(ellipsis)
    kept = []
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept.append(character)
    return ("".join(kept).rstrip() + ellipsis)[:columns] if columns > 0 else ""


def table(
    rows: Sequence[Sequence[str]],
    screen: Screen,
    *,
    header: Sequence[str],
    align: Sequence[Side] | None = None,
) -> list[str]:
    r"""Lay out rows in columns; the widest columns are cut until the table fits.

    Parameters
    ----------
    rows : sequence of rows of str
        The cells.
    screen : Screen
        What it has to fit.
    header : sequence of str
        The columns' names.
    align : sequence of {"left", "right"}, optional
        Default: all left.

    Returns
    -------
    list of str
        The lines, the header first.

    Examples
    --------
    >>> lines = table([["Koning opent museum", "0.98"]], Screen(18, True), header=["text", "score"])
    >>> print("\n".join(lines))
    text         score
    Koning ope…  0.98
    """
    cells = [[fitted(cell, 10_000) for cell in row] for row in [header, *rows]]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    room = screen.width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widest = widths.index(max(widths))
        others = sum(widths) - widths[widest]
        second = max([w for i, w in enumerate(widths) if i != widest], default=0)
        widths[widest] = max(_NARROWEST, min(widths[widest] - 1, max(room - others, second)))
    sides = align or ["left"] * len(widths)
    lines = []
    for row in cells:
        padded = [
            _padded(fitted(cell, columns, screen.ellipsis), columns, side)
            for cell, columns, side in zip(row, widths, sides, strict=True)
        ]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _padded(cell: str, columns: int, side: str) -> str:
    space = " " * (columns - width(cell))
    return space + cell if side == "right" else cell + space


def bars(counts: Mapping[str, int], screen: Screen, *, total: int | None = None) -> list[str]:
    r"""Draw a bar for each count, the longest as long as the screen allows.

    Parameters
    ----------
    counts : mapping of str to int
        In the order to show them.
    screen : Screen
        What they have to fit, and whether they can be drawn in eighths of a column.
    total : int, optional
        What the shares are of. Default: all counts together.

    Returns
    -------
    list of str
        A line for each count: its name, the number, the share of all, the bar.

    Examples
    --------
    >>> print("\n".join(bars({"Sport": 6, "Weer": 3}, Screen(30, False))))
    Sport  6   67 %  #############
    Weer   3   33 %  ######
    """
    if not counts:
        return []
    total = total or sum(counts.values()) or 1
    numbers = [f"{count:,}" for count in counts.values()]
    shares = [f"{100 * count / total:.0f} %" for count in counts.values()]
    most = max(counts.values()) or 1
    digits = max(map(len, numbers))
    names = min(max(map(width, counts)), max(_NARROWEST, screen.width - digits - 20))
    room = max(0, screen.width - names - digits - 5 - 3 * len(_GAP))
    lines = []
    for (name, count), number, share in zip(counts.items(), numbers, shares, strict=True):
        label = _padded(fitted(name, names, screen.ellipsis), names, "left")
        bar = _bar(room * count / most, screen)
        lines.append(f"{label}{_GAP}{number:>{digits}}{_GAP}{share:>5}{_GAP}{bar}".rstrip())
    return lines


def _bar(length: float, screen: Screen) -> str:
    if not screen.unicode:
        return "#" * round(length)
    whole, rest = divmod(round(length * 8), 8)
    return "█" * whole + (chr(0x2590 - rest) if rest else "")


def facts(values: Mapping[str, str | None]) -> list[str]:
    """Lay out names and values in two columns; None leaves a line out.

    Examples
    --------
    >>> facts({"documents": "225", "resumed": None, "model": "nl-news"})
    ['documents  225', 'model      nl-news']
    """
    shown = {name: value for name, value in values.items() if value is not None}
    columns = max(map(len, shown), default=0)
    return [f"{name:<{columns}}{_GAP}{safe(value)}" for name, value in shown.items()]


def size(count: int) -> str:
    """Say a number of bytes.

    Examples
    --------
    >>> size(999), size(38_400_000)
    ('999 B', '38.4 MB')
    """
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{value:.0f} B" if units[0] == "B" else f"{value:.1f} {units[0]}"
