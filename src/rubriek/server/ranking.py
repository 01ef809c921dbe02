"""All labels of a text with their scores, best first: the shape that other services answer in."""

from __future__ import annotations

from typing import Any


def ranked(row: dict[str, Any], top_k: int | None = None) -> list[dict[str, Any]]:
    """List labels and scores of a row of results.

    Parameters
    ----------
    row : dict
        Result columns of a text.
    top_k : int, optional
        How many. Default: all.

    Examples
    --------
    >>> ranked({"scores": {"Sport": 0.25, "Weer": 0.75}}, top_k=1)
    [{'label': 'Weer', 'score': 0.75}]
    """
    pairs = sorted(row["scores"].items(), key=lambda pair: -pair[1])
    return [{"label": label, "score": score} for label, score in pairs[:top_k]]
