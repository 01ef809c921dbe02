"""Stages saved and loaded in the format of Spark NLP."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rubriek.errors import PipelineError, RubriekWarning, UnsupportedModelError

if TYPE_CHECKING:
    from rubriek.models.bundle import Bundle
    from rubriek.sparknlp.formats import Saved, SavedStage
    from rubriek.sparknlp.stage import Stage

    StageType = TypeVar("StageType", bound=Stage)

OURS = ("tokenization", "idZeroMask")
"""Parameters that Spark NLP does not have; it refuses a saved stage with one it does not know."""


class Writer:
    """Saves a stage: ``stage.write().overwrite().save(path)``, as with Spark ML's writers.

    Parameters
    ----------
    stage : Stage
        What to save.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._overwrite = False

    def overwrite(self) -> Writer:
        """Replace a saved stage that is there."""
        self._overwrite = True
        return self

    def session(self, sparkSession: Any) -> Writer:
        """Do nothing: no Spark is needed."""
        return self

    def option(self, key: str, value: Any) -> Writer:
        """Do nothing: there are no options."""
        return self

    def save(self, path: str) -> None:
        """Write the folder, whole or not at all.

        Parameters
        ----------
        path : str
            A local folder, also as ``file:`` URL.

        Raises
        ------
        ModelError
            If something is there already, or nothing can be written.
        PipelineError
            If a stage is not of this package.
        """
        from rubriek.sparknlp.formats import write_saved

        write_saved(saved(self._stage), local(path), overwrite=self._overwrite)


def local(path: str | Path) -> Path:
    """Return a path of this machine.

    Raises
    ------
    UnsupportedModelError
        If it is the URL of another file system.
    """
    text = str(path)
    if text.startswith("file:"):
        return Path("/" + text.removeprefix("file:").lstrip("/"))
    if "://" in text:
        raise UnsupportedModelError(
            f"Saved stages are read from and written to local folders, not {text}.",
            hint="copy the folder here first",
        )
    return Path(text)


def saved(stage: Any) -> Saved:
    """Make of a stage what `rubriek.sparknlp.formats` writes."""
    from rubriek.models.sparknlp_export import saved_classifier
    from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
    from rubriek.sparknlp.formats import SavedPipeline, SavedStage, TokenRule
    from rubriek.sparknlp.pipeline import Pipeline, PipelineModel
    from rubriek.sparknlp.stage import LocalEstimator, LocalTransformer
    from rubriek.sparknlp.tokenizer import TokenizerModel

    if isinstance(stage, Pipeline | PipelineModel):
        inner = tuple(saved(inner) for inner in stage.stages)
        return SavedPipeline(class_name=stage.JVM_CLASS, uid=stage.uid, stages=inner)
    if not isinstance(stage, LocalTransformer | LocalEstimator):
        raise PipelineError(
            f"The stage {stage} cannot be saved by rubriek.",
            hint="pyspark.ml.PipelineModel saves stages of both kinds" if isinstance(stage, object) else None,
        )
    params = {param.name: value for param, value in stage._paramMap.items()}
    for name in OURS:
        if name in params and params.pop(name) != stage._defaultParamMap[stage.getParam(name)]:
            warnings.warn(
                f"Spark NLP's format has no place for {name}; set it again after loading {stage.uid}.",
                RubriekWarning,
                stacklevel=3,
            )
    if isinstance(stage, BertForSequenceClassification):
        values = {**{p.name: v for p, v in stage.extractParamMap().items()}, **params, "engine": "onnx"}
        kept = {name: value for name, value in values.items() if name not in OURS}
        return saved_classifier(stage._bundle(), kept, uid=stage.uid)
    return SavedStage(
        class_name=stage.JVM_CLASS,
        uid=stage.uid,
        params=params,
        defaults={param.name: value for param, value in stage._defaultParamMap.items()},
        rules=tuple(TokenRule(rule) for rule in stage.rules) if isinstance(stage, TokenizerModel) else None,
    )


def load(path: str | Path, kind: type[StageType]) -> StageType:
    """Load a stage of a certain class. See `Stage.load`."""
    from rubriek.sparknlp.formats import read_saved

    stage = restored(read_saved(local(path)))
    if not isinstance(stage, kind):
        raise UnsupportedModelError(
            f"What is saved at {path} is no {kind.__name__}.",
            found=type(stage).__name__,
            hint=f"{type(stage).__name__}.load(path)",
        )
    return stage


def restored(content: Saved, bundle: Bundle | None = None) -> Any:
    """Make a stage of what was read.

    Parameters
    ----------
    content : Saved
        What was read.
    bundle : Bundle, optional
        What was made of it already, where it is a classifier. Default: it is imported.

    Raises
    ------
    UnsupportedModelError
        If there is no such stage here.
    """
    from rubriek.sparknlp import annotator, jvm_names, resources
    from rubriek.sparknlp.formats import SavedClassifier, SavedPipeline
    from rubriek.sparknlp.java_regex import with_flags

    if isinstance(content, SavedPipeline):
        inner = [restored(stage) for stage in content.stages]
        pipeline = jvm_names.stages()[content.class_name]
        return pipeline(inner)._resetUid(content.uid)
    if isinstance(content, SavedClassifier):
        made = bundle or resources.bundle_of(content)
        stage: Any = annotator.BertForSequenceClassification.of(made)
        return _with_params(stage, content)
    known = jvm_names.stages()
    kind = known.get(content.class_name)
    if kind is None:
        raise UnsupportedModelError(
            f"There is no stage {content.class_name} here.",
            expected=f"one of {', '.join(sorted(known))}",
            hint="take it out of the pipeline, or go on using Spark NLP for it",
        )
    stage = _with_params(kind(), content)
    if content.rules is not None:
        stage.rules = tuple(with_flags(rule.pattern, rule.flags) for rule in content.rules)
    return stage


def _with_params(stage: Any, content: SavedStage) -> Any:
    """Set what was saved; what this package does not know is named, for it might have mattered."""
    unknown = {}
    for values, take in ((content.defaults, stage._setDefault), (content.params, stage._set)):
        for name, value in values.items():
            if stage.hasParam(name):
                take(**{name: value})
            else:
                unknown[name] = value
    if unknown:
        warnings.warn(
            f"{content.uid} was saved with parameters that rubriek does not have: {json.dumps(unknown)}",
            RubriekWarning,
            stacklevel=4,
        )
    return stage._resetUid(content.uid)
