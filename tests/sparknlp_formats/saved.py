"""Where the saved models of the tests lie."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "sparknlp"
SHARED = Path(os.environ.get("RUBRIEK_SHARED") or Path(__file__).parents[3] / "shared")
GOLDEN = SHARED / "golden" / "saved"


def real_parts() -> list[Path]:
    """SequenceFiles that real Spark wrote, uncompressed."""
    return sorted(part for part in DATA.glob("**/fields/*/part-*") if "compressed" not in part.parts)


def stages() -> list[Path]:
    return sorted((DATA / "stages").iterdir())
