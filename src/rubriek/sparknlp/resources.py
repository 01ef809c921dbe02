"""Where stages and pipelines come from: names, cached files, exported folders."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rubriek import settings
from rubriek.models import checks
from rubriek.models.bundle import RECORD, Bundle

if TYPE_CHECKING:
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats import SavedClassifier


def exported(folder: str) -> BertForSequenceClassification:
    """Load an exported model. See `BertForSequenceClassification.loadSavedModel`."""
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats.exported import read_exported
    from rubriek.sparknlp.saving import local

    stage = BertForSequenceClassification()
    content = read_exported(local(folder), uid=stage.uid)
    stage.bundle = bundle_of(content)
    return stage


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
