"""File formats: their names, the suffixes they are known by, and the name of an output."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from rubriek.errors import FileError

Format: TypeAlias = Literal["csv", "tsv", "jsonl", "parquet", "arrow", "lines"]
Compression: TypeAlias = Literal["gzip", "zstd"]
FORMATS: tuple[Format, ...] = get_args(Format)
BINARY_FORMATS: frozenset[Format] = frozenset({"parquet", "arrow"})

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
    ".txt": "lines",
}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_ONLY_READ = ".bz2"


def format_of(path: Path) -> Format | None:
    """Return the format that a file's name tells, or None; a compression suffix is looked through.

    Parameters
    ----------
    path : Path
        A file's name; the file need not exist.

    Returns
    -------
    {"csv", "tsv", "jsonl", "parquet", "arrow", "lines"} or None

    Examples
    --------
    >>> format_of(Path("news.csv.gz")), format_of(Path("news.feather")), format_of(Path("news.xlsx"))
    ('csv', 'arrow', None)
    >>> format_of(Path("news.csv.bz2"))
    'csv'
    """
    return _SUFFIXES.get(Path(_plain_name(path)).suffix.lower())


def compression_of(path: Path) -> Compression | None:
    """Return the compression that a file's name tells.

    Examples
    --------
    >>> compression_of(Path("news.csv.gz")), compression_of(Path("news.csv"))
    ('gzip', None)
    """
    return _COMPRESSIONS.get(path.suffix.lower())


def is_only_read(path: Path) -> bool:
    """Say whether a file's name tells a compression that is read and never written.

    Examples
    --------
    >>> is_only_read(Path("news.csv.bz2")), is_only_read(Path("news.csv.gz"))
    (True, False)
    """
    return path.suffix.lower() == _ONLY_READ


def known_format(path: Path, *, option: str) -> Format:
    """Return the format that a file's name tells, or say which ones there are.

    Parameters
    ----------
    path : Path
        A file's name.
    option : str
        The option that names a format when the file's name does not, e.g. ``"--input-format"``.

    Raises
    ------
    FileError
        If the name tells no format.
    """
    found = format_of(path)
    if found is not None:
        return found
    suffix = Path(_plain_name(path)).suffix.lower()
    is_output = option == "--format"
    formats = [format for format in FORMATS if not (is_output and format == "lines")]
    hint = f"name the format with {option}, one of {', '.join(formats)}"
    if suffix in (".xls", ".xlsx", ".ods"):
        hint = "save the sheet as 'CSV UTF-8' and give that file"
        if is_output:
            hint = f"name it {path.with_suffix('.csv').name}, which spreadsheets open"
    elif suffix == ".json" and not is_output:
        hint = "with one object a line: --input-format jsonl; an array becomes such lines with jq -c '.[]'"
    elif close := difflib.get_close_matches(suffix, _SUFFIXES, n=1):
        hint += f"; did you mean {close[0]}?"
    raise FileError(
        f"The format of {path} is not clear from its name.",
        expected=f"a name that ends in {', '.join(s for s, f in _SUFFIXES.items() if f in formats)} "
        f"({'and .gz or .zst' if is_output else 'and .gz, .zst or .bz2'})",
        found=suffix or "no suffix",
        hint=hint,
    )


def result_format(input_format: Format) -> Format:
    """Return the format that results are written in by default: the input's, but lines cannot hold columns.

    Examples
    --------
    >>> result_format("jsonl"), result_format("lines")
    ('jsonl', 'csv')
    """
    return "csv" if input_format == "lines" else input_format


def output_beside(path: Path, input_format: Format, output_format: Format) -> Path:
    """Return where the output goes when no place is named: beside the input, as NAME.classified.EXT.

    Parameters
    ----------
    path : Path
        The input.
    input_format, output_format : Format
        What the input is, and what the output shall be. The input's own suffix is kept where they are equal,
        its compression where the output is text.

    Examples
    --------
    >>> output_beside(Path("data/news.ndjson.gz"), "jsonl", "jsonl").as_posix()
    'data/news.classified.ndjson.gz'
    >>> output_beside(Path("news.csv.gz"), "csv", "parquet").as_posix()
    'news.classified.parquet'
    """
    return path.with_name(output_name(path, input_format, output_format, mark=".classified"))


def output_name(path: Path, input_format: Format, output_format: Format, *, mark: str = "") -> str:
    """Return what an output is called whose input is called NAME.EXT: NAME, a mark, and its own suffix.

    Examples
    --------
    >>> output_name(Path("data/news.txt.gz"), "lines", "csv")
    'news.csv.gz'
    """
    plain = Path(_plain_name(path))
    known = plain.suffix.lower() in _SUFFIXES
    stem = plain.stem if known else plain.name
    same = known and input_format == output_format == format_of(path)
    suffix = plain.suffix if same else next(s for s, f in _SUFFIXES.items() if f == output_format)
    compressed = "" if output_format in BINARY_FORMATS or compression_of(path) is None else path.suffix
    return f"{stem}{mark}{suffix}{compressed}"


def _plain_name(path: Path) -> str:
    """Return the file's name without a compression suffix."""
    return path.stem if path.suffix.lower() in (*_COMPRESSIONS, _ONLY_READ) else path.name
