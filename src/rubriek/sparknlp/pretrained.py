"""What ``sparknlp.pretrained`` exports, as far as it is here."""

from __future__ import annotations

from rubriek.sparknlp.pretrained_pipeline import PretrainedPipeline

__all__ = ["PretrainedPipeline"]
