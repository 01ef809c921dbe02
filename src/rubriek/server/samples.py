"""Short examples of what goes in and comes out, by the schema that they follow."""

from __future__ import annotations

from typing import Any

TEXT = "The bank raises its interest rate"
RANKED = [{"label": "Economy", "score": 0.97}, {"label": "Sport", "score": 0.03}]
READ = {"tokens": 9, "truncated": False, "windows": 1}
LINES = '{"id": 1, "text": "The bank raises its interest rate"}\n'
"""A streamed body."""


def samples(model: str) -> dict[str, Any]:
    """Give an example for each schema that people begin with.

    Examples
    --------
    >>> samples("nl-news")["ClassifyRequest"]
    {'text': 'The bank raises its interest rate'}
    """
    label = {"label": "Economy", "score": 0.97}
    scores = {one["label"]: one["score"] for one in RANKED}
    words = [
        {"start": 4, "end": 8, "text": "bank", "weight": 2.1, "without": 0.8},
        {"start": 20, "end": 28, "text": "interest", "weight": 1.4, "without": 0.89},
    ]
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}
    return {
        "ClassifyRequest": {"text": TEXT},
        "ClassifyResponse": {"model": model, "results": [{**label, **READ, "empty": False}]},
        "ExplainRequest": {"text": TEXT},
        "ExplainResponse": {
            "model": model,
            **label,
            "scores": scores,
            "spans": words,
            "read": len(TEXT),
            **READ,
        },
        "PredictRequest": {"inputs": TEXT},
        "PredictResponse": RANKED,
        "TextClassificationRequest": {"inputs": TEXT, "parameters": {"top_k": 1}},
        "TextClassificationResponse": [[label]],
        "InferRequest": {"inputs": [tensor], "outputs": [{"name": "label"}]},
        "InferResponse": {
            "model_name": model,
            "model_version": "1",
            "outputs": [{"name": "label", "shape": [1], "datatype": "BYTES", "data": ["Economy"]}],
        },
        "ModelReady": {"name": model, "ready": True},
        "Error": {"error": "There is no such model here.", "error_type": "NotFound", "id": "5f0c2a"},
    }
