"""What ``sparknlp.base`` exports, as far as it is here."""

from __future__ import annotations

from rubriek.sparknlp import jvm_names
from rubriek.sparknlp.document_assembler import DocumentAssembler
from rubriek.sparknlp.finisher import Finisher
from rubriek.sparknlp.light_pipeline import LightPipeline
from rubriek.sparknlp.pipeline import Pipeline, PipelineModel

__all__ = ["DocumentAssembler", "Finisher", "LightPipeline", "Pipeline", "PipelineModel"]

jvm_names.make_importable()
