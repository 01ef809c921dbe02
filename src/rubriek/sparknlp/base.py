"""What ``sparknlp.base`` exports, as far as it is here."""

from __future__ import annotations

from rubriek.sparknlp import jvm_names
from rubriek.sparknlp.document_assembler import DocumentAssembler
from rubriek.sparknlp.finisher import Finisher
from rubriek.sparknlp.light_pipeline import LightPipeline
from rubriek.sparknlp.pipeline import Pipeline, PipelineModel
from rubriek.sparknlp.unknown_stages import refusing

__all__ = ["DocumentAssembler", "Finisher", "LightPipeline", "Pipeline", "PipelineModel"]

__getattr__ = refusing(__name__, __all__)

jvm_names.make_importable()
