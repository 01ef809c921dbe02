"""A classifier without a model: its answer is a plain function of the text."""

from __future__ import annotations

import itertools
import zlib
from types import SimpleNamespace

import pyarrow as pa

from rubriek.statistics import Statistics

LABELS = ("Binnenland", "Sport", "Weer")


class FakeClassifier:
    """Answers like `rubriek.Classifier.classify`, batch by batch."""

    batch = 3

    def __init__(self, name: str = "fake") -> None:
        self.bundle = SimpleNamespace(
            name=name,
            labels=LABELS,
            checksums={"model.onnx": f"sum of {name}"},
            max_length=256,
            truncation_side="right",
            threshold=0.5,
        )
        self.engine = SimpleNamespace(name="fake 1.0", precision="fp32", threads=1, token_budget=512)
        self.answered: list[str | None] = []

    def classify(self, texts, *, statistics=None, **options):
        statistics = Statistics() if statistics is None else statistics
        values = texts.to_pylist()
        self.answered += values
        scores = [None if text is None else self._scores(text) for text in values]
        labels = [s and max(s, key=s.get) for s in scores]
        for start in range(0, len(values), self.batch):
            rows = values[start : start + self.batch]
            statistics.documents += len(rows)
            statistics.nulls += rows.count(None)
            statistics.tokens += sum(len(text) for text in rows if text is not None)
            statistics.batches += 1
            statistics.labels.update(label for label in labels[start : start + self.batch] if label)
            statistics.progressed()
        score = [s and max(s.values()) for s in scores]
        kind = pa.struct([(label, pa.float32()) for label in LABELS])
        return pa.table(
            {
                "label": pa.array(labels, pa.string()),
                "score": pa.array(score, pa.float32()),
                "scores": pa.array(scores, kind),
                "tokens": pa.array([None if text is None else len(text) for text in values], pa.int32()),
            }
        )

    def classify_each(self, columns, **options):
        # Read one further than answered, as the real one does.
        for before, _ in itertools.pairwise(itertools.chain(columns, [None])):
            texts, statistics = before
            yield self.classify(texts, statistics=statistics, **options)

    @staticmethod
    def _scores(text: str) -> dict[str, float]:
        weights = [zlib.crc32(f"{label} {text}".encode()) + 1 for label in LABELS]
        return {label: weight / sum(weights) for label, weight in zip(LABELS, weights, strict=True)}
