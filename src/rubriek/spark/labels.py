"""Labels in tables of Spark: as names, which have to be possible, or as values."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rubriek.errors import ColumnError, OptionError, RubriekWarning
from rubriek.results import RANKED

Scores: TypeAlias = Literal["struct", "map", "list"]
"""What holds the scores of all labels: a field for each, or the labels as values."""

_NOT_IN_DELTA = set(" ,;{}()\n\t=")
"""Characters that Delta takes in no name, at any depth, unless the table maps its columns."""


def in_form(results: pa.Table, form: Scores) -> pa.Table:
    """Return result columns with the scores of all labels in another form.

    Parameters
    ----------
    results : pyarrow.Table
        With the columns of `rubriek.results.schema`.
    form : {"struct", "map", "list"}
        ``"struct"`` changes nothing: labels are names of fields. In the others they are values, in the
        model's order: a map from label to score, or a list of structs of ``label`` and ``score``.

    Returns
    -------
    pyarrow.Table

    Examples
    --------
    >>> results = pa.table({"scores": pa.array([{"Sport": 0.75, "sport": 0.25}, None])})
    >>> in_form(results, "map")["scores"].to_pylist()
    [[('Sport', 0.75), ('sport', 0.25)], None]
    >>> in_form(results, "list")["scores"].to_pylist()[0]
    [{'label': 'Sport', 'score': 0.75}, {'label': 'sport', 'score': 0.25}]
    """
    if form not in get_args(Scores):
        known = ", ".join(get_args(Scores))
        raise OptionError("There is no such form of scores.", expected=f"one of {known}", found=repr(form))
    for name in ("scores", "window_scores") if form != "struct" else ():
        if name in results.column_names:
            at, column = results.column_names.index(name), results[name].combine_chunks()
            results = results.set_column(at, name, _labelled(column, form))
    return results


def _labelled(column: pa.Array, form: Scores) -> pa.Array:
    if pa.types.is_list(column.type):
        return pa.ListArray.from_arrays(
            _offsets(pc.list_value_length(column)), _labelled(column.flatten(), form)
        )
    names, rows = [field.name for field in column.type], column.drop_null()
    scores = [rows.field(at).to_numpy(zero_copy_only=False) for at in range(len(names))]
    values = pa.array(np.stack(scores, axis=1).ravel(), pa.float32())
    labels = pa.array(np.tile(np.arange(len(names)), len(rows)))
    keys = pa.array(names, pa.string()).take(labels)
    offsets = _offsets(pc.if_else(column.is_valid(), len(names), None))
    if form == "map":
        return pa.MapArray.from_arrays(offsets, keys, values)
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([keys, values], fields=list(RANKED)))


def _offsets(lengths: pa.Array) -> pa.Array:
    """Say where lists begin and end that have these lengths; one of null length is null."""
    ends = np.cumsum(np.append(0, lengths.fill_null(0).to_numpy(zero_copy_only=False)))
    missing = np.append(lengths.is_null().to_numpy(zero_copy_only=False), False)
    return pa.array(ends, pa.int32(), mask=missing)


def check_names(session: Any, answer: pa.DataType) -> None:
    """Check before a run that a table can have the names in an answer, since Spark checks when it writes.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Says whether upper and lower case differ, and what tables are made of unless a query says otherwise.
    answer : pyarrow.DataType
        The struct that is added to the rows.

    Raises
    ------
    ColumnError
        If two labels are one name to Spark.

    Warns
    -----
    RubriekWarning
        If tables are Delta's by default, and it takes no such names.
    """
    hint = "scores='map' or scores='list' has the labels as values"
    if session.conf.get("spark.sql.caseSensitive", "false") != "true":
        for names in _levels(answer):
            known: dict[str, str] = {}
            for name in names:
                other = known.setdefault(name.lower(), name)
                if other != name:
                    raise ColumnError(
                        "Two labels are one column to Spark, which takes no notice of upper and lower case.",
                        found=f"{other!r:.100} and {name!r:.100}",
                        hint=hint,
                    )
    mode = session.conf.get("spark.databricks.delta.properties.defaults.columnMapping.mode", "none")
    if session.conf.get("spark.sql.sources.default", "parquet") != "delta" or mode != "none":
        return
    bad = [name for names in _levels(answer) for name in names if _NOT_IN_DELTA.intersection(name)]
    if bad:
        warnings.warn(
            RubriekWarning(
                f"A Delta table takes no column of the name {bad[0]!r:.100} unless it maps its columns "
                f"(delta.columnMapping.mode = 'name'); {hint}."
            ),
            stacklevel=3,
        )


def _levels(kind: pa.DataType) -> Iterator[list[str]]:
    """Yield the names of each struct in a type."""
    if pa.types.is_struct(kind):
        yield [field.name for field in kind]
    for at in range(kind.num_fields):
        yield from _levels(kind.field(at).type)
