"""Where stages and pipelines come from: names, saved folders, exported folders."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from rubriek import settings
from rubriek.errors import TokenizerError
from rubriek.hub import local
from rubriek.hub.references import NLU, BareName, SparkNlpName, parse, spark_nlp_name
from rubriek.hub.resolving import fetched, original, resolve
from rubriek.models import checks
from rubriek.models.bundle import RECORD, Bundle
from rubriek.models.tokenizer_files import FILE_LIMIT

if TYPE_CHECKING:
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats import SavedClassifier
    from rubriek.sparknlp.stage import Stage

    StageType = TypeVar("StageType", bound=Stage)


def stage(kind: type[StageType], name: str, language: str | None, remote_loc: str | None = None) -> StageType:
    """Load a stage by its name in a hub. See `rubriek.hub.resolve`.

    Parameters
    ----------
    kind : type
        The class that it should be of.
    name : str
        As on the card.
    language : str, optional
        As on the card. Default: any, if it is in one only.
    remote_loc : str, optional
        The folder of the hub. Default: ``public/models``.

    Raises
    ------
    ModelNotFoundError
        If neither the cache nor the hub has it.
    """
    from rubriek.sparknlp.saving import load

    return load(fetched(spark_nlp_name(name, language, remote_loc)), kind)


def classifier(
    name: str, language: str | None, remote_loc: str | None = None
) -> BertForSequenceClassification:
    """Load a classifier: built in, in the cache or at a path, else by its name in a hub."""
    reference = parse(name)
    if isinstance(reference, SparkNlpName):
        return _of_hub(reference)
    bundle = local.here(name) if isinstance(reference, BareName) else resolve(reference)
    if bundle is None:
        name, language = NLU.get(name, (name, language))
        return _of_hub(spark_nlp_name(name, language, remote_loc))
    return _of_bundle(bundle)


def _of_hub(wanted: SparkNlpName) -> BertForSequenceClassification:
    """Load a classifier with the parameters that it was saved with."""
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats import SavedClassifier, read_saved
    from rubriek.sparknlp.saving import load, restored

    bundle = resolve(wanted)
    folder = original(wanted)
    if folder is None:  # removed by `rubriek models prune --originals`; the bundle remembers
        return _of_bundle(bundle, bundle.source.get("params") or {})
    content = read_saved(folder)
    if not isinstance(content, SavedClassifier):
        return load(folder, BertForSequenceClassification)  # says what it is instead
    made: BertForSequenceClassification = restored(content, bundle)
    return made


def _of_bundle(
    bundle: Bundle, params: Mapping[str, Any] = MappingProxyType({})
) -> BertForSequenceClassification:
    """Make a stage of a bundle; its length and casing are the bundle's."""
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification

    made = BertForSequenceClassification.of(bundle)
    made._set(**{name: value for name, value in params.items() if made.hasParam(name)})
    made.setMaxSentenceLength(min(bundle.max_length, 512))
    return made._set(caseSensitive=case_sensitive(bundle))


def case_sensitive(bundle: Bundle) -> bool:
    """Whether case counts for a model, as its own tokenizer says."""
    from rubriek.models.sparknlp_export import lowercases

    content = checks.read_object(bundle.tokenizer_file, error=TokenizerError, limit=FILE_LIMIT).values
    return not lowercases(content.get("normalizer"))


def exported(folder: str) -> BertForSequenceClassification:
    """Load an exported model. See `BertForSequenceClassification.loadSavedModel`."""
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats.exported import read_exported
    from rubriek.sparknlp.saving import local as local_path

    made = BertForSequenceClassification()
    content = read_exported(local_path(folder), uid=made.uid)
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
