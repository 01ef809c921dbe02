"""Features: what a stage holds beside its parameters, in SequenceFiles below ``fields/``.

A map of texts to numbers is an array of ``scala.Tuple2`` for every ten entries, each entry a
``java.lang.String`` and a ``java.lang.Integer``; the entries have no order. Any other value stands alone in
an array of one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rubriek.errors import SavedModelError
from rubriek.models import checks
from rubriek.sparknlp.formats.checksums import check_checksum
from rubriek.sparknlp.formats.files import SavedFiles
from rubriek.sparknlp.formats.java_classes import INTEGER, TUPLE, TUPLES, integer
from rubriek.sparknlp.formats.java_decoding import decode
from rubriek.sparknlp.formats.java_encoding import encode
from rubriek.sparknlp.formats.java_records import JavaArray, JavaObject
from rubriek.sparknlp.formats.metadata import SUCCESS
from rubriek.sparknlp.formats.sequence_file import read_values, write_values

FOLDER = "fields"
BATCH = 10
"""Entries in one record, as RDD.saveAsObjectFile groups them."""
MOST_BYTES = 64 * 2**20
"""Bytes of a feature; the largest vocabularies take 20 million."""
MOST_ENTRIES = 2_000_000
"""Entries of a map; the largest multilingual vocabularies hold 500,000."""


def read_arrays(files: SavedFiles, feature: str) -> Iterator[list[Any]]:
    """Read the arrays of a feature, over all its part files.

    Raises
    ------
    SavedModelError
        If the feature is missing or its files are not what Spark NLP writes by default.
    """
    folder = f"{FOLDER}/{feature}"
    parts = files.parts(folder)
    if not parts:
        raise SavedModelError(f"{files.where(folder)} is missing or empty.", expected="part-00000 ...")
    if any(".parquet" in part for part in parts):
        raise SavedModelError(
            f"{files.where(folder)} was saved in the serialization format 'dataset'.",
            expected="the format 'object', which is Spark NLP's default",
            found=parts[0],
            hint="load it in Spark NLP, set spark.jsl.settings.annotatorSerializationFormat to 'object', "
            "and save it again",
        )
    _check_size(sum(map(files.size, parts)), files.where(folder))
    total = 0
    for part in parts:
        where = files.where(part)
        check_checksum(files, part)
        with files.open(part) as stream:
            for value in read_values(stream, where):
                total += len(value)  # more than the files' size where they are compressed
                _check_size(total, where)
                array = decode(value, where)
                if not isinstance(array, JavaArray) or not isinstance(array.items, list):
                    raise SavedModelError(f"{where} holds no array of objects.", found=type(array).__name__)
                yield array.items


def _check_size(size: int, where: str) -> None:
    if size > MOST_BYTES:
        raise SavedModelError(
            f"{where} is too large.", expected=f"at most {MOST_BYTES:,} bytes", found=f"{size:,} bytes"
        )


def read_map(files: SavedFiles, feature: str) -> dict[str, int]:
    """Read a map of texts to numbers, in the order of the numbers.

    Raises
    ------
    SavedModelError
        If an entry is not a text and a number of at least 0, or a text or a number stands twice.
    """
    where = files.where(f"{FOLDER}/{feature}")
    found: dict[str, int] = {}
    for items in read_arrays(files, feature):
        for item in items:
            name, number = _entry(item, where)
            if name in found or len(found) >= MOST_ENTRIES:
                raise SavedModelError(
                    f"{where} is no map.",
                    expected=f"at most {MOST_ENTRIES:,} different texts",
                    found=f"{checks.shown(name)} twice" if name in found else "more",
                )
            found[name] = number
    ordered = dict(sorted(found.items(), key=lambda entry: entry[1]))
    numbers = list(ordered.values())
    if twice := next((one for one, next_one in itertools.pairwise(numbers) if one == next_one), None):
        raise SavedModelError(
            f"{where} gives two texts the same number.", expected="each number once", found=f"{twice} twice"
        )
    return ordered


def _entry(item: Any, where: str) -> tuple[str, int]:
    match item:
        case JavaObject(
            cls=cls,
            fields={"_1": str() as name, "_2": JavaObject(cls=boxed, fields={"value": int() as number})},
        ) if cls.name == TUPLE.name and boxed.name == INTEGER.name:
            if number >= 0 and not _has_lone_surrogate(name):
                return name, number
            found = f"{checks.shown(name)} -> {number}"
        case JavaObject(cls=cls):
            found = f"an object of {cls.name}"
        case _:
            found = type(item).__name__
    raise SavedModelError(
        f"{where} holds something other than its entries.",
        expected="pairs of a text and a whole number of at least 0",
        found=found,
    )


def _has_lone_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def write_map(folder: Path, feature: str, entries: dict[str, int]) -> None:
    """Write a map of texts to numbers into ``folder/fields/feature``."""
    write_arrays(
        folder,
        feature,
        (
            JavaArray(
                TUPLES, [JavaObject(TUPLE, {"_1": name, "_2": integer(number)}) for name, number in batch]
            )
            for batch in _batched(entries)
        ),
    )


def _batched(entries: dict[str, int]) -> Iterator[list[tuple[str, int]]]:
    rest = iter(entries.items())
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def write_arrays(folder: Path, feature: str, arrays: Iterable[JavaArray]) -> None:
    """Write the arrays of a feature into ``folder/fields/feature``, in one part file."""
    target = folder / FOLDER / feature
    target.mkdir(parents=True)
    with (target / "part-00000").open("wb") as stream:
        write_values(stream, map(encode, arrays))
    (target / SUCCESS).touch()
