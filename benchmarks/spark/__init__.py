"""rubriek on Spark beside its peers on Spark: ``scripts/bench --spark`` or ``python -m benchmarks.spark``."""

from __future__ import annotations
