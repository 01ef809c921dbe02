"""What a job is asked to do, and what it says that it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import pyarrow as pa

from rubriek.files.formats import Compression, Format
from rubriek.files.sources import Source
from rubriek.results import Scores
from rubriek.statistics import Statistics

OnError: TypeAlias = Literal["stop", "skip"]


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes
    ----------
    source : Source
        The input.
    output : Path or binary file
        Where the results go. A file is replaced when all is done, and its run can be taken up again; a stream
        is written to when all is done.
    format : Format
        Of the output.
    text_columns : tuple of str
        Joined by a line break.
    compression : {"gzip", "zstd"}, optional
        Of the output.
    prefix : str, default ""
        Before the names of the result columns.
    scores : {"none", "best", "all", "wide"}, default "all"
        See `rubriek.results.with_scores`.
    options : mapping
        See `rubriek.options.Options`.
    on_error : {"stop", "skip"}, default "stop"
        Stop at the first row that cannot be read, before any work; or leave such rows out and list them in
        ``OUTPUT.errors.jsonl``.
    """

    source: Source
    output: Path | BinaryIO
    format: Format
    text_columns: Sequence[str]
    compression: Compression | None = None
    prefix: str = ""
    scores: Scores = "all"
    options: Mapping[str, Any] = field(default_factory=dict)
    on_error: OnError = "stop"


@dataclass(frozen=True)
class Report:
    """What was done.

    Attributes
    ----------
    rows : int
        Rows of the output.
    resumed_rows : int
        How many of them earlier, interrupted runs had answered: all rows of the parts that they finished, and
        the texts of the part they were at whose batches are kept.
    skipped : int
        Rows that could not be read and were left out.
    errors : Path or None
        Where they are listed.
    statistics : Statistics
        Over all rows, those of earlier runs too.
    preview : pa.Table
        The first rows.
    """

    rows: int
    resumed_rows: int
    skipped: int
    errors: Path | None
    statistics: Statistics
    preview: pa.Table
