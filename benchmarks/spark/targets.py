"""What the project promised to reach on Spark, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.spark.contenders import FP32, INT8, RECIPE, RECIPE_SIZES, SPARK_NLP, SPARK_NLP_AS_IT_COMES
from benchmarks.spark.results import SparkRun
from benchmarks.targets import Target, ratio

MOST_OVERHEAD = 0.10
MOST_PSS = 350e6


def targets(run: SparkRun) -> list[Target]:
    return list(_targets(run))


def _targets(run: SparkRun) -> Iterator[Target]:
    fp32, int8 = run.find(FP32), run.find(INT8)
    recipe = run.best([RECIPE.format(size) for size in RECIPE_SIZES])
    yield ratio("rubriek fp32 >= 2 x the best recipe of transformers in a pandas UDF", fp32, recipe, 2)
    yield ratio("rubriek int8 >= 5 x the best recipe of transformers in a pandas UDF", int8, recipe, 5)
    for name in (SPARK_NLP_AS_IT_COMES, SPARK_NLP):
        yield ratio(f"rubriek fp32 >= 2.5 x {name}", fp32, run.find(name), 2.5)
        yield ratio(f"rubriek int8 >= 6 x {name}", int8, run.find(name), 6)
    promise = f"Spark adds <= 10 % to the local Classifier over {run.headlines:,} headlines"
    if (overhead := run.overhead) is None:
        yield Target(promise, "not measured", None)
    else:
        yield Target(promise, f"{overhead:+.1%}", overhead <= MOST_OVERHEAD)
    promise = "PSS of a worker < 350 MB, int8 of BERT-base size"
    if int8 is None or not int8.worker_pss:
        yield Target(promise, "not measured", None)
    else:
        most = max(int8.worker_pss)
        yield Target(promise, f"{most / 1e6:,.0f} MB", most < MOST_PSS)
