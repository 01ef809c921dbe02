"""LightPipeline: a pipeline over strings instead of frames."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from rubriek.errors import InputError, OptionError, PipelineError, RubriekWarning
from rubriek.sparknlp.annotation import Annotation
from rubriek.sparknlp.annotation_columns import AnnotationColumn
from rubriek.sparknlp.document_assembler import DocumentAssembler
from rubriek.sparknlp.finisher import Finisher
from rubriek.sparknlp.pipeline import PipelineModel
from rubriek.sparknlp.running import planned, run
from rubriek.sparknlp.sources import TextSource
from rubriek.sparknlp.stage import LocalTransformer


class LightPipeline:
    """Run a fitted pipeline over one text or a list of texts.

    A list is classified in batches. Text is never taken for the path of a file.

    Parameters
    ----------
    pipelineModel : PipelineModel
        A fitted pipeline, of this package or of ``pyspark.ml``.
    parse_embeddings : bool, default False
        Kept for compatibility; there are no embeddings here.

    Examples
    --------
    >>> from rubriek.sparknlp.annotator import Tokenizer
    >>> stages = [DocumentAssembler().setInputCol("text"), Tokenizer().model()]
    >>> light = LightPipeline(PipelineModel(stages))
    >>> light.annotate("Ik hou van nieuws")
    {'document': ['Ik hou van nieuws'], 'token': ['Ik', 'hou', 'van', 'nieuws']}
    >>> light.fullAnnotate("Nieuws!")[0]["token"][1]
    Annotation(token, 6, 6, !, {'sentence': '0'}, [])
    """

    def __init__(self, pipelineModel: Any, parse_embeddings: bool = False) -> None:
        self.pipeline_model = pipelineModel
        self.parse_embeddings = parse_embeddings
        self._ignore_unsupported = False

    def setIgnoreUnsupported(self, value: bool) -> LightPipeline:
        """Set whether stages that are none of this package are left out instead of refused."""
        self._ignore_unsupported = value
        return self

    def getIgnoreUnsupported(self) -> bool:
        """Return whether stages that are none of this package are left out instead of refused."""
        return self._ignore_unsupported

    def annotate(self, target: Any, optional_target: Any = "") -> Any:
        """Annotate texts and return the results alone.

        Parameters
        ----------
        target : str or list of str
            One text, or many.
        optional_target : str or list of str, optional
            A second input for stages that take two. There are none here, so a `RubriekWarning` says that it
            is not read.

        Returns
        -------
        dict of str to list of str, or a list of them
            For each column its results.

        Raises
        ------
        InputError
            If it is neither a string nor a list of strings.
        PipelineError
            If the stages do not fit together.
        """
        columns, count = self._run(target, optional_target)
        rows = [
            {
                name: list(column.result[column.offsets[row] : column.offsets[row + 1]])
                for name, column in columns.items()
            }
            for row in range(count)
        ]
        return rows[0] if isinstance(target, str) else rows

    def fullAnnotate(self, target: Any, optional_target: Any = "") -> list[dict[str, list[Annotation]]]:
        """Annotate texts and return whole annotations.

        Parameters
        ----------
        target, optional_target
            As for `annotate`.

        Returns
        -------
        list of dict of str to list of Annotation
            One for each text; also for a single string a list, of one. The metadata of documents is empty, as
            in Spark NLP.
        """
        columns, count = self._run(target, optional_target)
        found = {name: column.annotations() for name, column in columns.items()}
        return [{name: annotations[row] for name, annotations in found.items()} for row in range(count)]

    def transform(self, dataset: Any) -> Any:
        """Transform a frame with the pipeline."""
        return self.pipeline_model.transform(dataset)

    def _run(self, target: Any, optional_target: Any) -> tuple[dict[str, AnnotationColumn], int]:
        texts = _texts(target)
        if optional_target:
            _check_optional(texts, _texts(optional_target))
        stages, shown = self._stages()
        names = [stage.getOrDefault("inputCol") for stage in stages if isinstance(stage, DocumentAssembler)]
        types: dict[str, str | None] = dict.fromkeys(names)
        plan = planned(stages, types)
        rows = run(stages, TextSource(texts, names), plan.known, light=True)
        return {
            name: column for name, column in rows.annotations.items() if shown is None or name in shown
        }, len(texts)

    def _stages(self) -> tuple[list[LocalTransformer], Sequence[str] | None]:
        """Split the pipeline into what annotates, and the columns that a Finisher lets through."""
        stages: list[LocalTransformer] = []
        shown: Sequence[str] | None = None
        for stage in PipelineModel.flat(self.pipeline_model):
            if isinstance(stage, Finisher):
                shown = stage.getOrDefault("inputCols")
            elif isinstance(stage, LocalTransformer):
                stages.append(stage)
            elif not self._ignore_unsupported:
                raise PipelineError(
                    f"The stage {stage} works on frames only.",
                    hint="setIgnoreUnsupported(True) leaves it out; transform(frame) runs it",
                )
        return stages, shown


def _texts(target: Any) -> list[str]:
    texts = [target] if isinstance(target, str) else target
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise InputError(
            "argument for annotation must be 'str' or list[str]",
            found=f"{type(target).__name__}",
            hint="transform(frame) takes frames",
        )
    return list(texts)


def _check_optional(texts: list[str], others: list[str]) -> None:
    if len(texts) != len(others):
        raise OptionError(
            "targets and optionalTargets must be of the same size",
            expected=f"{len(texts)} second inputs",
            found=str(len(others)),
        )
    warnings.warn(
        "No stage of this pipeline reads a second input; optional_target is not used.",
        RubriekWarning,
        stacklevel=4,
    )
