"""Where stages and pipelines come from: names, files of the hub, exported folders.

The hub is where the environment variable ``RUBRIEK_HUB`` says: the address of a web server or a folder, laid
out as Spark NLP's Models Hub: ``public/models/metadata.json`` and ``public/models/FILE.zip``. What was
fetched once stays in the cache, and the hub is not asked for it again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from rubriek import settings
from rubriek.errors import ModelError, ModelNotFoundError
from rubriek.hub.catalogue import Resource, choose, read_catalogue
from rubriek.models import checks
from rubriek.models.bundle import NAME, RECORD, Bundle

if TYPE_CHECKING:
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats import SavedClassifier
    from rubriek.sparknlp.stage import Stage

    StageType = TypeVar("StageType", bound=Stage)

log = logging.getLogger(__name__)

PUBLIC = "public/models"
CATALOGUE = "metadata.json"
SECONDS = 60
LONGEST_LINE = 1 << 20
LANGUAGE = re.compile(r"[A-Za-z-]{0,20}")
KNOWN = (
    Resource(
        "bert_classifier_dutch_news_clf_finetuned",
        "nl",
        (5, 1, 4),
        (3, 4),
        datetime.fromtimestamp(1698789540.127, UTC),
    ),
)
"""What is known from model cards where the hub has no catalogue."""


def stage(kind: type[StageType], name: str, language: str, remote_loc: str | None = None) -> StageType:
    """Load a stage by its name.

    Parameters
    ----------
    kind : type
        The class that it should be of.
    name, language : str
        As on the card.
    remote_loc : str, optional
        The folder of the hub. Default: ``public/models``.

    Raises
    ------
    ModelNotFoundError
        If neither the cache nor the hub has it.
    """
    from rubriek.sparknlp.saving import load

    return load(fetched(name, language, remote_loc), kind)


def classifier(name: str, language: str, remote_loc: str | None) -> BertForSequenceClassification:
    """Load a classifier by its name. See `BertForSequenceClassification.pretrained`."""
    from rubriek.hub import resolve
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification

    try:
        bundle = resolve(name)
    except ModelNotFoundError as error:
        if not NAME.fullmatch(name):
            raise
        try:
            return stage(BertForSequenceClassification, name, language, remote_loc)
        except ModelNotFoundError as of_hub:
            raise ModelNotFoundError(
                of_hub.message, expected=error.expected, found=of_hub.found, hint=of_hub.hint or error.hint
            ) from error
    made = BertForSequenceClassification.of(bundle).setMaxSentenceLength(min(bundle.max_length, 512))
    return made._set(caseSensitive=case_sensitive(bundle))


def case_sensitive(bundle: Bundle) -> bool:
    """Whether case counts for a model, as its own tokenizer says."""
    from rubriek.models.sparknlp_export import lowercases

    content = json.loads(bundle.tokenizer_file.read_text(encoding="utf-8"))
    return not lowercases(content.get("normalizer"))


def exported(folder: str) -> BertForSequenceClassification:
    """Load an exported model. See `BertForSequenceClassification.loadSavedModel`."""
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats.exported import read_exported
    from rubriek.sparknlp.saving import local

    made = BertForSequenceClassification()
    content = read_exported(local(folder), uid=made.uid)
    made.bundle = bundle_of(content)
    return made


def bundle_of(content: SavedClassifier) -> Bundle:
    """Import what was read into the cache, once for each content.

    Parameters
    ----------
    content : SavedClassifier
        A classifier saved by Spark NLP or exported for it.

    Returns
    -------
    Bundle
    """
    from rubriek.models.sparknlp import import_sparknlp
    from rubriek.sparknlp.formats import OnnxArchive

    with tempfile.TemporaryDirectory() as folder:
        network = content.onnx
        if not isinstance(network, Path):
            network = Path(folder, "model.onnx")
            if isinstance(content.onnx, OnnxArchive):
                content.onnx.copy(network)
            elif isinstance(content.onnx, bytes):
                network.write_bytes(content.onnx)
        name = f"sparknlp-{_key(content, network)}"
        target = settings.cache_folder() / "models" / name
        if (target / RECORD).is_file():
            return Bundle.open(target)
        return import_sparknlp(replace(content, onnx=network), target, name=name, overwrite=True)


def _key(content: SavedClassifier, network: Path) -> str:
    described: Any = [list(content.labels.items()), list(content.vocabulary.items()), content.params]
    return hashlib.sha256(f"{checks.sha256(network)} {described!r}".encode()).hexdigest()[:16]


def fetched(name: str, language: str, remote_loc: str | None = None) -> Path:
    """Return the file of a name: from the cache, else from the hub.

    Raises
    ------
    ModelNotFoundError
        If neither has it.
    ModelError
        If it cannot be fetched, or its checksum is wrong.
    """
    if not (NAME.fullmatch(name) and LANGUAGE.fullmatch(language)):
        raise ModelNotFoundError(
            f"There can be no model {name!r} for the language {language!r}.",
            expected="a name of letters, digits, '.', '_' and '-', and a language such as 'nl'",
        )
    home = settings.cache_folder() / "pretrained"
    place = (remote_loc or PUBLIC).strip("/")
    cached = sorted(home.glob(f"{name}_{language}_*")) if home.is_dir() else []
    hub = None if settings.offline() else os.environ.get("RUBRIEK_HUB")
    if cached:
        return cached[-1]
    if not hub:
        raise ModelNotFoundError(
            f"There is no model {name!r} for the language {language!r} here, and no hub to ask.",
            hint="set RUBRIEK_HUB to the address of a hub, or give the path of a downloaded zip or folder "
            "to load(path)",
        )
    resource = choose(_catalogue(hub, place), name, language or None)
    if resource is None:
        raise ModelNotFoundError(
            f"The hub has no model {name!r} for the language {language!r}.", found=f"hub {hub}"
        )
    return _download(hub, place, resource, home)


def _catalogue(hub: str, place: str) -> list[Resource]:
    try:
        with _opened(hub, f"{place}/{CATALOGUE}") as stream:
            return read_catalogue(_lines(stream))
    except ModelNotFoundError:
        return list(KNOWN)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE):
        yield line.decode("utf-8", "replace")


def _download(hub: str, place: str, resource: Resource, home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    target = home / resource.file
    log.info("fetching %s from %s", resource.file, hub)
    digest = hashlib.md5(usedforsecurity=False)
    with tempfile.NamedTemporaryFile(dir=home, prefix=".", suffix=".part", delete=False) as partial:
        try:
            with _opened(hub, f"{place}/{resource.file}") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
                    partial.write(block)
            partial.flush()
            os.fsync(partial.fileno())
            if resource.checksum and digest.hexdigest().upper() != resource.checksum.upper():
                raise ModelError(
                    f"What the hub gave for {resource.file} is damaged.",
                    expected=f"MD5 {resource.checksum}",
                    found=digest.hexdigest().upper(),
                    hint="try again",
                )
            Path(partial.name).rename(target)
        except BaseException:
            Path(partial.name).unlink(missing_ok=True)
            raise
    return target


@contextmanager
def _opened(hub: str, path: str) -> Iterator[IO[bytes]]:
    if "://" not in hub or hub.startswith("file:"):
        file = Path(hub.removeprefix("file://").removeprefix("file:")) / path
        if not file.is_file():
            raise ModelNotFoundError(f"The hub has no file {path}.", found=f"hub {hub}")
        with file.open("rb") as stream:
            yield stream
        return
    address = f"{hub.rstrip('/')}/{urllib.parse.quote(path)}"
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise ModelError(f"This is no address of a hub: {hub}.", expected="http://, https:// or a folder")
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as stream:
            yield stream
    except urllib.error.HTTPError as error:
        if error.code in (403, 404):
            raise ModelNotFoundError(f"The hub has no file {path}.", found=f"hub {hub}") from error
        raise ModelError(f"The hub does not answer as it should: {address}.", found=str(error)) from error
    except OSError as error:
        raise ModelError(
            f"The hub cannot be reached: {address}.",
            found=str(error),
            hint="what is in the cache needs no hub; load(path) needs none either",
        ) from error
