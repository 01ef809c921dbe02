"""The service's own routes: /v1/classify, /v1/models, /health/*, /metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from rubriek.server import metrics
from rubriek.server.observed import Exchange
from rubriek.server.problems import Problem
from rubriek.server.requests import ClassifyRequest, parse_classify
from rubriek.server.service import Service, json_bytes, timing_headers

if TYPE_CHECKING:
    from starlette.requests import Request

JSON = "application/json"


def service_of(request: Request) -> Service:
    """Find the service that a request came to."""
    service: Service = request.app.state.service
    return service


def json_response(request: Request, value: object, status: int = 200) -> Response:
    """Answer with JSON, and with where the time went."""
    return Response(json_bytes(value), status, timing_headers(Exchange.of(request.scope)), JSON)


async def classify(request: Request) -> Response:
    """Answer ``POST /v1/classify``."""
    service = service_of(request)
    require_json(request)
    asked: ClassifyRequest = await service.json(request, lambda value: parse_classify(value, service.limits))
    served = service.models.get(asked.model)
    rows = await service.rows(request, served, asked.texts, asked.options)
    return json_response(
        request, {"model": served.name, "results": [result(row, scores=asked.scores) for row in rows]}
    )


def require_json(request: Request) -> None:
    """Take JSON only, and only where it says so: no form of another site can be sent as such."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != JSON:
        raise Problem(
            415,
            "Validation",
            "The body is of a type that is not read here.",
            expected=f"Content-Type: {JSON}",
            found=repr(given[:50]) if given else "no Content-Type",
        )


def result(row: dict[str, Any], *, scores: bool) -> dict[str, Any]:
    """Make a row of the result columns an answer."""
    if not scores:
        del row["scores"]
    return row


async def models(request: Request) -> Response:
    """Answer ``GET /v1/models``."""
    return Response(json_bytes({"models": [m.about() for m in service_of(request).models]}), media_type=JSON)


async def live(request: Request) -> Response:
    """Answer ``GET /health/live``: the process answers."""
    return Response(json_bytes({"status": "live"}), media_type=JSON)


async def ready(request: Request) -> Response:
    """Answer ``GET /health/ready``: the models are loaded, and the end is not near."""
    service = service_of(request)
    if service.draining or not service.started:
        word = "ending" if service.draining else "starting"
        return Response(json_bytes({"status": word}), 503, media_type=JSON)
    return Response(json_bytes({"status": "ready"}), media_type=JSON)


async def exposition(request: Request) -> Response:
    """Answer ``GET /metrics``."""
    service = service_of(request)
    for served in service.models:
        service.metrics.queue_tokens.labels(served.name).set(served.scheduler.waiting_tokens)
    body = await service.answering.in_thread(service.metrics.exposition)
    return Response(body, media_type=metrics.CONTENT_TYPE)
