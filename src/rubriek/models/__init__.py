"""Models on disk: bundles, and the importers that make them."""

from __future__ import annotations

from rubriek.models.bundle import Agreement, Bundle, ProblemType
from rubriek.models.importing import import_model
from rubriek.models.quantizing import quantize

__all__ = ["Agreement", "Bundle", "ProblemType", "import_model", "quantize"]
