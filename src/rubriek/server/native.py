"""The service's own routes: /v1/classify, /v1/models, /health/*, /metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from rubriek.server import metrics
from rubriek.server.answering import ROWS_IN_THE_LOOP
from rubriek.server.bodies import JSON, media_type
from rubriek.server.observed import Exchange
from rubriek.server.replies import json_bytes, plain, service_of, timing_headers
from rubriek.server.requests import ClassifyRequest, parse_classify
from rubriek.server.streaming import NDJSON, classify_stream

if TYPE_CHECKING:
    from starlette.requests import Request


async def classify(request: Request) -> Response:
    """Answer ``POST /v1/classify``."""
    service = service_of(request)
    if media_type(request) == NDJSON:
        return await classify_stream(request)
    asked: ClassifyRequest = await service.json(request, lambda value: parse_classify(value, service.limits))
    served = service.models.get(asked.model)
    rows = await service.rows(request, served, asked.texts, asked.options)

    def body() -> bytes:
        results = [result(row, scores=asked.scores) for row in rows]
        return json_bytes({"model": served.name, "results": results})

    written = await service.answering.in_thread(body) if len(rows) > ROWS_IN_THE_LOOP else body()
    return Response(written, 200, timing_headers(Exchange.of(request.scope)), JSON)


def result(row: dict[str, Any], *, scores: bool) -> dict[str, Any]:
    """Make a row of the result columns an answer."""
    if not scores:
        del row["scores"]
    return row


async def models(request: Request) -> Response:
    """Answer ``GET /v1/models``."""
    return plain({"models": [served.about() for served in service_of(request).models]})


async def live(request: Request) -> Response:
    """Answer ``GET /health/live``: the process answers."""
    return plain({"status": "live"})


async def ready(request: Request) -> Response:
    """Answer ``GET /health/ready``: the models are loaded, and the end is not near."""
    service = service_of(request)
    if service.ready:
        return plain({"status": "ready"})
    return plain({"status": "ending" if service.draining else "starting"}, 503)


async def exposition(request: Request) -> Response:
    """Answer ``GET /metrics``."""
    service = service_of(request)
    for served in service.models:
        service.metrics.of_model(served.name).waiting(served.scheduler.waiting_tokens)
    body = await service.answering.in_thread(service.metrics.exposition)
    return Response(body, media_type=metrics.CONTENT_TYPE)
