"""Spark NLP's pipeline for BERT classifiers, drop-in: change the import, keep the code.

The same pipeline takes Spark DataFrames, pandas, Polars and Arrow tables, and, through LightPipeline,
strings. Names are Spark NLP's, in its camelCase.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from rubriek.errors import need


def version() -> str:
    """Return the version of rubriek.

    Examples
    --------
    >>> from rubriek import sparknlp
    >>> sparknlp.version().count(".")
    2
    """
    import rubriek

    return rubriek.__version__


def start(
    gpu: bool = False,
    apple_silicon: bool = False,
    aarch64: bool = False,
    memory: str = "16G",
    cache_folder: str = "",
    log_folder: str = "",
    cluster_tmp_dir: str = "",
    params: dict[str, str] | None = None,
    real_time_output: bool = False,
    output_level: int = 1,
) -> Any:
    """Start Spark on this machine, or return the session that runs.

    No jar and no package of Spark NLP is needed, so that what chose between them is accepted and not used.

    Parameters
    ----------
    gpu, apple_silicon, aarch64, cache_folder, log_folder, cluster_tmp_dir, real_time_output, output_level
        Accepted, not used. Models are cached where ``RUBRIEK_CACHE`` says.
    memory : str, default "16G"
        The most memory of the driver; Spark takes it only as it is needed.
    params : dict of str to str, optional
        Further settings of Spark.

    Returns
    -------
    pyspark.sql.SparkSession

    Raises
    ------
    MissingExtraError
        If pyspark is not installed.
    """
    sql = need("pyspark.sql", extra="spark", purpose="Starting Spark")
    # Spark's workers are on this machine; they have to run this Python, not whatever "python3" is.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = sql.SparkSession.builder.appName("rubriek").master("local[*]")
    builder = builder.config("spark.driver.memory", memory)
    for name, value in (params or {}).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
