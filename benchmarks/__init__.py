"""Side-by-side measurements of rubriek and its peers; run by ``scripts/bench``."""

from __future__ import annotations
