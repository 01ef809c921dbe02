"""Spark NLP's pipeline for BERT classifiers, drop-in: change the import, keep the code.

The same pipeline takes Spark DataFrames, pandas, Polars and Arrow tables, and, through LightPipeline,
strings. Names are Spark NLP's, in its camelCase.
"""

from __future__ import annotations
