"""Accuracy per label with Wilson intervals, and the commonest confusions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

Z = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


def wilson(right: int, total: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); (0, 1) when nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share, square = right / total, Z * Z / total
    centre = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def report(logits: np.ndarray, truth: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Numbers of one data set from ``logits`` [texts, labels] and the true label numbers."""
    answers, wanted = logits.argmax(1), np.asarray(truth)
    hit = answers == wanted

    def counted(chosen: np.ndarray) -> dict[str, Any]:
        total, right = int(chosen.sum()), int((hit & chosen).sum())
        low, high = wilson(right, total)
        return {
            "items": total,
            "right": right,
            "accuracy": round(right / total, 4),
            "interval": [round(low, 3), round(high, 3)],
        }

    shifted = logits - logits.max(1, keepdims=True)
    log_scores = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    confusions = Counter((labels[w], labels[a]) for w, a in zip(wanted, answers, strict=True) if w != a)
    return {
        **counted(np.ones(len(wanted), bool)),
        "log_loss": round(float(-log_scores[np.arange(len(wanted)), wanted].mean()), 4),
        "labels": {
            name: {
                **counted(wanted == i),
                "answered": int((answers == i).sum()),
            }
            for i, name in enumerate(labels)
            if (wanted == i).any()
        },
        "confusions": [{"is": a, "answered": b, "items": n} for (a, b), n in confusions.most_common(8)],
    }


def as_table(name: str, numbers: dict[str, Any]) -> str:
    low, high = numbers["interval"]
    lines = [
        f"{name}: accuracy {numbers['accuracy']:.3f} ({low:.3f} to {high:.3f}), "
        f"{numbers['right']} of {numbers['items']}, log loss {numbers['log_loss']:.3f}"
    ]
    for label, row in numbers["labels"].items():
        low, high = row["interval"]
        lines.append(
            f"  {label:18} {row['accuracy']:.3f} ({low:.3f} to {high:.3f})"
            f"  {row['right']} of {row['items']}, answered {row['answered']} times"
        )
    pairs = (f"{c['is']} -> {c['answered']} {c['items']}" for c in numbers["confusions"])
    return "\n".join([*lines, "  confusions: " + ", ".join(pairs)])
