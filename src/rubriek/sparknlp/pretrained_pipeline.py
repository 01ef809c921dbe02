"""PretrainedPipeline: a saved pipeline by its name or its place on disk."""

from __future__ import annotations

from typing import Any

from rubriek.sparknlp.annotation import Annotation
from rubriek.sparknlp.light_pipeline import LightPipeline
from rubriek.sparknlp.pipeline import PipelineModel


class PretrainedPipeline:
    """Load a saved pipeline.

    Parameters
    ----------
    name : str
        As on the hub.
    lang : str, default "en"
        Its language.
    remote_loc : str, optional
        A folder of the hub.
    parse_embeddings : bool, default False
        Kept for compatibility; there are no embeddings here.
    disk_location : str, optional
        A folder or zip; the name is then not looked at.

    Attributes
    ----------
    model : PipelineModel
        The pipeline.
    light_model : LightPipeline
        The same for strings.

    Raises
    ------
    ModelNotFoundError, ModelError
        If there is none, or it cannot be used.
    """

    def __init__(
        self,
        name: str | None,
        lang: str | None = "en",
        remote_loc: str | None = None,
        parse_embeddings: bool = False,
        disk_location: str | None = None,
    ) -> None:
        if disk_location:
            self.model = PipelineModel.load(disk_location)
        else:
            from rubriek.sparknlp import resources

            self.model = resources.stage(PipelineModel, name or "", lang or "", remote_loc)
        self.light_model = LightPipeline(self.model, parse_embeddings)

    @staticmethod
    def from_disk(path: str, parse_embeddings: bool = False) -> PretrainedPipeline:
        """Load a saved pipeline from a folder or zip."""
        return PretrainedPipeline(None, None, None, parse_embeddings, path)

    def annotate(self, target: Any, column: str | None = None) -> Any:
        """Annotate texts and return the results alone; of a frame, annotate a column.

        Parameters
        ----------
        target : str, list of str, or frame
            What to annotate.
        column : str, optional
            With a frame: the column of texts.

        Returns
        -------
        dict, list of dict, or frame
            See `LightPipeline.annotate`.
        """
        if column is None:
            return self.light_model.annotate(target)
        return self._renamed(column).transform(target)

    def fullAnnotate(self, target: Any, optional_target: Any = "") -> list[dict[str, list[Annotation]]]:
        """Annotate texts and return whole annotations. See `LightPipeline.fullAnnotate`."""
        return self.light_model.fullAnnotate(target, optional_target)

    def transform(self, data: Any) -> Any:
        """Transform a frame with the pipeline."""
        return self.model.transform(data)

    def _renamed(self, column: str) -> PipelineModel:
        """Return the pipeline, its documents assembled from another column."""
        stages = [stage.copy() for stage in self.model.flat()]
        for stage in stages:
            if stage.hasParam("inputCol"):
                stage._set(inputCol=column)
        return PipelineModel(stages)
