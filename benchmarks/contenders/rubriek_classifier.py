"""rubriek through its public API; options engine and precision."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

import rubriek
from benchmarks.contenders.worker import serve
from rubriek.statistics import Statistics


class Rubriek:
    def __init__(self, given: argparse.Namespace) -> None:
        options = given.options
        self.classifier = rubriek.load(given.model, max_length=given.max_length, **options)
        engine = self.classifier.engine
        self.about = {
            "rubriek": rubriek.__version__,
            "engine": engine.name,
            "precision": engine.precision,
            "threads": engine.threads,
        }

    def classify(self, texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        statistics = Statistics()
        table = self.classifier.classify(pa.array(texts), statistics=statistics)
        labels: list[str] = table["label"].to_pylist()
        return labels, {"padding": statistics.padding_share, "stages": dict(statistics.seconds)}

    def classify_one(self, text: str) -> str:
        return str(self.classifier.predict(text).label)


if __name__ == "__main__":
    serve(Rubriek)
