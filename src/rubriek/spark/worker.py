"""Inside one of Spark's Python workers: the model, opened once for the process and kept across tasks."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rubriek.classifier import Classifier
from rubriek.engines import open_engine
from rubriek.engines.onnxruntime import OnnxRuntimeEngine
from rubriek.models.bundle import Bundle
from rubriek.spark.distribution import fingerprint
from rubriek.spark.sharing import shared

if TYPE_CHECKING:
    from rubriek.engines import Engine, Precision
    from rubriek.options import Options
    from rubriek.spark.distribution import Placed


def task_threads() -> int | None:
    """Count the cores that Spark gives the task at hand; None outside of a task.

    An executor runs at most its cores divided by ``spark.task.cpus`` (or what the ResourceProfile says)
    tasks at once, so that engines with as many threads never use more cores than the executor has.
    """
    pyspark = sys.modules.get("pyspark")  # where it is not loaded there is no task either
    task = pyspark.TaskContext.get() if pyspark is not None else None
    return None if task is None else int(task.cpus())


@lru_cache(maxsize=8)
def bundle(model: Placed) -> Bundle:
    """Open a model that was sent, its checksums compared, once for this process."""
    return model.open()


@lru_cache(maxsize=8)
def open_once(folder: Path, engine: str | None, precision: Precision | None, threads: int | None) -> Engine:
    """Open the engine of the model in a folder, once for this process; in a task, share its weights."""
    opened = open_engine(Bundle.open(folder), engine=engine, precision=precision, threads=threads)
    if threads is None or not isinstance(opened, OnnxRuntimeEngine):
        return opened
    return shared(opened, f"rubriek-weights-{fingerprint(folder)[:32]}")


@lru_cache(maxsize=8)
def _classifier(
    model: Placed,
    engine: str | None,
    precision: Precision | None,
    options: Options,
    threads: int | None,
) -> Classifier:
    found = bundle(model)
    return Classifier(found, open_once(found.folder, engine, precision, threads), options)


def classifier(
    model: Placed, engine: str | None, precision: Precision | None, options: Options
) -> Classifier:
    """Return this process's classifier for a model and the cores of the task at hand.

    Parameters
    ----------
    model : Placed
        The model.
    engine, precision : str, optional
        As for `rubriek.load`.
    options : Options
        Its options.

    Returns
    -------
    Classifier
    """
    return _classifier(model, engine, precision, options, task_threads())
