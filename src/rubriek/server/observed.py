"""What happens around every request: its id, its key, its errors, its line in the log, its numbers."""

from __future__ import annotations

import logging
import os
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from rubriek.server import problems
from rubriek.server.answering import Timing
from rubriek.server.metrics import STAGES
from rubriek.server.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rubriek.server.bodies import Share
    from rubriek.server.service import Service

log = logging.getLogger("rubriek.server.requests")

OPEN = frozenset({"/", "/docs", "/openapi.json", "/favicon.ico"})
OPEN_BELOW = ("/health", "/v2/health/", "/static/")
"""What needs no key: probes, and pages that hold nothing but their own text."""

REFUSED = 429

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Exchange:
    """What is known of a request while it is answered; endpoints add to it what they learn."""

    id: str
    start: float
    share: Share
    model: str | None = None
    timing: Timing = field(default_factory=Timing)

    @classmethod
    def of(cls, scope: Scope) -> Exchange:
        """Find that of a request."""
        exchange: Exchange = scope["state"]["exchange"]
        return exchange


class Observed:
    """ASGI middleware around every request.

    Parameters
    ----------
    app : ASGI application
        What it is around.
    service : Service
        Whose keys open it, and which counts.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        headers = Headers(scope=scope)
        exchange = Exchange(_id_of(headers), start, self._service.room.share())
        scope.setdefault("state", {})["exchange"] = exchange
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message, exchange)
            await send(message)

        path = scope["path"]
        if len(path) > 1 and path.endswith(
            "/"
        ):  # a redirect would name http:// where a proxy speaks https://
            scope["path"] = path[:-1]
        try:
            self._service.sites.check(scope["method"], headers)
            self._check_key(scope, headers)
            if scope["method"] == "POST":
                self._service.refuse_if_full()
            await self._app(scope, receive, sending)
        except Exception as error:
            problem = problems.of_error(error, exchange.id)
            if status:
                raise  # too late for an answer; the server breaks the connection off, so that it shows
            await problem.response(exchange.id)(scope, receive, sending)
        finally:
            exchange.share.release()
            self._told(scope, exchange, status, time.perf_counter() - start)

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        path = scope["path"]
        if self._service.keys.open_to(headers.get("authorization")):
            return
        if scope["method"] in ("GET", "HEAD") and (path in OPEN or path.startswith(OPEN_BELOW)):
            return
        raise Problem(
            401,
            "Unauthorized",
            "This service needs a key.",
            expected="the header Authorization: Bearer KEY, with a key of this service",
            found="another key" if "authorization" in headers else "no such header",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _add_headers(self, message: Message, exchange: Exchange) -> None:
        headers = message["headers"] = list(message["headers"])
        headers += [(b"x-request-id", exchange.id.encode()), (b"x-content-type-options", b"nosniff")]
        if self._service.draining:
            headers.append((b"connection", b"close"))

    def _told(self, scope: Scope, exchange: Exchange, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        metrics, timing = self._service.metrics, exchange.timing
        metrics.answered(route, status, seconds)
        if exchange.model is not None and timing.texts:
            metrics.of_model(exchange.model).classified(timing)
        # Under overload most requests are refused; to log each would cost more than to refuse it.
        level = logging.DEBUG if status == REFUSED else logging.INFO
        if not log.isEnabledFor(level):
            return
        fields: dict[str, Any] = {
            "id": exchange.id,
            "client": (scope.get("client") or ("",))[0],
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(1000 * seconds, 2),
        }
        if exchange.model is not None:
            fields |= {"model": exchange.model, "texts": timing.texts, "tokens": timing.tokens}
            fields |= {f"{name}_ms": round(1000 * getattr(timing, name), 2) for name in STAGES}
        log.log(level, "request", extra={"fields": fields})


def _id_of(headers: Headers) -> str:
    given = headers.get("x-request-id")
    return given if given is not None and _ID.fullmatch(given) else os.urandom(8).hex()


def http_problem(error: HTTPException) -> Problem:
    """Say in our words what the router found: no such path, or no such method on it."""
    if error.status_code == 404:
        return Problem(404, "NotFound", "There is nothing at this path.", hint="GET /docs lists all paths")
    kind = "MethodNotAllowed" if error.status_code == 405 else "Validation"
    return Problem(error.status_code, kind, error.detail, headers=error.headers)
