"""Where the input comes from and where the output goes: files, pipes, stdin and stdout."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from rubriek.errors import FileError, OptionError
from rubriek.files.formats import (
    BINARY_FORMATS,
    Compression,
    Format,
    compression_of,
    known_format,
    output_beside,
    result_format,
)

if TYPE_CHECKING:
    from rubriek.files.sources import Source


@contextmanager
def opened_source(name: str, format: Format | None, encoding: str | None = None) -> Iterator[Source]:
    """Open an input; what cannot be read twice, stdin or a pipe, is put into a temporary file first.

    Parameters
    ----------
    name : str
        A path, or ``-`` for stdin.
    format : Format, optional
        Default: what the name says; plain lines for stdin.
    encoding : str, optional
        Of text. Default: found in the file.
    """
    from rubriek.files import open_source

    path = Path(name)
    if name != "-" and (path.is_file() or path.is_dir() or not path.exists()):
        yield open_source(path, format, encoding=encoding)
        return
    with tempfile.TemporaryDirectory(prefix="rubriek-") as folder:
        copy = Path(folder) / "input"
        with copy.open("wb") as target:
            if name == "-":
                shutil.copyfileobj(sys.stdin.buffer, target)
            else:
                with path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, target)
        called = "stdin" if name == "-" else name
        yield open_source(copy, format or "lines", name=called, encoding=encoding)


@dataclass(frozen=True)
class Target:
    """Where results go.

    Attributes
    ----------
    path : Path or None
        The file; None for a stream.
    stream : binary file or None
        The stream; None for a file.
    format : Format
        Of the results.
    compression : {"gzip", "zstd"} or None
        Of a file of text.
    """

    path: Path | None
    stream: BinaryIO | None
    format: Format
    compression: Compression | None = None

    @property
    def place(self) -> Path | BinaryIO:
        """The file or the stream."""
        return cast("Path | BinaryIO", self.path or self.stream)


@contextmanager
def opened_target(source: Source, input: str, output: str | None, format: Format | None) -> Iterator[Target]:
    """Decide where results go and in which format.

    Parameters
    ----------
    source : Source
        The input.
    input, output : str
        As the user named them; ``-`` is stdin or stdout. Without an output it is a file beside the input, or
        stdout when the input is not a file.
    format : Format, optional
        Default: what the output's name says, else the input's.

    Raises
    ------
    OptionError
        If the format cannot be written there.
    """
    is_file = input != "-" and Path(input).is_file()
    if output is None and is_file:
        output = str(output_beside(source.path, source.format, format or result_format(source.format)))
    if output is None or output == "-":
        target = Target(None, sys.stdout.buffer, format or result_format(source.format))
        if target.format in BINARY_FORMATS and sys.stdout.isatty():
            raise OptionError(
                f"A terminal cannot show {target.format}.", hint="name a file with -o, or redirect"
            )
        yield target
        return
    path = Path(output)
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as stream:  # a device or a named pipe
            yield Target(None, stream, format or result_format(source.format))
        return
    if path.is_dir():
        raise FileError(f"{path} is a folder.", expected="a file to write", hint="add a file name")
    format = format or known_format(path, option="--format")
    compression = compression_of(path)
    if format == "lines":
        raise OptionError(
            f"{path} is named like plain text, which cannot hold results.",
            hint="give it another suffix, e.g. .csv or .jsonl, or name a --format",
        )
    if compression is not None and format in BINARY_FORMATS:
        raise OptionError(
            f"{format} files are not compressed as a whole.", found=str(path), hint="leave out the suffix"
        )
    yield Target(path, None, format, compression)
