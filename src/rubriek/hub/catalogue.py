"""A hub's catalogue, metadata.json: which file a name stands for.

The format, and the rules of matching and ordering, are those of Spark NLP's ResourceMetadata and Version. One
is put right: versions are compared part by part, where Spark NLP compares them as decimal numbers, to which
5.1.10 comes before 5.1.4. Only where a part has two digits does the answer differ.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rubriek import paths, strict_json
from rubriek.errors import CatalogueError, RubriekWarning
from rubriek.models.checks import is_text, shown

Version = tuple[int, ...]
MODEL, PIPELINE = "ml", "pl"
MAX_ROWS = 200_000
"""Lines, blank ones too."""
LONGEST_ROW = 1 << 20


@dataclass(frozen=True)
class Resource:
    """A file of a hub, and its row in the catalogue.

    Attributes
    ----------
    name, language : str
        What it is called, and the language of the texts it is for.
    library, spark : tuple of int
        The versions of Spark NLP and Spark it was made with.
    time : datetime
        When; with a time zone.
    category : str
        ``"ml"`` for a model, ``"pl"`` for a pipeline.
    checksum : str
        MD5 in hexadecimal; empty where the catalogue has none.
    zipped : bool
        Whether it is a zip.
    annotator : str
        The class of the model; empty where the catalogue does not tell.
    """

    name: str
    language: str
    library: Version
    spark: Version
    time: datetime
    category: str = MODEL
    checksum: str = ""
    zipped: bool = True
    annotator: str = ""

    @property
    def file(self) -> str:
        """The name of the file on the hub.

        Examples
        --------
        >>> made = datetime(2023, 10, 31, 21, 59, 0, 127000, tzinfo=UTC)
        >>> Resource("news", "nl", (5, 1, 4), (3, 4), made).file
        'news_nl_5.1.4_3.4_1698789540127.zip'
        """
        milliseconds = round(self.time.timestamp() * 1000)
        parts = (self.name, self.language, dotted(self.library), dotted(self.spark), str(milliseconds))
        return "_".join(part for part in parts if part) + (".zip" if self.zipped else "")


def dotted(version: Version) -> str:
    """Write a version.

    Examples
    --------
    >>> dotted((5, 1, 4))
    '5.1.4'
    """
    return ".".join(map(str, version))


def parse_version(text: str) -> Version:
    """Read a version: its parts up to the first that is no number.

    Examples
    --------
    >>> parse_version("1.2.3"), parse_version("1.2.3b")
    ((1, 2, 3), (1, 2))
    """
    parts = re.match(r"(?:\d+(?:\.|$))*", text)
    return tuple(int(part) for part in (parts[0] if parts else "").split(".") if part)


def compatible(current: Version, found: Version | None) -> bool:
    """Whether a file made with one version works with another.

    Examples
    --------
    >>> compatible((5, 1, 4), (5, 1, 4)), compatible((5, 1, 3), (5, 1, 4))
    (True, False)
    """
    if found is None:
        return True
    return len(found) <= len(current) and found <= current[: len(found)]


def choose(
    resources: Iterable[Resource],
    name: str,
    language: str | None = None,
    *,
    category: str | None = None,
    library: Version | None = None,
    spark: Version | None = None,
) -> Resource | None:
    """Choose the file that a name stands for: of the highest Spark, then library version, then the newest.

    Parameters
    ----------
    resources : iterable of Resource
        The catalogue.
    name : str
        The name asked for.
    language, category : str, optional
        Leave out to accept any.
    library, spark : tuple of int, optional
        The versions in use; leave out to accept any, for rubriek reads the files of all.

    Returns
    -------
    Resource or None
        None where there is none.
    """
    fitting = [
        resource
        for resource in resources
        if resource.name == name
        and (not language or not resource.language or resource.language == language)
        and (category is None or resource.category == category)
        and (library is None or compatible(library, resource.library))
        and (spark is None or compatible(spark, resource.spark))
    ]
    return max(fitting, key=lambda found: (found.spark, found.library, found.time), default=None)


def read_catalogue(lines: Iterable[str], where: str = "the hub's catalogue") -> list[Resource]:
    """Read a metadata.json, which has an object a line.

    Rows that are not ready for use, or have no versions, are left out, as Spark NLP does. So are rows that
    lack something else, and a `RubriekWarning` says how many and why; a row that stands there twice counts
    once.

    Parameters
    ----------
    lines : iterable of str
        The lines.
    where : str, optional
        What to call it in messages.

    Raises
    ------
    CatalogueError
        If a line is no object in JSON: then the file is no catalogue, or not a whole one.
    """
    found: dict[Resource, None] = {}
    wrong: list[str] = []
    count = 0
    for number, line in enumerate(lines, start=1):
        if number > MAX_ROWS:
            raise CatalogueError(
                f"{where} is too long.", expected=f"at most {MAX_ROWS:,} lines", found="more"
            )
        if not line.strip():
            continue
        row = _row(line, number, where)
        try:
            versions = [_version(row.get(key)) for key in ("libVersion", "sparkVersion")]
            if row.get("readyToUse", False) and all(versions):
                found[_resource(row, *versions)] = None
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            count += 1
            if count <= 3:
                wrong.append(f"line {number}: {_reason(error)}")
    if wrong:
        warnings.warn(
            f"{count} of the rows of {where} cannot be read and are left out ({'; '.join(wrong)})",
            RubriekWarning,
            stacklevel=2,
        )
    return list(found)


def write_row(resource: Resource) -> str:
    """Write a row of a metadata.json, without the line's end; `read_catalogue` and Spark NLP read it.

    Examples
    --------
    >>> made = Resource("news", "nl", (5, 1, 4), (3, 4), datetime(2023, 10, 31, tzinfo=UTC))
    >>> read_catalogue([write_row(made)]) == [made]
    True
    """
    time = resource.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    row: dict[str, Any] = {
        "name": resource.name,
        "language": resource.language or None,
        "libVersion": {"parts": list(resource.library)},
        "sparkVersion": {"parts": list(resource.spark)},
        "readyToUse": True,
        "time": time,
        "isZipped": resource.zipped,
        "category": resource.category,
        "checksum": resource.checksum,
        "annotator": resource.annotator or None,
    }
    return json.dumps({key: value for key, value in row.items() if value is not None}, ensure_ascii=False)


def with_row(text: str, resource: Resource) -> str:
    """Add a row to the text of a metadata.json, in the place of one for the same file if there is one.

    All other rows stay as they are, also those that rubriek cannot read.

    Examples
    --------
    >>> made = Resource("news", "nl", (5, 1, 4), (3, 4), datetime(2023, 10, 31, tzinfo=UTC))
    >>> with_row(with_row("", made), made).count("news")
    1
    """
    kept = [line for line in text.splitlines() if line.strip() and not _is_of(line, resource)]
    return "\n".join([*kept, write_row(resource)]) + "\n"


def _is_of(line: str, resource: Resource) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RubriekWarning)
        try:
            return any(row.file == resource.file for row in read_catalogue([line]))
        except CatalogueError:
            return False


def _row(line: str, number: int, where: str) -> dict[str, Any]:
    try:
        row = strict_json.parse(line)
        if not isinstance(row, dict):
            raise ValueError("no object")
    except ValueError as error:
        raise CatalogueError(
            f"Line {number} of {where} cannot be read.",
            expected="an object in JSON a line, as in the metadata.json of a hub",
            found=f"{shown(line.strip())}: {error}",
        ) from error
    return row


def _resource(row: dict[str, Any], library: Version, spark: Version) -> Resource:
    time = datetime.fromisoformat(row["time"])
    found = Resource(
        name=_text(row, "name"),
        language=_optional_text(row, "language"),
        library=library,
        spark=spark,
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        category=_optional_text(row, "category") or MODEL,
        checksum=_optional_text(row, "checksum"),
        zipped=bool(row.get("isZipped", True)),
        annotator=_optional_text(row, "annotator"),
    )
    file = found.file
    fault = paths.name_fault(file)
    if fault is not None or "/" in file or file.startswith("."):
        raise ValueError(f"{fault or paths.LEAVES}: {shown(file)}")
    return found


def _text(row: dict[str, Any], key: str) -> str:
    if not row[key] or not is_text(row[key]):
        raise ValueError(f"{key} is no text")
    return str(row[key])


def _optional_text(row: dict[str, Any], key: str) -> str:
    return _text(row, key) if row.get(key) else ""


def _version(value: object) -> Version:
    parts: Sequence[object] = value.get("parts", ()) if isinstance(value, dict) else ()
    return tuple(int(str(part)) for part in parts)


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)[:200]
