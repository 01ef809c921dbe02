"""On Spark: one pass over the rows, one model in each Python worker, the scores of everywhere else.

Nothing but public PySpark is used, of the DataFrame API that classic Spark and Spark Connect share.
"""

from __future__ import annotations

from rubriek.spark.classification import classify
from rubriek.spark.functions import register

__all__ = ["classify", "register"]
