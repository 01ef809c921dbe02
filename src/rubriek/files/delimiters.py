"""What delimits the columns of a CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from rubriek.errors import FileError
from rubriek.files.formats import Format

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_UNUSUAL = "^~¦\x01\x1c\x1d\x1e\x1f"
_SEP = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)


def stated_delimiter(line: str) -> str | None:
    r"""Return the delimiter that a first line for Excel states, or None where it is no such line.

    Examples
    --------
    >>> stated_delimiter("sep=;\r\n"), stated_delimiter("id;tekst\r\n")
    (';', None)
    """
    match = _SEP.fullmatch(line)
    return match[1] if match else None


def find_delimiter(lines: Sequence[str], format: Format, name: str, *, whole: bool = True) -> str:
    r"""Find the delimiter by the header line, and by the lines after it where several are possible.

    Parameters
    ----------
    lines : sequence of str
        The first lines of the file.
    format : {"csv", "tsv"}
        A TSV is delimited by tabs if its header holds one.
    name : str
        The file's name in messages.
    whole : bool, default True
        Whether these are all lines; else the last row may go on.

    Raises
    ------
    FileError
        If several are possible, or only an unusual one is.

    Examples
    --------
    >>> find_delimiter(["id\ttitel, tekst\n", "1\teen, twee, drie\n"], "csv", "news.csv")
    '\t'
    """
    header = "".join(lines[0].split('"')[::2]) if lines else ""
    usual = "\t" if format == "tsv" else ","
    possible = [delimiter for delimiter in DELIMITERS if delimiter in header]
    if not possible:
        _refuse_unusual(header, lines, name)
        return usual
    if format == "tsv" and usual in possible:
        return usual
    possible = [delimiter for delimiter in possible if _is_even(lines, delimiter, whole)] or possible
    possible.sort(key=header.count, reverse=True)
    if len(possible) > 1 and header.count(possible[0]) == header.count(possible[1]):
        raise FileError(
            f"It is not clear what delimits the columns of {name}.",
            expected="one delimiter, which the header line has more of than of any other",
            found=" and ".join(DELIMITERS[delimiter] for delimiter in possible),
            hint="put names and values that hold another delimiter in quotes, or begin the file with a line "
            f"sep={possible[0]}",
        )
    return possible[0]


def _is_even(lines: Sequence[str], delimiter: str, whole: bool) -> bool:
    """Tell whether all rows have as many fields as the header."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return False
    return len(set(widths if whole else widths[:-1])) == 1


def _refuse_unusual(header: str, lines: Sequence[str], name: str) -> None:
    rows = [line for line in lines if line.strip()]
    for character in _UNUSUAL:
        count = header.count(character)
        if count and len(rows) > 1 and all(line.count(character) == count for line in rows):
            raise FileError(
                f"The columns of {name} seem to be delimited by {character!r}.",
                expected=", ".join(DELIMITERS.values()),
                hint="begin the file with a line sep= and that character",
            )
