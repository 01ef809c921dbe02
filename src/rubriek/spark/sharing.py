"""Weights that the Python workers of one executor share, instead of each having a copy."""

from __future__ import annotations

import logging
from pathlib import Path

from filelock import FileLock

from rubriek.engines.onnxruntime import OnnxRuntimeEngine
from rubriek.errors import ModelError
from rubriek.models.bundle import MODEL
from rubriek.models.staging import staged

log = logging.getLogger(__name__)


def shared(engine: OnnxRuntimeEngine, name: str) -> OnnxRuntimeEngine:
    """Return the engine over a form of its model that all workers of this executor map into their memory.

    The first worker that comes writes it, into Spark's own folder for files of this application, which Spark
    removes in the end; the others wait for it. Where it cannot be written, the engine stays as it is, and the
    worker's log says so.

    Parameters
    ----------
    engine : OnnxRuntimeEngine
        The engine of a model.
    name : str
        The same for equal models and settings, and for no others.

    Returns
    -------
    OnnxRuntimeEngine
    """
    from pyspark import SparkFiles

    folder = Path(SparkFiles.getRootDirectory()) / name
    try:
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                with staged(folder, mark=MODEL) as unfinished:
                    engine.pack(unfinished / MODEL)
    except (OSError, ModelError) as error:
        log.warning("every worker has its own copy of the weights, since they cannot be shared: %s", error)
        return engine
    return OnnxRuntimeEngine(
        folder / MODEL, precision=engine.precision, threads=engine.threads, weight_bits=engine.weight_bits
    )
