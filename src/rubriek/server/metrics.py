"""What the service counts and times, for Prometheus."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rubriek.errors import need

need("prometheus_client", extra="serve", purpose="The HTTP service")

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

if TYPE_CHECKING:
    from rubriek.server.answering import Timing
    from rubriek.server.tickets import BatchReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client's processes find each other's counts; `running` sets it."""

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
STAGES = ("tokenize", "queue", "inference")
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The numbers of one service; with several workers, those of all of them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "rubriek_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "rubriek_request_seconds", "Time until a request was answered.", ["route"], buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self.stage_seconds = Histogram(
            "rubriek_stage_seconds", "Time of a request in each stage: tokenize, queue, inference.",
            ["model", "stage"], buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.texts = Counter("rubriek_texts", "Texts classified.", ["model"], registry=registry)
        self.tokens = Counter(
            "rubriek_tokens", "Pieces of the texts classified, before any cut.", ["model"], registry=registry
        )
        self.truncated = Counter(
            "rubriek_texts_truncated", "Texts that were cut.", ["model"], registry=registry
        )
        self.batch_rows = Histogram(
            "rubriek_batch_rows", "Rows of a batch.", ["model"], buckets=ROWS, registry=registry
        )
        self.batch_seconds = Histogram(
            "rubriek_batch_seconds", "Time of a batch in the engine.", ["model"], buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self.batch_tokens = Counter(
            "rubriek_batch_tokens", "Real pieces that went through the engine.", ["model"], registry=registry
        )
        self.padding = Counter(
            "rubriek_batch_padding_tokens", "Padded positions that went through the engine.", ["model"],
            registry=registry,
        )  # fmt: skip
        self.reused = Counter(
            "rubriek_sequences_reused",
            "Sequences not computed: the same was in the cache, or under way for another request.",
            ["model", "source"], registry=registry,
        )  # fmt: skip
        self.queue_tokens = Gauge(
            "rubriek_queue_tokens", "Pieces that wait for the engine.", ["model"],
            multiprocess_mode="livesum", registry=registry,
        )  # fmt: skip
        self._routes: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._models: dict[str, ModelMetrics] = {}
        self.reloads = Counter("rubriek_reloads", "Reloads of the models.", ["outcome"], registry=registry)

    def exposition(self) -> bytes:
        """Write the numbers in Prometheus' text format; with several workers, those of all."""
        if FOLDER not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        known = self._routes.get((route, status))
        if known is None:  # looking a child up by its labels takes longer than counting does
            known = self.requests.labels(route, status), self.request_seconds.labels(route)
            self._routes[route, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def of_model(self, name: str) -> ModelMetrics:
        """Find where a model's numbers are counted."""
        if name not in self._models:
            self._models[name] = ModelMetrics(self, name)
        return self._models[name]


class ModelMetrics:
    """What a scheduler tells; see `rubriek.server.tickets.Observer`."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self._texts = metrics.texts.labels(model)
        self._all_tokens = metrics.tokens.labels(model)
        self._truncated = metrics.truncated.labels(model)
        self._stages = {stage: metrics.stage_seconds.labels(model, stage) for stage in STAGES}
        self._rows = metrics.batch_rows.labels(model)
        self._seconds = metrics.batch_seconds.labels(model)
        self._tokens = metrics.batch_tokens.labels(model)
        self._padding = metrics.padding.labels(model)
        self._cached = metrics.reused.labels(model, "cache")
        self._shared = metrics.reused.labels(model, "in flight")
        self._queue = metrics.queue_tokens.labels(model)

    def classified(self, timing: Timing) -> None:
        """Count what a request brought."""
        self._texts.inc(timing.texts)
        self._all_tokens.inc(timing.tokens)
        if timing.truncated:
            self._truncated.inc(timing.truncated)
        for stage, seconds in self._stages.items():
            seconds.observe(getattr(timing, stage))

    def batch(self, report: BatchReport) -> None:
        """Count a batch."""
        self._rows.observe(report.rows)
        self._seconds.observe(report.seconds)
        self._tokens.inc(report.tokens)
        self._padding.inc(report.padding)

    def reused(self, *, cached: bool) -> None:
        """Count a sequence that was not computed."""
        (self._cached if cached else self._shared).inc()

    def waiting(self, tokens: int) -> None:
        """Take note of how many pieces wait."""
        self._queue.set(tokens)
