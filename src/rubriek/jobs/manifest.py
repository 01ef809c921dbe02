"""What a job was asked for, as JSON values: kept beside its results, and compared when it is asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rubriek
from rubriek import strict_json
from rubriek.errors import JobError
from rubriek.models.checks import sha256

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.jobs.job import Job


def of_job(job: Job, classifier: Classifier) -> dict[str, Any]:
    """Gather all that the rows of an output depend on; places and threads are not of it."""
    path = job.source.path
    return {
        "rubriek": rubriek.__version__,
        "input": {"size": path.stat().st_size, "sha256": sha256(path), "format": job.source.format},
        "on_error": job.on_error,
        # Left out where it is the default, so that jobs that were begun before there was a choice go on.
        **({} if job.scores == "all" else {"scores": job.scores}),
        **({} if job.source.encoding in (None, "utf-8") else {"encoding": job.source.encoding}),
        **settings(classifier, job.text_columns, job.prefix, job.options),
    }


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


def read_record(file: Path) -> dict[str, Any]:
    """Read JSON that a job has kept.

    Raises
    ------
    JobError
        If it is damaged.
    """
    try:
        record = strict_json.parse(file.read_bytes())
    except ValueError as error:
        raise damaged(file, error) from error
    if not isinstance(record, dict):
        raise damaged(file, "it holds no object")
    return record


def damaged(file: Path, why: object) -> JobError:
    """Return the error about a file of a job that is not what was written."""
    return JobError(f"{file} is damaged: {why}.", hint="start anew with --restart")


def check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with a job that was asked for differently.

    Raises
    ------
    JobError
        With what differs.
    """
    if differing := differences(before, now):
        raise JobError(
            f"{folder} holds an unfinished job that was started differently.",
            expected=differing[0],
            found=differing[1],
            hint="run the first command again to finish it, or start anew with --restart",
        )


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
