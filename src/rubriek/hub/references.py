"""What a model is asked for by: a text becomes a reference, whose kind says where to look."""

from __future__ import annotations

import os
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rubriek.errors import ModelNotFoundError
from rubriek.models.checks import is_text
from rubriek.models.record import NAME

PUBLIC = "public/models"
"""The folder of a hub that is looked in unless another is named: Spark NLP's ``remote_loc``."""

NLU = {"nl.classify.bert.news.finetuned": ("bert_classifier_dutch_news_clf_finetuned", "nl")}
"""References of NLU: the name and language of a model."""

FORMS = (
    "a name, a path, sparknlp://LANGUAGE/NAME, hf://OWNER/NAME[@REVISION], or a zip's or folder's address: "
    "https://, s3://, gs:// or file://"
)

LANGUAGE = re.compile(r"[A-Za-z-]{0,20}")
PLACE = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
REPOSITORY = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A path on this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class BareName:
    """A name: of a built-in model, a bundle in the cache, a folder here, or a model of the hub."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class SparkNlpName:
    """A model of a hub: Spark NLP's name, language and remote_loc. Without a language: of any."""

    name: str
    language: str | None = None
    place: str = PUBLIC

    def __str__(self) -> str:
        place = "" if self.place == PUBLIC else f"{self.place}/"
        return f"sparknlp://{place}{self.language or ''}/{self.name}"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of Hugging Face."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hf://{self.name}" + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a zip or a folder."""

    url: str

    def __str__(self) -> str:
        return self.url


Reference: TypeAlias = LocalPath | BareName | SparkNlpName | Repository | Address


def parse(ref: str | Path | Reference) -> Reference:
    """Tell what kind of reference a text is. Nothing is looked up.

    Parameters
    ----------
    ref : str, path or Reference
        See `rubriek.hub.resolve`.

    Returns
    -------
    Reference

    Raises
    ------
    ModelNotFoundError
        If no model can be called so.

    Examples
    --------
    >>> parse("sparknlp://nl/bert_classifier_dutch_news_clf_finetuned")
    SparkNlpName(name='bert_classifier_dutch_news_clf_finetuned', language='nl', place='public/models')
    >>> parse("hf://GroNLP/bert-base-dutch-cased@main")
    Repository(name='GroNLP/bert-base-dutch-cased', revision='main')
    """
    if isinstance(ref, os.PathLike):
        return LocalPath(Path(ref))
    if isinstance(ref, Reference):
        return ref
    if not isinstance(ref, str) or not ref.strip():
        raise ModelNotFoundError("Which model?", expected=FORMS, found=repr(ref))
    scheme, separator, rest = ref.partition("://")
    scheme = scheme.lower()
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        return BareName(ref) if NAME.fullmatch(ref) else LocalPath(Path(ref))
    if scheme == "file":
        return LocalPath(Path(urllib.request.url2pathname(urllib.parse.urlsplit(ref).path)))
    if scheme == "sparknlp":
        place, _, name = rest.rpartition("/")
        place, _, language = place.rpartition("/")
        return spark_nlp_name(name, language or None, place or None)
    if scheme == "hf" and (found := REPOSITORY.fullmatch(rest.rstrip("/"))):
        return Repository(found["name"], found["revision"])
    if scheme in ("http", "https", "s3", "gs", "gcs") and rest.strip("/") and is_text(rest):
        return Address(f"{'gs' if scheme == 'gcs' else scheme}://{rest}")
    raise ModelNotFoundError(f"No model can be called {ref!r}.", expected=FORMS)


def spark_nlp_name(name: str, language: str | None, place: str | None = None) -> SparkNlpName:
    """Make a reference of what Spark NLP's ``pretrained`` takes.

    Raises
    ------
    ModelNotFoundError
        If no model can be called so.
    """
    place = (place or PUBLIC).strip("/")
    if not (NAME.fullmatch(name) and LANGUAGE.fullmatch(language or "") and PLACE.fullmatch(place)):
        raise ModelNotFoundError(
            f"There can be no model {name!r} for the language {language!r}.",
            expected="a name of letters, digits, '.', '_' and '-', a language such as 'nl', and, for models "
            "that are elsewhere, a folder such as 'clinical/models' or '@name'",
        )
    return SparkNlpName(name, language or None, place)
