"""Ways to classify a Parquet folder on Spark (or beside it), each a module, run in a process of its own."""

from __future__ import annotations
