"""A hub: a folder, a bucket or a web server, laid out as Spark NLP's Models Hub.

``public/models/metadata.json`` is the catalogue, ``public/models/FILE.zip`` are the models. The environment
variable ``RUBRIEK_HUB`` names another hub than the public one.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rubriek import strict_json
from rubriek.errors import CatalogueError, DownloadError, ModelNotFoundError, OfflineError
from rubriek.hub import cache
from rubriek.hub.catalogue import LONGEST_ROW, Resource, choose, read_catalogue
from rubriek.hub.download import download, replacing, unwritable
from rubriek.hub.references import SparkNlpName, parse

log = logging.getLogger(__name__)

MODELS_HUB = "https://s3.amazonaws.com/auxdata.johnsnowlabs.com"
COMMUNITY = "https://s3.amazonaws.com/community.johnsnowlabs.com"
"""Where Spark NLP looks for a remote_loc that begins with ``@``."""
CATALOGUE = "metadata.json"
MAX_CATALOGUE_BYTES = 128 * 2**20
"""The catalogue of the Models Hub takes some 10 million."""
DID_YOU_MEAN = "did you mean "
KNOWN = (
    Resource(
        "bert_classifier_dutch_news_clf_finetuned",
        "nl",
        (5, 1, 4),
        (3, 4),
        datetime.fromtimestamp(1698789540.127, UTC),
    ),
)
"""What is known from model cards where a hub has no catalogue."""


@dataclass(frozen=True)
class Hub:
    """A hub and a folder in it.

    Attributes
    ----------
    address : str
        A URL; that of a folder here begins with ``file://``.
    place : str
        The folder of the catalogue and the models.
    """

    address: str
    place: str

    @classmethod
    def of(cls, place: str) -> Hub:
        """Return the hub in use, and a folder of it: Spark NLP's remote_loc."""
        named = hub_named()
        if place.startswith("@"):
            return cls(named or COMMUNITY, place.removeprefix("@"))
        return cls(named or MODELS_HUB, place)

    def address_of(self, file: str) -> str:
        """Return where a file of the folder is."""
        return f"{self.address}/{urllib.parse.quote(f'{self.place}/{file}')}"

    def find(self, wanted: SparkNlpName, *, retries: int | None = None) -> Resource:
        """Find the file that a name and a language stand for.

        Parameters
        ----------
        wanted : SparkNlpName
            The name; without a language it must be the same in all.
        retries : int, optional
            How often to ask again a hub that does not answer.

        Returns
        -------
        Resource

        Raises
        ------
        ModelNotFoundError
            If there is none, or one in several languages; the nearest ones are named.
        DownloadError
            If the hub cannot be asked.
        """
        rows = self.catalogue(retries=retries)
        languages = sorted({row.language for row in rows if row.name == wanted.name})
        if not wanted.language and len(languages) > 1:
            raise ModelNotFoundError(
                f"The name {wanted.name!r} stands for models of several languages.",
                expected=" or ".join(str(_named(wanted, language)) for language in languages[:8]),
            )
        found = choose(rows, wanted.name, wanted.language)
        if found is None:
            raise self._not_found(wanted, rows, languages)
        return found

    def _not_found(
        self, wanted: SparkNlpName, rows: list[Resource], languages: list[str]
    ) -> ModelNotFoundError:
        near = [str(_named(wanted, language)) for language in languages[:8]]
        if not near:
            names = {row.name for row in rows if wanted.language in (None, "", row.language)}
            close = set(difflib.get_close_matches(wanted.name, names, n=3))
            near = sorted(
                {str(SparkNlpName(r.name, r.language, wanted.place)) for r in rows if r.name in close}
            )
        language = f" for the language {wanted.language!r}" if wanted.language else ""
        return ModelNotFoundError(
            f"The hub has no model {wanted.name!r}{language}.",
            found=f"{len(rows):,} rows in {self.address_of(CATALOGUE)}",
            hint=f"{DID_YOU_MEAN}{' or '.join(near)}?" if near else None,
        )

    def catalogue(self, *, retries: int | None = None) -> list[Resource]:
        """Read the catalogue: from the cache if the hub says that it has not changed since.

        Where the hub does not answer, what it said before is used, and a warning in the log says so. A hub
        without a catalogue has what model cards tell.

        Raises
        ------
        DownloadError
            If the hub does not answer and never did.
        CatalogueError
            If what it sends is no catalogue; an earlier one stays in the cache.
        """
        address = self.address_of(CATALOGUE)
        try:
            if address.startswith("file://"):
                return _read(Path(str(parse(address))), address)
            key = cache.key_of(address)
            with cache.locked(key):
                return _fetched(address, cache.writable(cache.CATALOGUES) / key, retries)
        except ModelNotFoundError:
            return list(KNOWN)


def hub_named() -> str | None:
    """Return the hub that the environment names, as a URL; None where it names none."""
    named = os.environ.get("RUBRIEK_HUB", "").strip().rstrip("/")
    if not named:
        return None
    return (
        str(named) if "://" in named else Path(named.removeprefix("file:")).expanduser().absolute().as_uri()
    )


def _named(wanted: SparkNlpName, language: str) -> SparkNlpName:
    return SparkNlpName(wanted.name, language, wanted.place)


def _fetched(address: str, file: Path, retries: int | None) -> list[Resource]:
    note = file.with_name(f"{file.name}.tag")
    partial = file.with_name(f".{file.name}.partial")
    known = _known(note) if file.is_file() else None
    try:
        fetched = download(
            address, partial, what="catalogue", known=known, retries=retries, limit=MAX_CATALOGUE_BYTES
        )
    except ModelNotFoundError:
        raise
    except OfflineError:
        raise
    except DownloadError as error:
        if not file.is_file():
            raise
        made = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        log.warning("%s The catalogue of %s is used.", error.message, f"{made:%Y-%m-%d %H:%M} UTC")
        return _read(file, address)
    if fetched is None:
        return _read(file, address)
    try:
        rows = _read(partial, address)
        note.unlink(missing_ok=True)
        partial.replace(file)
        if fetched.tag:
            with replacing(note) as new:
                new.write_text(json.dumps(fetched.tag), encoding="utf-8")
    except OSError as error:
        raise unwritable(file.parent, error) from error
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _known(note: Path) -> str | None:
    """Read the tag of the catalogue in the cache; without one that can be read it is fetched anew."""
    try:
        tag = strict_json.parse(note.read_bytes())
    except (OSError, ValueError):
        return None
    return tag if isinstance(tag, str) else None


def _read(file: Path, address: str) -> list[Resource]:
    try:
        with file.open("rb") as stream:
            return read_catalogue(_lines(stream), address)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"There is no catalogue at {address}.") from error
    except CatalogueError:
        raise
    except OSError as error:
        raise DownloadError(f"{address} cannot be read.", found=error.strerror or str(error)) from error


def _lines(stream: BinaryIO) -> Iterator[str]:
    while line := stream.readline(LONGEST_ROW):
        yield line.decode("utf-8", "replace")
