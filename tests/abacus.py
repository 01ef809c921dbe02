"""The machine of the runs that tests of the reports invent: `benchmarks.machine.describe`, of an abacus."""

from __future__ import annotations

ABACUS = {
    "date": "2000-01-01 00:00 UTC",
    "cpu": "abacus",
    "features": ["beads"],
    "cores": 2,
    "memory_gib": 1.0,
    "system": "wood",
    "python": "3",
    "versions": {"rubriek": "0"},
}
