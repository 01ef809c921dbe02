"""One dictionary for each dictionary column of many tables: an Arrow IPC file cannot change it on the way."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa


class Dictionaries:
    """The dictionaries of all tables, united.

    Parameters
    ----------
    schema : pa.Schema
        The columns of the tables.
    tables : iterable of pa.Table
        All tables, once.

    Attributes
    ----------
    schema : pa.Schema
        The columns, their indices wide enough for the united dictionaries.

    Examples
    --------
    >>> tables = [pa.table({"kind": pa.array(kinds).dictionary_encode()}) for kinds in (["a"], ["b", None])]
    >>> dictionaries = Dictionaries(tables[0].schema, tables)
    >>> whole = [dictionaries.recoded(table)["kind"].combine_chunks() for table in tables]
    >>> [column.dictionary.to_pylist() for column in whole], [column.to_pylist() for column in whole]
    ([['a', 'b'], ['a', 'b']], [['a'], ['b', None]])
    """

    def __init__(self, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
        self._positions = [i for i, field in enumerate(schema) if pa.types.is_dictionary(field.type)]
        found: dict[int, list[pa.Array]] = {i: [] for i in self._positions}
        for table in tables:
            for i in self._positions:
                values = table[i].combine_chunks().dictionary
                if not any(values.equals(known) for known in found[i][-1:]):
                    found[i].append(values)
        self._united = {i: _united(schema.field(i).type, values) for i, values in found.items()}
        self.schema = schema
        for i, values in self._united.items():
            kind = pa.dictionary(pa.int32(), values.type, schema.field(i).type.ordered)
            self.schema = self.schema.set(i, schema.field(i).with_type(kind))

    def recoded(self, table: pa.Table) -> pa.Table:
        """Return a table with the united dictionaries."""
        for i in self._positions:
            column = table[i].combine_chunks()
            places = _coded([self._united[i], column.dictionary])[1].indices
            indices = places.take(column.indices).cast(pa.int32())
            kind = self.schema.field(i).type
            recoded = pa.DictionaryArray.from_arrays(
                indices.cast(pa.int32()), self._united[i], ordered=kind.ordered
            )
            table = table.set_column(i, self.schema.field(i), recoded)
        return table


def _united(kind: pa.DictionaryType, dictionaries: list[pa.Array]) -> pa.Array:
    if not dictionaries:
        return pa.array([], kind.value_type)
    return _coded(dictionaries)[0].dictionary


def _coded(dictionaries: list[pa.Array]) -> list[pa.DictionaryArray]:
    """Return each dictionary coded by the union of all."""
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(np.arange(len(values), dtype=np.int32)), values)
        for values in dictionaries
    ]
    return list(pa.chunked_array(chunks).unify_dictionaries().chunks)
