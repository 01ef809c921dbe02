"""Print what was answered beside the section that the author of each item had in mind.

python examples/compare.py examples/nieuws.classified.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

SHOWN_ROWS = 8
TITLE_WIDTH = 50


def line(title: str, section: str, label: str, score: str) -> str:
    """Lay out a row of the table."""
    shown = title if len(title) <= TITLE_WIDTH else title[: TITLE_WIDTH - 1] + "…"
    return f"{shown:<{TITLE_WIDTH}}  {section:<18}{label:<18}{score}"


with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))
print(line("title", "author's section", "label", "score"))
for row in rows[:SHOWN_ROWS]:
    print(line(row["title"], row["section"], row["label"], f"{float(row['score']):.2f}"))
right = sum(row["label"] == row["section"] for row in rows)
print(f"\n{right} of {len(rows)} labels are the section that the item's author had in mind.")
