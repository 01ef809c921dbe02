"""Where the input comes from and where the output goes: files, pipes, stdin and stdout."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
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
    format_of,
    is_only_read,
    known_format,
    output_beside,
    output_name,
    result_format,
)
from rubriek.jobs.scratch import room_explained, scratch_folder

if TYPE_CHECKING:
    from rubriek.files.sources import Source


def stdin_bytes() -> BinaryIO:
    """Return stdin.

    Raises
    ------
    FileError
        If it is closed.
    """
    if sys.stdin is None:
        raise FileError(
            "There is nothing to read: stdin is closed.", hint="name a file, or pipe into rubriek"
        )
    return sys.stdin.buffer


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
    if name != "-" and (path.is_file() or not path.exists()):
        yield open_source(path, format, encoding=encoding)
        return
    if path.is_dir():
        raise FileError(
            f"{name} is a folder.",
            expected="one or more files",
            hint="name its files, e.g. 'FOLDER/*.csv' -o OTHER/, or add --spark for a folder of Parquet",
        )
    with scratch_folder() as folder:
        copy = folder / "input"
        with room_explained(), copy.open("wb") as target:
            if name == "-":
                shutil.copyfileobj(stdin_bytes(), target)
            else:
                with path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, target)
        called = "stdin" if name == "-" else name
        yield open_source(copy, format or "lines", name=called, encoding=encoding)


def expanded(names: Sequence[str]) -> list[str]:
    """Return the files that inputs name: a pattern that the shell has left, like '*.csv', stands for several.

    Raises
    ------
    FileError
        If no file matches a pattern.
    """
    found: dict[str, None] = {}
    for name in names:
        if name == "-" or os.path.lexists(name) or not glob.has_magic(name):
            found[name] = None
            continue
        matching = sorted(path for path in _matching(name) if not Path(path).is_dir())
        if not matching:
            raise FileError(f"No file matches {name!r}.", hint="** matches folders within folders")
        found.update(dict.fromkeys(matching))
    return list(found)


def _matching(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 -- Path's takes no absolute pattern


def is_folder(output: str) -> bool:
    """Tell whether an output is, or is meant to be, a folder."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def sources_and_targets(
    names: Sequence[str],
    output: str,
    *,
    input_format: Format | None,
    output_format: Format | None,
    encoding: str | None,
) -> list[tuple[Source, Target]]:
    """Open several inputs, and decide where in a folder the results of each go.

    Parameters
    ----------
    names : sequence of str
        Paths.
    output : str
        The folder.
    input_format, output_format : Format, optional
        Default: what the names say, and the inputs'.
    encoding : str, optional
        Of the inputs. Default: found.

    Raises
    ------
    FileError
        If an input is no file, or cannot be opened.
    """
    from rubriek.files import open_source

    if not is_folder(output) and format_of(Path(output)) is not None:
        raise FileError(
            f"{output} is named like one file.",
            expected="a folder, since several inputs become one file each",
            found=f"{len(names)} inputs",
            hint=f"name a folder: -o {Path(output).with_suffix('')}/",
        )
    pairs = []
    for name in names:
        path = Path(name)
        if name == "-" or (path.exists() and not path.is_file()):
            raise FileError(
                f"{name} cannot be one of several inputs.", expected="files", hint="classify it by itself"
            )
        source = open_source(path, input_format, encoding=encoding)
        format = output_format or result_format(source.format)
        place = Path(output) / output_name(path, source.format, format)
        pairs.append((source, Target(place, None, format, compression_of(place))))
    return pairs


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
        if sys.stdout is None:
            raise FileError("There is nowhere to write: stdout is closed.", hint="name a file with -o")
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
    if is_only_read(path):
        raise OptionError(f"{path} would be compressed with bzip2.", expected=".gz, .zst or no compression")
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
