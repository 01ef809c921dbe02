"""What a saved model or pipeline holds, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rubriek.sparknlp.formats.onnx_archive import Onnx

CLASSIFIER = "com.johnsnowlabs.nlp.annotators.classifier.dl.BertForSequenceClassification"
TOKENIZER = "com.johnsnowlabs.nlp.annotators.TokenizerModel"
PIPELINE = "org.apache.spark.ml.PipelineModel"
UNFITTED_PIPELINE = "org.apache.spark.ml.Pipeline"
PIPELINES = {
    PIPELINE: PIPELINE,
    UNFITTED_PIPELINE: UNFITTED_PIPELINE,
    "pyspark.ml.pipeline.PipelineModel": PIPELINE,
    "pyspark.ml.pipeline.Pipeline": UNFITTED_PIPELINE,
}
"""Classes of pipelines, those of Python too, and the JVM's name of each."""
"""PySpark saves a pipeline that holds another under its own name, in the same layout."""

SPARK_VERSION = "3.4.1"
"""Stated where we write: the layout is that of this version."""


@dataclass(frozen=True, slots=True)
class TokenRule:
    """A rule of a tokenizer: a regular expression in Java's dialect with a group for each token.

    Attributes
    ----------
    pattern : str
        The expression.
    flags : int, default 0
        Those of ``java.util.regex.Pattern``.
    """

    pattern: str
    flags: int = 0


@dataclass(frozen=True, kw_only=True)
class SavedStage:
    """A stage of a pipeline without a network, such as DocumentAssembler, TokenizerModel or Finisher.

    Attributes
    ----------
    class_name : str
        The JVM's name of its class.
    uid : str
        Its identifier, unique in the pipeline.
    params : dict of str to JSON values
        What was set, by Spark NLP's camelCase names.
    defaults : dict of str to JSON values
        The values of what was not set.
    rules : tuple of TokenRule, optional
        Only for TokenizerModel: the rules, tried in this order. They alone hold contextChars and the prefix,
        infix and suffix patterns. None where the stage has no rules.
    spark_version : str
        Of the Spark that saved it.
    """

    class_name: str
    uid: str
    params: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    rules: tuple[TokenRule, ...] | None = None
    spark_version: str = SPARK_VERSION

    def param(self, name: str, default: Any = None) -> Any:
        """Return a parameter's value: as set, else the saved default, else ``default``."""
        return self.params.get(name, self.defaults.get(name, default))


@dataclass(frozen=True, kw_only=True)
class SavedClassifier(SavedStage):
    """A saved BertForSequenceClassification with an ONNX network.

    Attributes
    ----------
    vocabulary : dict of str to int
        Word pieces and their ids, in the order of the ids.
    labels : dict of str to int
        Labels and the logits that they stand for, in the order of the logits.
    onnx : Path, bytes or OnnxArchive
        The network. One that was read is an `OnnxArchive`, which is not loaded before it is asked for: call
        its ``read()`` or ``copy(path)``.
    """

    class_name: str = CLASSIFIER
    vocabulary: dict[str, int]
    labels: dict[str, int]
    onnx: Onnx


@dataclass(frozen=True, kw_only=True)
class SavedPipeline:
    """A saved PipelineModel or Pipeline.

    Attributes
    ----------
    class_name : str
        The JVM's name of its class; a PipelineModel by default.
    uid : str
        Its identifier.
    stages : tuple
        Its stages in order; a pipeline may hold pipelines.
    spark_version : str
        Of the Spark that saved it.
    """

    class_name: str = PIPELINE
    uid: str
    stages: tuple[SavedStage | SavedPipeline, ...]
    spark_version: str = SPARK_VERSION


Saved: TypeAlias = SavedClassifier | SavedStage | SavedPipeline
