"""Publishes a bundle on a hub: the zip that Spark NLP loads, its row in the catalogue, and its card.

A hub is laid out as Spark NLP's Models Hub: ``public/models/metadata.json`` and ``public/models/FILE.zip``;
the cards lie beside it, in ``cards/``. What readers need is there before the row that leads to it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rubriek.errors import CardError, CatalogueError, OptionError, PublishingError, RubriekWarning, Worded
from rubriek.hub.card_parts import Links
from rubriek.hub.cards import Card, card_text, parse_card
from rubriek.hub.catalogue import MODEL, Resource, Version, choose, read_catalogue, with_row
from rubriek.hub.describing import ANNOTATOR, describe, own_card
from rubriek.hub.storage import Storage, open_storage
from rubriek.models.bundle import NAME, Bundle
from rubriek.models.sparknlp_export import export_sparknlp

MODELS = "public/models"
CATALOGUE = f"{MODELS}/metadata.json"
CARDS = "cards"
LIBRARY: Version = (5, 1, 4)
SPARK: Version = (3, 4)
"""The versions of Spark NLP and Spark from which on the files load. Older ones do not see the row."""
EXPORTER = 1
"""To be raised when the export writes something else than before, so that all is published anew."""
ATTEMPTS = 20
KEY = "bundle"
"""The field of a card that says what was published, so that the same is not published twice."""
WRITTEN = "written"
"""The field that tells whether somebody has changed the card since."""


@dataclass(frozen=True)
class Published:
    """What lies on the hub.

    Attributes
    ----------
    resource : Resource
        The file, as the catalogue has it.
    archive, card : str
        Path or address of the zip and of the card.
    new : bool
        False if the same model had been published before, and no second file was made.
    """

    resource: Resource
    archive: str
    card: str
    new: bool


def publish(
    bundle: Bundle,
    to: Path | str,
    *,
    name: str | None = None,
    language: str | None = None,
    url: str | None = None,
) -> Published:
    """Publish a bundle, so that ``pretrained(name, language)`` finds it on this hub.

    Publishing the same again makes no second file; publishing another one under the same name adds a newer
    one, which is then the one found.

    Parameters
    ----------
    bundle : Bundle
        The model.
    to : path or str
        The hub: a folder, or ``s3://bucket/prefix`` or ``gs://bucket/prefix``. Spark NLP finds only what lies
        at the top of a bucket.
    name : str, optional
        What it is called there. Default: the bundle's name.
    language : str, optional
        The language of the texts, such as ``nl``; ``xx`` for several. Default: what the bundle's card says.
    url : str, optional
        The address at which the hub is served, for the card's Download link. Default: none for a folder, and
        Amazon's address for ``s3://``, unless another endpoint is set by ``AWS_ENDPOINT_URL``.

    Returns
    -------
    Published

    Raises
    ------
    OptionError
        If the name or language is none, or the language is not known.
    UnsupportedModelError
        If Spark NLP has no such models.
    CatalogueError
        If the hub's catalogue cannot be read; nothing is written then.
    PublishingError
        If the hub cannot be written.
    """
    name, language = _name(bundle, name), _language(bundle, language)
    hub = open_storage(to)
    key = _key(bundle)
    before = _newest(hub, name, language)
    size = hub.size(_archive(before)) if before else None
    if before and size and (card := _card(hub, before)) and card.text(KEY) == key:
        _put_card(hub, before, bundle, key, size=size, url=url, old=card)
        return _published(hub, before, new=False)
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    if before:  # by a clock that runs ahead of ours
        now = max(now, before.time + timedelta(milliseconds=1))
    made = Resource(name, language, LIBRARY, SPARK, now, MODEL, annotator=ANNOTATOR)
    with tempfile.TemporaryDirectory(prefix="rubriek-") as place:
        archive = export_sparknlp(bundle, Path(place, made.file))
        with archive.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
        made = dataclasses.replace(made, checksum=digest.hexdigest().upper())
        hub.put(_archive(made), archive)
        _put_card(hub, made, bundle, key, size=archive.stat().st_size, url=url)
    _add_row(hub, made)
    return _published(hub, made, new=True)


def _name(bundle: Bundle, name: str | None) -> str:
    if not NAME.fullmatch(name or bundle.name):
        raise OptionError(
            "The option 'name' is no name for a model.",
            expected="at most 100 letters, digits, '.', '_', '-'",
            found=repr(name or bundle.name),
        )
    return name or bundle.name


def _language(bundle: Bundle, language: str | None) -> str:
    own = own_card(bundle)
    language = language or (own.language if own else "")
    if not (2 <= len(language) <= 20 and language.isascii() and language.replace("-", "").isalpha()):
        raise OptionError(
            "The language of the texts is not known." if not language else "This is no language.",
            expected="a code such as nl; xx for several languages",
            found=repr(language) if language else None,
            hint=Worded("name it, e.g. {}", ("language", "nl")),
        )
    return language


def _key(bundle: Bundle) -> str:
    """Make a key of all that the exported file depends on."""
    parts = [EXPORTER, bundle.checksums, bundle.labels, bundle.problem_type, bundle.threshold]
    described = json.dumps([*parts, bundle.max_length, bundle.source.get("params")], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:32]


def _newest(hub: Storage, name: str, language: str) -> Resource | None:
    rows = read_catalogue(_catalogue(hub)[0].splitlines(), f"{hub.address}/{CATALOGUE}")
    newest = choose(rows, name, language, category=MODEL)
    if newest and (newest.spark, newest.library) > (SPARK, LIBRARY):
        warnings.warn(
            f"{newest.file} is on this hub for newer versions of Spark or Spark NLP, whose users will go on "
            "getting it under this name",
            RubriekWarning,
            stacklevel=3,
        )
    return choose(rows, name, language, category=MODEL, library=LIBRARY, spark=SPARK)


def _catalogue(hub: Storage) -> tuple[str, str | None]:
    data, version = hub.read(CATALOGUE)
    try:
        return data.decode("utf-8"), version
    except UnicodeDecodeError as error:
        raise CatalogueError(
            f"{hub.address}/{CATALOGUE} is no catalogue; nothing was changed.",
            expected="an object in JSON a line, in UTF-8",
            found=str(error),
        ) from error


def _archive(resource: Resource) -> str:
    return f"{MODELS}/{resource.file}"


def _card_file(resource: Resource) -> str:
    return f"{CARDS}/{resource.file.removesuffix('.zip')}.md"


def _card(hub: Storage, resource: Resource) -> Card | None:
    data, _ = hub.read(_card_file(resource))
    try:
        return parse_card(data.decode("utf-8", "replace"))
    except CardError:
        return None


def _put_card(
    hub: Storage,
    resource: Resource,
    bundle: Bundle,
    key: str,
    *,
    size: int,
    url: str | None,
    old: Card | None = None,
) -> None:
    """Write the card; one that is there already follows the bundle's own, unless somebody has changed it."""
    if old and _digest(old) != old.text(WRITTEN):
        warnings.warn(
            f"{_card_file(resource)} was changed since it was published, so it stays as it is",
            RubriekWarning,
            stacklevel=3,
        )
        return
    card = describe(bundle, resource=resource, links=_links(hub, resource, url), size=size)
    card = parse_card(card_text(dataclasses.replace(card, front={**card.front, KEY: key})))  # as it is read
    card = dataclasses.replace(card, front={**card.front, WRITTEN: _digest(card)})
    if card != old:
        with tempfile.TemporaryDirectory(prefix="rubriek-") as place:
            file = Path(place, "card.md")
            file.write_text(card_text(card), encoding="utf-8", newline="\n")
            hub.put(_card_file(resource), file)


def _digest(card: Card) -> str:
    front = {name: value for name, value in card.front.items() if name != WRITTEN}
    text = card_text(dataclasses.replace(card, front=front))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _links(hub: Storage, resource: Resource, url: str | None) -> Links:
    scheme, separator, path = hub.address.partition("://")
    if url is None and scheme == "s3" and not os.environ.get("AWS_ENDPOINT_URL"):
        url = f"https://s3.amazonaws.com/{path}"
    return Links(
        download=f"{url.rstrip('/')}/{_archive(resource)}" if url else "",
        s3=f"{hub.address}/{_archive(resource)}" if separator and scheme == "s3" else "",
    )


def _add_row(hub: Storage, resource: Resource) -> None:
    for _ in range(ATTEMPTS):
        text, version = _catalogue(hub)
        if hub.replace(CATALOGUE, with_row(text, resource).encode(), version):
            return
    raise PublishingError(
        f"Others keep changing {hub.address}/{CATALOGUE}, so the row was not added; the zip is there.",
        hint="publish again later",
    )


def _published(hub: Storage, resource: Resource, *, new: bool) -> Published:
    return Published(
        resource, f"{hub.address}/{_archive(resource)}", f"{hub.address}/{_card_file(resource)}", new
    )
