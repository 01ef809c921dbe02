"""Finisher: from annotations to plain strings, the last stage of a pipeline."""

from __future__ import annotations

from typing import Any, Self

import pyarrow as pa

from rubriek.errors import PipelineError
from rubriek.sparknlp.annotation_columns import AnnotationColumn
from rubriek.sparknlp.ml import TypeConverters as Convert
from rubriek.sparknlp.rows import Plan, Rows
from rubriek.sparknlp.stage import LocalTransformer, parameter

METADATA = pa.list_(pa.struct([pa.field("_1", pa.string()), pa.field("_2", pa.string())]))


class Finisher(LocalTransformer):
    """Turn columns of annotations into lists of strings, or strings.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from rubriek.sparknlp.base import DocumentAssembler, Pipeline
    >>> from rubriek.sparknlp.annotator import Tokenizer
    >>> stages = [DocumentAssembler().setInputCol("text"), Tokenizer(), Finisher().setInputCols("token")]
    >>> data = pa.table({"text": ["Ik hou van nieuws"]})
    >>> Pipeline(stages=stages).fit(data).transform(data).to_pylist()
    [{'text': 'Ik hou van nieuws', 'finished_token': ['Ik', 'hou', 'van', 'nieuws']}]
    """

    UID_PREFIX = "finisher"
    JVM_CLASS = "com.johnsnowlabs.nlp.Finisher"

    inputCols = parameter("inputCols", "the columns of annotations it reads", Convert.toListString)
    outputCols = parameter("outputCols", "the columns it makes", Convert.toListString)
    valueSplitSymbol = parameter("valueSplitSymbol", "what stands between parts of a value", Convert.toString)
    annotationSplitSymbol = parameter(
        "annotationSplitSymbol", "what stands between annotations", Convert.toString
    )
    cleanAnnotations = parameter(
        "cleanAnnotations", "whether all columns of annotations are dropped", Convert.toBoolean
    )
    includeMetadata = parameter("includeMetadata", "whether metadata is given too", Convert.toBoolean)
    outputAsArray = parameter(
        "outputAsArray", "whether the results are lists, not strings", Convert.toBoolean
    )
    parseEmbeddingsVectors = parameter(
        "parseEmbeddingsVectors", "whether embeddings are given; there are none here", Convert.toBoolean
    )

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(
            outputCols=[],
            valueSplitSymbol="#",
            annotationSplitSymbol="@",
            cleanAnnotations=True,
            includeMetadata=False,
            outputAsArray=True,
            parseEmbeddingsVectors=False,
        )

    def setInputCols(self, *value: Any) -> Self:
        """Set the columns of annotations it reads: names, or a list of names."""
        return self._set(inputCols=_names(value))

    def setOutputCols(self, *value: Any) -> Self:
        """Set the columns it makes: names, or a list of names."""
        return self._set(outputCols=_names(value))

    def getOutputCols(self) -> list[str]:
        """Return the columns it makes: as set, else ``finished_`` and the name of the input."""
        return self.getOrDefault("outputCols") or [
            f"finished_{name}" for name in self.getOrDefault("inputCols")
        ]

    def plan(self, plan: Plan) -> None:
        """Check that the columns hold annotations, and name those it makes."""
        if not self.isSet("inputCols"):
            raise PipelineError(f"The stage {self.uid} has no input columns.", hint="call .setInputCols(...)")
        inputs, outputs = self.getOrDefault("inputCols"), self.getOutputCols()
        if len(inputs) != len(outputs):
            raise PipelineError(
                "requirement failed: inputCols and outputCols length must match",
                found=f"{len(inputs)} and {len(outputs)}",
            )
        annotated = {name for name, kind in plan.types.items() if kind is not None}
        for name in inputs:
            if name not in plan.types:
                raise PipelineError(
                    "requirement failed: pipeline annotator stages incomplete. "
                    f"expected: {', '.join(inputs)}, found: {', '.join(sorted(annotated))}, "
                    f"among available: {', '.join(plan.types)}",
                    hint=f"no stage before {self.uid} makes {name!r}",
                )
            if name not in annotated:
                raise PipelineError(
                    f"requirement failed: column [{name}] must be an NLP Annotation column",
                    expected=f"one of {', '.join(sorted(annotated)) or 'none, for there are no annotations'}",
                )
        if self.getOrDefault("cleanAnnotations"):
            for name in annotated:
                plan.drop(name)
        as_array = self.getOrDefault("outputAsArray")
        for name in outputs:
            plan.add(name, pa.list_(pa.string()) if as_array else pa.string())
            if as_array and self.getOrDefault("includeMetadata"):
                plan.add(f"{name}_metadata", METADATA)

    def annotate(self, rows: Rows) -> None:
        """Make the columns of some rows."""
        with_metadata = self.getOrDefault("includeMetadata")
        for name, output in zip(self.getOrDefault("inputCols"), self.getOutputCols(), strict=True):
            column = rows.annotated(name)
            if not self.getOrDefault("outputAsArray"):
                rows.finished[output] = pa.array(self._strings(column, with_metadata), pa.string())
                continue
            rows.finished[output] = pa.ListArray.from_arrays(
                pa.array(column.offsets, pa.int32()), pa.array(column.result, pa.string())
            )
            if with_metadata:
                metadata = column.metadata.dicts(0, len(column.result))
                pairs = [
                    [
                        {"_1": key, "_2": value}
                        for values in metadata[start:stop]
                        for key, value in values.items()
                    ]
                    for start, stop in column.rows()
                ]
                rows.finished[f"{output}_metadata"] = pa.array(pairs, METADATA)

    def _strings(self, column: AnnotationColumn, with_metadata: bool) -> list[str]:
        texts = list(column.result)
        if with_metadata:
            between = self.getOrDefault("valueSplitSymbol")
            metadata = column.metadata.dicts(0, len(texts))
            texts = [
                between.join(f"{key}->{value}" for key, value in {**values, "result": text}.items())
                for values, text in zip(metadata, texts, strict=True)
            ]
        symbol = self.getOrDefault("annotationSplitSymbol")
        return [symbol.join(texts[start:stop]) for start, stop in column.rows()]


def _names(value: tuple[Any, ...]) -> list[str]:
    return list(value[0]) if len(value) == 1 and isinstance(value[0], list | tuple) else list(value)
