"""Models and pipelines saved by Spark NLP, read and written without a JVM.

Everything read here is untrusted: parsers are strict, run nothing, and keep to limits on size, depth and
number.
"""

from __future__ import annotations

from rubriek.sparknlp.formats.exported import read_exported
from rubriek.sparknlp.formats.onnx_archive import OnnxArchive
from rubriek.sparknlp.formats.reading import read_saved
from rubriek.sparknlp.formats.saved import (
    CLASSIFIER,
    PIPELINE,
    TOKENIZER,
    UNFITTED_PIPELINE,
    Saved,
    SavedClassifier,
    SavedPipeline,
    SavedStage,
    TokenRule,
)
from rubriek.sparknlp.formats.writing import write_saved, write_saved_zip

__all__ = [
    "CLASSIFIER",
    "PIPELINE",
    "TOKENIZER",
    "UNFITTED_PIPELINE",
    "OnnxArchive",
    "Saved",
    "SavedClassifier",
    "SavedPipeline",
    "SavedStage",
    "TokenRule",
    "read_exported",
    "read_saved",
    "write_saved",
    "write_saved_zip",
]
