"""The JVM's names of stages, and the classes here that they stand for.

What is saved carries the JVM's names, so that Spark NLP loads it. ``pyspark.ml.PipelineModel.load`` takes
such a name for that of a Python class and imports it, which is why Spark NLP's own package brings a second
top-level package, ``com``. Here the same modules are made in memory, unless Spark NLP is installed.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

MODULES = (
    "com.johnsnowlabs.nlp",
    "com.johnsnowlabs.nlp.annotators",
    "com.johnsnowlabs.nlp.annotators.classifier.dl",
    "com.johnsnowlabs.nlp.annotators.sbd.pragmatic",
)


def stages() -> dict[str, Any]:
    """Return the classes of stages by the JVM's names."""
    from rubriek.sparknlp import annotator, base

    found = [value for module in (base, annotator) for value in vars(module).values()]
    return {kind.JVM_CLASS: kind for kind in found if isinstance(kind, type) and hasattr(kind, "JVM_CLASS")}


def make_importable() -> None:
    """Make the JVM's names importable as Python names, where that is of use and harms nobody."""
    if find_spec("pyspark") is not None and find_spec("com") is None:
        for name in MODULES:
            sys.modules.setdefault(name, _Module(name, __doc__))


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        try:
            return stages()[f"{self.__name__}.{name}"]
        except KeyError:
            raise AttributeError(f"rubriek has no stage {self.__name__}.{name}") from None
