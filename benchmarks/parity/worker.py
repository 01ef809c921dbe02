"""Annotates texts in one setting after the other; runs in the environment of either.

Standard input: a JSON object with ``side`` ("theirs" or "ours"), ``texts``, ``model`` (a folder that Spark
NLP saved, or that rubriek exported), ``settings`` and ``output``: a folder that gets ``NUMBER.json`` for each
setting, a list with an object of annotation columns for each text.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.parity.settings import SETTINGS

PARTITIONS = 4
COLUMNS = ("document", "sentence", "token", "class")


def plain(annotations: Sequence[Any]) -> list[list[Any]]:
    """Annotations of either side as [begin, end, result, metadata]."""
    found = []
    for one in annotations:
        fields = one.asDict() if hasattr(one, "asDict") else one
        found.append([fields["begin"], fields["end"], fields["result"], dict(fields["metadata"])])
    return found


def theirs(stages: list[Any], texts: list[str | None], spark: Any) -> list[dict[str, Any]]:
    from pyspark.ml import Pipeline

    rows = spark.createDataFrame(list(enumerate(texts)), "id int, text string").repartition(PARTITIONS)
    model = Pipeline(stages=stages).fit(rows)
    found = sorted(model.transform(rows).collect(), key=lambda row: row["id"])
    return [{name: plain(row[name]) for name in COLUMNS if name in row} for row in found]


def ours(stages: list[Any], texts: list[str | None], _: Any) -> list[dict[str, Any]]:
    import pyarrow as pa

    from rubriek.sparknlp.base import Pipeline

    table = pa.table({"text": pa.array(texts, pa.string())})
    rows = Pipeline(stages=stages).fit(table).transform(table).to_pylist()
    return [{name: plain(row[name]) for name in COLUMNS if name in row} for row in rows]


def main() -> None:
    given = json.load(sys.stdin)
    real = given["side"] == "theirs"
    package = "sparknlp" if real else "rubriek.sparknlp"
    base, annotator = (importlib.import_module(f"{package}.{name}") for name in ("base", "annotator"))
    spark = None
    if real:
        from benchmarks.contenders.spark_nlp import session

        spark = session()
        spark.sparkContext.setLogLevel("OFF")
    for number, name in enumerate(given["settings"]):
        started = time.perf_counter()
        model = annotator.BertForSequenceClassification.load(given["model"])
        stages = SETTINGS[name](base, annotator, model)
        rows = (theirs if real else ours)(stages, given["texts"], spark)
        Path(given["output"], f"{number}.json").write_text(json.dumps(rows), encoding="utf-8")
        print(f"{package}, {name}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
