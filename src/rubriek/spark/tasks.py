"""How the rows of files are cut into tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rubriek.errors import ColumnError, Worded
from rubriek.files.text_columns import choose_text_columns
from rubriek.spark.counts import free_name
from rubriek.spark.folders import COLUMN, Footer, InputFile

FEWEST_ROWS, MOST_ROWS = 1_000, 16_384
"""Of a task. Fewer are not worth a task; more, and the last task of a file keeps a cluster waiting."""
TASKS_PER_CORE = 3


@dataclass(frozen=True)
class Work:
    """A file that is to be done.

    Attributes
    ----------
    file : InputFile
        The file.
    rows : int
        How many it has.
    tasks : int
        How many tasks they are worth.
    """

    file: InputFile
    rows: int
    tasks: int


def planned(
    session: Any, files: Sequence[InputFile], text_columns: Sequence[str], added: Sequence[str]
) -> list[Work]:
    """Look at each file before any work, and cut it into tasks that keep all cores busy to the end.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        It says how many tasks run at once.
    files : sequence of InputFile
        What is to be done.
    text_columns : sequence of str
        Columns that each file has to have.
    added : sequence of str
        Columns that no file may have.

    Raises
    ------
    ColumnError, FileError
        If a file cannot be done.
    """
    rows = []
    for file in files:
        footer = file.survey()
        _check_columns(footer, text_columns, [*added, COLUMN])
        rows.append(footer.rows)
    each = sum(rows) / (TASKS_PER_CORE * _cores(session)) if rows else 0
    each = min(max(each, FEWEST_ROWS), MOST_ROWS)
    return [Work(f, count, max(1, math.ceil(count / each))) for f, count in zip(files, rows, strict=True)]


def cut(frame: Any, tasks: int) -> Any:
    """Spread rows over tasks, neighbours together, so that the parts of the output keep their order."""
    if tasks == 1:
        return frame.coalesce(1)
    from pyspark.sql import functions

    number = free_name(frame.columns)
    numbered = frame.withColumn(number, functions.monotonically_increasing_id())
    return numbered.repartitionByRange(tasks, number).sortWithinPartitions(number).drop(number)


def _check_columns(file: Footer, texts: Sequence[str], added: Sequence[str]) -> None:
    """Check that a file has the texts, and no column that is to be added; Spark's names know no case."""
    choose_text_columns(file, texts)
    taken = {name.lower(): name for name in file.columns}
    for name in added:
        if name.lower() in taken:
            raise ColumnError(
                f"{file.name} has a column {taken[name.lower()]!r} already, which would be overwritten.",
                hint=Worded("name the result columns apart: {}", ("prefix", "predicted_"))
                if name != COLUMN
                else None,
            )


def _cores(session: Any) -> int:
    """Tasks that can run at once, as Spark sees it; with dynamic allocation those of the start."""
    from pyspark.sql import functions

    numbers = session.range(100_000).select(functions.spark_partition_id().alias("number"))
    return int(numbers.distinct().count())
