"""What the two services written here as peers share: their command line and the shape of an answer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def arguments(version: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--version", action="version", version=version)
    return parser.parse_args()


def entries(labels: list[str], logits: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Labels with scores, best first, as text-embeddings-inference's /predict gives them."""
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    return [{"score": float(scores[best]), "label": labels[best]} for best in (-scores).argsort()]
