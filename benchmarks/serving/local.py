"""The classifier without a service around it: what the services are measured against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from benchmarks import models
from benchmarks.contenders import Contender
from benchmarks.processes import Worker
from benchmarks.serving.outcomes import Texts
from benchmarks.texts import LONGEST_HEADLINE, piece_counts
from rubriek.models.bundle import Bundle


class Local:
    """A classifier in a process of its own, as a contender of the other benchmark.

    Attributes
    ----------
    texts : Texts
        What is asked: texts that it answered itself, and the flood, which it did not.
    throughput : list of float
        Documents per second of each pass so far.
    """

    def __init__(
        self, model: str, precision: str, texts: list[str], flood: list[str], folder: Path, log: TextIO
    ) -> None:
        bundle = Bundle.open(getattr(models.prepare(model), precision))
        file = folder / f"{model}-{precision}.json"
        file.write_text(json.dumps({"texts": texts, "headlines": []}), encoding="utf-8")
        contender = Contender(f"rubriek {precision}", "rubriek_classifier", precision)
        self._worker = Worker(contender, bundle.folder, file, bundle.max_length, log)
        self.throughput: list[float] = []
        asked = texts + flood
        pieces = piece_counts(asked, bundle.tokenizer_file, bundle.max_length)
        self.texts = Texts(asked, pieces, self.run(), LONGEST_HEADLINE)

    def run(self) -> list[str]:
        """One pass over all texts in one call; their labels."""
        answer = self._worker.ask("pass")
        labels: list[str] = answer["labels"]
        self.throughput.append(len(labels) / answer["seconds"])
        return labels

    def close(self) -> None:
        self._worker.close()
