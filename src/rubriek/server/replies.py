"""What routes have in common: finding the service, JSON out with where the time went."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from starlette.responses import Response

from rubriek.server.bodies import JSON
from rubriek.server.metrics import STAGES
from rubriek.server.observed import Exchange

if TYPE_CHECKING:
    from starlette.requests import Request

    from rubriek.server.service import Service


def service_of(request: Request) -> Service:
    """Find the service that a request came to."""
    service: Service = request.app.state.service
    return service


def plain(value: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(json_bytes(value), status, media_type=JSON)


def answered(request: Request, value: object) -> Response:
    """Answer with JSON, and with where the time went."""
    return Response(json_bytes(value), 200, timing_headers(Exchange.of(request.scope)), JSON)


def timing_headers(exchange: Exchange) -> dict[str, str]:
    """Tell a client where the time of its request went (https://www.w3.org/TR/server-timing/)."""
    timing = exchange.timing
    seconds = {name: getattr(timing, name) for name in STAGES}
    seconds["total"] = time.perf_counter() - exchange.start
    stages = ", ".join(f"{name};dur={1000 * value:.2f}" for name, value in seconds.items())
    return {"Server-Timing": stages, "X-Tokens": str(timing.tokens)}


def json_bytes(value: object) -> bytes:
    """Write JSON, compactly and in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
