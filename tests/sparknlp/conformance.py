"""The conformance cases: what the classes of Spark NLP 5.1 themselves computed.

Ours lie in tests/data/conformance. Those whose inputs stand in upstream's own tests are read from the shared
folder where there is one (RUBRIEK_SHARED, else ../shared next to the repository).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

OWN = Path(__file__).parent.parent / "data" / "conformance"
SHARED = Path(os.environ.get("RUBRIEK_SHARED", Path(__file__).parents[2].parent / "shared"))
UPSTREAM = SHARED / "conformance" / "upstream"


def read(name: str) -> list[dict[str, Any]]:
    """The files of that name, our own and, where present, upstream's."""
    return [json.loads(path.read_text()) for path in (OWN / name, UPSTREAM / name) if path.is_file()]


def cases(name: str) -> list[dict[str, Any]]:
    """All cases of the files of that name, with their vocabulary put in."""
    found = []
    for content in read(name):
        for case in content["cases"]:
            vocabularies = content.get("vocabularies", {})
            if "vocab" in content:
                case["vocabulary"] = content["vocab"]
            elif case.get("vocab") in vocabularies:
                case["vocabulary"] = vocabularies[case["vocab"]]
            found.append(case)
    return found


def name_of(case: dict[str, Any]) -> str:
    return str(case.get("id", f"{case.get('mode')}-{case.get('text', '')!r:.20}"))
