"""Fine-tuned BERT text classifiers over any amount of text.

>>> import rubriek
>>> rubriek.load("nl-news").predict("De Tweede Kamer stemt vandaag over de begroting.").label
'Politiek'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.loading import load
    from rubriek.options import Options
    from rubriek.predictions import Prediction, Predictions

__version__ = "0.1.0"
__all__ = ["Classifier", "Options", "Prediction", "Predictions", "load"]

_HOMES = {
    "Classifier": "rubriek.classifier",
    "Options": "rubriek.options",
    "Prediction": "rubriek.predictions",
    "Predictions": "rubriek.predictions",
    "load": "rubriek.loading",
}


def __getattr__(name: str) -> Any:
    # numpy and pyarrow take 200 ms to import; whoever wants only a version or a --help need not wait.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rubriek' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
