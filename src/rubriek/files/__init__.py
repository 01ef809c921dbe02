"""Files in and files out: every format as tables of rows, and back."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from rubriek.errors import FileError, OptionError
from rubriek.files.formats import BINARY_FORMATS, FORMATS, Compression, Format, known_format

if TYPE_CHECKING:
    from rubriek.files.sources import Source

__all__ = ["FORMATS", "Compression", "Format", "open_source"]


def open_source(
    path: Path, format: Format | None = None, *, name: str | None = None, encoding: str | None = None
) -> Source:
    """Open an input: its columns are known at once, its rows are read when asked for.

    Parameters
    ----------
    path : Path
        The file. CSV, TSV, JSONL and lines may be compressed with gzip, zstd or bzip2.
    format : {"csv", "tsv", "jsonl", "parquet", "arrow", "lines"}, optional
        What it is; default: what its name says.
    name : str, optional
        What to call it in messages; default: the path.
    encoding : str, optional
        That of a text file, as Python names it. Default: UTF-8, UTF-16 or Windows-1252, found by its bytes.

    Returns
    -------
    Source

    Raises
    ------
    FileError
        If there is no such file, its format is not clear, or its beginning cannot be read.
    OptionError
        If there is no such encoding, or the format has none.
    """
    name = name or str(path)
    if not path.exists():
        there = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, there, n=1)
        raise FileError(
            f"There is no file {name}.", hint=f"did you mean {path.parent / close[0]}?" if close else None
        )
    if path.is_dir():
        raise FileError(f"{name} is a folder.", expected="a file", hint="classify the files in it one by one")
    format = format or known_format(path, option="--input-format")
    if encoding is not None and format in BINARY_FORMATS:
        raise OptionError(f"{name} is {format}, which has no encoding to name.", hint="leave out --encoding")
    try:
        return _source(path, format, name, encoding)
    except PermissionError as error:
        raise FileError(
            f"{name} may not be read: {error.strerror}.", hint="check the file's permissions"
        ) from error


def _source(path: Path, format: Format, name: str, encoding: str | None) -> Source:
    if format in ("csv", "tsv"):
        from rubriek.files.delimited import DelimitedSource

        return DelimitedSource(path, name, format, encoding)
    if format == "jsonl":
        from rubriek.files.jsonl import JsonlSource

        return JsonlSource(path, name, encoding)
    if format == "lines":
        from rubriek.files.plain import LinesSource

        return LinesSource(path, name, encoding)
    from rubriek.files.arrow import ArrowSource, ParquetSource

    return ParquetSource(path, name) if format == "parquet" else ArrowSource(path, name)
