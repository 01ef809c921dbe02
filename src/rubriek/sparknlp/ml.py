"""The classes that stages build on: those of ``pyspark.ml`` where it is installed, else stand-ins.

With pyspark, a stage has to *be* a ``pyspark.ml`` Transformer or Estimator, so that it works inside
``pyspark.ml.Pipeline`` next to foreign stages: pyspark asks ``isinstance``. Without pyspark, the same stage
has to work on pandas, Polars and Arrow. So its base classes are chosen here, once, when this module is
imported; everything above is written against what both have in common. Choosing later (when a Spark
DataFrame comes) would mean changing the bases of a class that already has instances. The price is a second
for importing ``pyspark.ml``, where it is installed, by whoever imports ``rubriek.sparknlp``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("pyspark") is None:
    from rubriek.sparknlp.plain_ml import (
        Estimator,
        MLReadable,
        MLWritable,
        Model,
        Param,
        Params,
        Transformer,
        TypeConverters,
    )
else:
    from pyspark.ml import Estimator, Model, Transformer
    from pyspark.ml.param import Param, Params, TypeConverters
    from pyspark.ml.util import MLReadable, MLWritable

__all__ = [
    "Estimator",
    "MLReadable",
    "MLWritable",
    "Model",
    "Param",
    "Params",
    "Transformer",
    "TypeConverters",
]
