"""Who is compared on Spark, and on which model."""

from __future__ import annotations

from benchmarks.contenders import Contender

MASTER = "local[2]"
FP32, INT8 = "rubriek.spark fp32", "rubriek.spark int8"
PREDICT_BATCH = "predict_batch_udf, ONNX Runtime fp32"
RECIPE = "transformers in a pandas UDF, fp32, batch {}"
SPARK_NLP, SPARK_NLP_AS_IT_COMES = "Spark NLP, 1 thread", "Spark NLP as it comes, 6 threads"
LOCAL, ON_SPARK, ON_ONE_CORE = "Classifier, without Spark", "rubriek.spark", "rubriek.spark, local[1]"
RECIPE_SIZES = (8, 32)
PREDICT_BATCH_SIZE = 1
"""Its best on texts of mixed lengths, where larger batches pad in vain: 3 times as quick as 8 here."""
SPARK_NLP_THREADS = {SPARK_NLP: 1, SPARK_NLP_AS_IT_COMES: 6}
"""Intra-op threads of the session that its tasks share: its best on two cores, and its default on any."""

BESIDE_PEERS = (
    *(
        Contender(
            name,
            "spark.spark_nlp_on_rows",
            "onnx",
            "sparknlp",
            {"threads": str(threads)},
            ("java", "sparknlp", "transformers"),
        )
        for name, threads in SPARK_NLP_THREADS.items()
    ),
    *(
        Contender(
            RECIPE.format(size),
            "spark.transformers_in_pandas_udf",
            "huggingface",
            "transformers",
            {"master": MASTER, "batch_size": str(size)},
            ("java", "transformers", "transformers on spark"),
        )
        for size in RECIPE_SIZES
    ),
    Contender(
        PREDICT_BATCH,
        "spark.predict_batch",
        "onnx",
        options={"master": MASTER, "batch_size": str(PREDICT_BATCH_SIZE)},
        needs=("java", "transformers"),
    ),
    Contender(FP32, "spark.rubriek_on_spark", "fp32", options={"master": MASTER}, needs=("java",)),
    Contender(INT8, "spark.rubriek_on_spark", "int8", options={"master": MASTER}, needs=("java",)),
)
"""On the model of BERT-base size, over mixed texts."""

BESIDE_ITSELF = (
    Contender(LOCAL, "spark.rubriek_local", "int8"),
    Contender(ON_SPARK, "spark.rubriek_on_spark", "int8", options={"master": MASTER}, needs=("java",)),
)
"""On nl-news, over headlines: what Spark adds."""

SCALE = (
    Contender(ON_ONE_CORE, "spark.rubriek_on_spark", "int8", options={"master": "local[1]"}, needs=("java",)),
    Contender(ON_SPARK, "spark.rubriek_on_spark", "int8", options={"master": MASTER}, needs=("java",)),
)
"""On nl-news, over headlines: what the model of scale is fitted to."""
