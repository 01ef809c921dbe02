"""Fine-tuned BERT text classifiers over any amount of text."""

from __future__ import annotations

__version__ = "0.1.0"
