"""Exports a bundle so that Spark NLP loads it."""

from __future__ import annotations

import json
import secrets
import warnings
from pathlib import Path
from typing import Any

from rubriek.errors import RubriekWarning, UnsupportedModelError, need
from rubriek.models import checks
from rubriek.models.bundle import Bundle
from rubriek.models.sparknlp import DEFAULTS, FORMAT
from rubriek.models.tokenizer_files import FILE_LIMIT, KINDS
from rubriek.sparknlp.formats import SavedClassifier, write_saved, write_saved_zip

UID = "BERT_FOR_SEQUENCE_CLASSIFICATION"
MOST_LENGTH = 512
"""Spark NLP's own limit on maxSentenceLength."""


def export_sparknlp(bundle: Bundle, target: Path | str, *, overwrite: bool = False) -> Path:
    """Write a bundle as a saved BertForSequenceClassification of Spark NLP.

    Load it there with ``BertForSequenceClassification.load(folder)``, or place it in the cache folder under a
    name of the Models Hub.

    Parameters
    ----------
    bundle : Bundle
        The model.
    target : path
        The folder to make; a zip where the name ends in ``.zip``.
    overwrite : bool, default False
        Replace a saved model that is there.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    UnsupportedModelError
        If Spark NLP has no such models: a regression, a tokenizer that is not WordPiece, thresholds that
        differ, a graph with newer operators than it runs.
    ModelError
        If something is at the target, or nothing can be written there.
    """
    target = Path(target)
    saved = saved_classifier(bundle)
    if target.suffix == ".zip":
        write_saved_zip(saved, target, overwrite=overwrite)
    else:
        write_saved(saved, target, overwrite=overwrite)
    return target


def saved_classifier(
    bundle: Bundle, params: dict[str, Any] | None = None, *, uid: str | None = None
) -> SavedClassifier:
    """Make of a bundle what `write_saved` writes.

    Parameters
    ----------
    bundle : Bundle
        The model.
    params : dict of str to JSON values, optional
        Parameters of the stage that override those that follow from the bundle.
    uid : str, optional
        The identifier of the stage; a new one by default.

    Returns
    -------
    SavedClassifier

    Raises
    ------
    UnsupportedModelError
        See `export_sparknlp`.
    MissingExtraError
        If the package ``onnx`` is not installed.
    """
    need("onnx", extra="models", purpose="Exporting a model")
    from rubriek.models.onnx_portable import portable

    if bundle.problem_type == "regression":
        raise UnsupportedModelError(
            "Spark NLP has no regression with BertForSequenceClassification.",
            found=f"the model {bundle.name}",
        )
    tokenizer = checks.read_object(bundle.tokenizer_file, error=UnsupportedModelError, limit=FILE_LIMIT)
    _warn_of_padding(bundle)
    _warn_of_side(bundle)
    return SavedClassifier(
        uid=uid or f"{UID}_{secrets.token_hex(6)}",
        params={**_params(bundle, tokenizer.values), **(params or {})},
        defaults=dict(DEFAULTS),
        vocabulary=_vocabulary(bundle, tokenizer.values),
        labels={label: number for number, label in enumerate(bundle.labels)},
        onnx=portable(bundle.model_file).SerializeToString(),
    )


def _params(bundle: Bundle, tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Parameters that a bundle stands for; where it came from Spark NLP, its own beneath them."""
    kept = bundle.source.get("params", {}) if bundle.source.get("format") == FORMAT else {}
    params = {
        "inputCols": ["document", "token"],
        "outputCol": "class",
        **kept,
        "engine": "onnx",
        "maxSentenceLength": min(bundle.max_length, MOST_LENGTH),
        "caseSensitive": not lowercases(tokenizer.get("normalizer")),
    }
    if bundle.problem_type == "multi_label_classification":
        params |= {"activation": "sigmoid", "multilabel": True, "threshold": _threshold(bundle)}
    return params


def _threshold(bundle: Bundle) -> float:
    if isinstance(bundle.threshold, float | int):
        return float(bundle.threshold)
    if len(set(bundle.threshold)) > 1:
        raise UnsupportedModelError(
            "Spark NLP has one threshold for all labels.", found=f"several in {bundle.name}"
        )
    return bundle.threshold[0]


def lowercases(normalizer: Any) -> bool:
    """Tell whether a tokenizer.json's normalizer lowercases."""
    match normalizer:
        case {"type": "BertNormalizer", "lowercase": bool() as lowercase}:
            return lowercase
        case {"type": "Lowercase"}:
            return True
        case {"type": "Sequence", "normalizers": list() as parts}:
            return any(map(lowercases, parts))
    return False


def _vocabulary(bundle: Bundle, tokenizer: dict[str, Any]) -> dict[str, int]:
    match tokenizer:
        case {"model": {"type": "WordPiece", "vocab": dict() as pieces, "continuing_subword_prefix": "##"}}:
            vocabulary = {
                **pieces,
                **{one["content"]: one["id"] for one in tokenizer.get("added_tokens", [])},
            }
        case _:
            raise UnsupportedModelError(
                "Spark NLP's BertForSequenceClassification takes only WordPiece vocabularies.",
                expected="a tokenizer.json with the model WordPiece and the prefix ##",
                found=checks.shown(json.dumps(tokenizer.get("model", {}).get("type"))),
            )
    by_id = {number: piece for piece, number in vocabulary.items()}
    # Spark NLP looks these up by BERT's own names.
    names = {getattr(bundle, f"{kind}_id"): KINDS[kind] for kind in ("pad", "unk", "cls", "sep")}
    taken = [name for number, name in names.items() if vocabulary.get(name, number) != number]
    if taken:
        raise UnsupportedModelError(
            "The special tokens have names that Spark NLP cannot find.",
            expected=", ".join(f"{name} with id {number}" for number, name in names.items()),
            found=", ".join(f"{name} with id {vocabulary[name]}" for name in taken),
        )
    return {names.get(number, by_id[number]): number for number in sorted(by_id)}


def _warn_of_side(bundle: Bundle) -> None:
    if bundle.truncation_side == "left":
        warnings.warn(
            f"{bundle.name} keeps the last pieces of a long text. Spark NLP keeps the first ones, so it will "
            "give other scores than rubriek for such texts",
            RubriekWarning,
            stacklevel=3,
        )


def _warn_of_padding(bundle: Bundle) -> None:
    if bundle.pad_id != 0:
        warnings.warn(
            f"{bundle.name} has [PAD] at id {bundle.pad_id}. Spark NLP pads with id 0 and masks every piece "
            "with id 0, so it will give other scores than rubriek for texts that hold that piece",
            RubriekWarning,
            stacklevel=3,
        )
