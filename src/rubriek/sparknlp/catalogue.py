"""The catalogue of Spark NLP's Models Hub: which file a name stands for.

The rules are those of Spark NLP's ResourceMetadata and Version. One is put right: versions are compared part
by part, where Spark NLP compares them as decimal numbers, so that 5.1.10 comes before 5.1.4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rubriek.errors import ModelError

Version = tuple[int, ...]
MODEL, PIPELINE = "ml", "pl"
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Resource:
    """A file of the hub.

    Attributes
    ----------
    name, language : str
        What it is called, and the language of the texts it is for.
    library, spark : tuple of int
        The versions of Spark NLP and Spark it was made with.
    time : datetime
        When.
    category : str
        ``"ml"`` for a model, ``"pl"`` for a pipeline.
    checksum : str
        MD5 in hexadecimal; empty where the catalogue has none.
    zipped : bool
        Whether it is a zip.
    """

    name: str
    language: str
    library: Version
    spark: Version
    time: datetime
    category: str = MODEL
    checksum: str = ""
    zipped: bool = True

    @property
    def file(self) -> str:
        """The name of the file on the hub.

        Examples
        --------
        >>> from datetime import UTC
        >>> made = datetime(2023, 10, 31, 21, 59, 0, 127000, tzinfo=UTC)
        >>> Resource("news", "nl", (5, 1, 4), (3, 4), made).file
        'news_nl_5.1.4_3.4_1698789540127.zip'
        """
        milliseconds = round(self.time.timestamp() * 1000)
        parts = (self.name, self.language, _dotted(self.library), _dotted(self.spark), str(milliseconds))
        return "_".join(part for part in parts if part) + (".zip" if self.zipped else "")


def _dotted(version: Version) -> str:
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


def read_catalogue(lines: Iterable[str]) -> list[Resource]:
    """Read a metadata.json, which has an object a line.

    Rows that are not ready for use, or have no versions, are left out.

    Raises
    ------
    ModelError
        If a line is no such object.
    """
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            versions = [_version(row.get(key)) for key in ("libVersion", "sparkVersion")]
            if number > MOST_ROWS:
                raise ValueError(f"more than {MOST_ROWS} rows")
            if row.get("readyToUse", False) and all(versions):
                library, spark = versions
                found.append(
                    Resource(
                        name=str(row["name"]),
                        language=str(row.get("language") or ""),
                        library=library,
                        spark=spark,
                        time=datetime.fromisoformat(row["time"]),
                        category=str(row.get("category", MODEL)),
                        checksum=str(row.get("checksum") or ""),
                        zipped=bool(row.get("isZipped", True)),
                    )
                )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(
                f"Line {number} of the hub's catalogue cannot be read.", found=f"{line[:80]!r}: {error}"
            ) from error
    return found


def _version(value: object) -> Version:
    parts: Sequence[object] = value.get("parts", ()) if isinstance(value, dict) else ()
    return tuple(int(str(part)) for part in parts)
