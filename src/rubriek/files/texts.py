"""All the texts of a file at once, for what needs a sample rather than a stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from rubriek import frames
from rubriek.files import open_source
from rubriek.files.lines import Problem
from rubriek.files.text_columns import choose_text_columns


def read_texts(
    file: Path, text_columns: Sequence[str] = (), *, encoding: str | None = None
) -> pa.ChunkedArray:
    """Read the texts of a file of any format.

    Parameters
    ----------
    file : Path
        The file.
    text_columns : sequence of str
        Where the texts are; several columns are joined. Default: ``text``, or the only column of strings.
    encoding : str, optional
        That of a text file. Default: found in the file.

    Returns
    -------
    pyarrow.ChunkedArray
        Strings, null where there is no text.

    Raises
    ------
    FileError, ColumnError
        If the file cannot be read, a row is malformed, or the column is not clear.
    """

    def stop(problem: Problem) -> None:
        raise problem.error()

    source = open_source(file, encoding=encoding)
    columns = choose_text_columns(source, text_columns)
    survey = source.survey(columns, stop)
    chunks = [
        chunk
        for table in source.tables(survey, columns)
        for texts in frames.read(table, columns, "").chunks
        for chunk in (texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts])
    ]
    return pa.chunked_array(chunks, pa.large_string())
