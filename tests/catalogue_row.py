"""A row of a hub's catalogue as the tests need it: that of the model card, with changes."""

from __future__ import annotations

import json

SEED = "bert_classifier_dutch_news_clf_finetuned"
FILE = f"{SEED}_nl_5.1.4_3.4_1698789540127.zip"


def row(**changes) -> str:
    """A line of metadata.json."""
    content = {
        "name": SEED,
        "language": "nl",
        "libVersion": {"parts": [5, 1, 4]},
        "sparkVersion": {"parts": [3, 4]},
        "readyToUse": True,
        "time": "2023-10-31T21:59:00.127Z",
        "isZipped": True,
        "category": "ml",
        "checksum": "",
    }
    return json.dumps({**content, **changes}) + "\n"
