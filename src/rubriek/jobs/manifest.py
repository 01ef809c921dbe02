"""What a job was asked for, as JSON values: kept beside its results, and compared when it is asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rubriek.classifier import Classifier


def settings(
    classifier: Classifier, text_columns: Sequence[str], prefix: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Gather what results depend on beside the rows; places and threads are not of it."""
    bundle, engine = classifier.bundle, classifier.engine
    return {
        "text_columns": list(text_columns),
        "prefix": prefix,
        "options": dict(options),
        "model": {
            "name": bundle.name,
            "checksums": bundle.checksums,
            "labels": list(bundle.labels),
            "max_length": bundle.max_length,
            "truncation_side": bundle.truncation_side,
            "threshold": bundle.threshold,
        },
        "engine": {"name": engine.name, "precision": engine.precision},
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say in what two manifests differ: what was asked for before, and what is asked for now.

    Examples
    --------
    >>> differences({"model": {"name": "a"}, "prefix": ""}, {"model": {"name": "b"}, "prefix": ""})
    ('model.name "a"', 'model.name "b"')
    >>> differences({"prefix": ""}, {"prefix": ""}) is None
    True
    """
    old, new = _flat(before), _flat(json.loads(json.dumps(now)))
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if not differing:
        return None
    shown = ("; ".join(f"{name} {_shown(values.get(name))}" for name in differing) for values in (old, new))
    return next(shown), next(shown)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:20] + "..."
