"""Pipeline and PipelineModel: stages in a row, run over the data in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rubriek.errors import PipelineError
from rubriek.sparknlp.ml import Estimator, Model, Transformer
from rubriek.sparknlp.running import transform
from rubriek.sparknlp.stage import LocalEstimator, LocalTransformer, Stage


class Pipeline(Stage, Estimator):
    """Stages in a row; ``fit`` gives the `PipelineModel`.

    Parameters
    ----------
    stages : list of stages
        Stages of this package, pipelines, and, on Spark DataFrames, stages of ``pyspark.ml``.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from rubriek.sparknlp.base import DocumentAssembler
    >>> data = pa.table({"text": ["Ik hou van nieuws"]})
    >>> pipeline = Pipeline(stages=[DocumentAssembler().setInputCol("text")])
    >>> pipeline.fit(data).transform(data).column_names
    ['text', 'document']
    """

    UID_PREFIX = "Pipeline"
    JVM_CLASS = "org.apache.spark.ml.Pipeline"

    def __init__(self, stages: Sequence[Any] | None = None) -> None:
        super().__init__()
        self.stages = list(stages or [])

    def setStages(self, value: Sequence[Any]) -> Pipeline:
        """Set the stages."""
        self.stages = list(value)
        return self

    def getStages(self) -> list[Any]:
        """Return the stages."""
        return self.stages

    def copy(self, extra: Any = None) -> Pipeline:
        """Return a copy, its stages copied with extra parameters."""
        return Pipeline([stage.copy(extra) for stage in self.stages])._resetUid(self.uid)

    def _fit(self, dataset: Any) -> PipelineModel:
        fitted: list[Any] = []
        for stage in self.stages:
            if not isinstance(stage, Estimator | Transformer):
                raise PipelineError(
                    f"Cannot recognize a pipeline stage of type {type(stage)}.",
                    expected="an Estimator or a Transformer",
                )
            if not isinstance(stage, Estimator):
                fitted.append(stage)
            elif isinstance(stage, LocalEstimator | Pipeline):
                fitted.append(stage.fit(dataset))
            else:
                # A foreign estimator learns from what the stages before it make of the data.
                fitted.append(stage.fit(PipelineModel(fitted).transform(dataset)))
        return PipelineModel(fitted)._resetUid(self.uid)


class PipelineModel(Stage, Model):
    """Fitted stages in a row.

    Parameters
    ----------
    stages : list of stages
        Transformers; pipeline models may be nested.
    """

    UID_PREFIX = "PipelineModel"
    JVM_CLASS = "org.apache.spark.ml.PipelineModel"

    def __init__(self, stages: Sequence[Any]) -> None:
        super().__init__()
        self.stages = list(stages)

    def flat(self) -> Iterator[Any]:
        """Return the stages, those of nested pipelines in their place."""
        for stage in self.stages:
            if hasattr(stage, "stages"):
                yield from PipelineModel.flat(stage)
            else:
                yield stage

    def _transform(self, dataset: Any) -> Any:
        # Stages of ours that follow each other share one pass over the rows.
        for ours, stages in groupby(self.flat(), lambda stage: isinstance(stage, LocalTransformer)):
            if ours:
                dataset = transform(list(stages), dataset)
            else:
                for stage in stages:
                    dataset = stage.transform(dataset)
        return dataset

    def copy(self, extra: Any = None) -> PipelineModel:
        """Return a copy, its stages copied with extra parameters."""
        copied = PipelineModel([stage.copy(extra) for stage in self.stages])
        return copied._resetUid(self.uid)
