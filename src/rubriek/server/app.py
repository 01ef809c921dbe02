"""The ASGI application: routes, and what is around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from rubriek.server import explaining, huggingface, kserve, native, reference, tei
from rubriek.server.keys import Keys
from rubriek.server.limits import Limits
from rubriek.server.observed import Observed, http_problem
from rubriek.server.page import Page
from rubriek.server.service import Service
from rubriek.server.sites import Sites

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rubriek.classifier import Classifier


def create_app(
    models: Mapping[str, Classifier],
    *,
    limits: Limits | None = None,
    keys: Keys | None = None,
    hosts: Sequence[str] | None = None,
    origins: Sequence[str] = (),
    reload: Callable[[], Mapping[str, Classifier]] | None = None,
) -> Starlette:
    """Make the ASGI application.

    Parameters
    ----------
    models : mapping of str to Classifier
        The models by the names clients call them; the first answers when none is named.
    limits : Limits, optional
        What it takes on.
    keys : Keys, optional
        What opens it. Default: it is open to all that reach it.
    hosts : sequence of str, optional
        Host names that requests may be addressed to, besides loopback's. Default: any.
    origins : sequence of str, default none
        Sites whose pages may call it (CORS), e.g. ``"https://nieuws.example"``.
    reload : callable, optional
        Loads all models anew; see `Service.reload`.

    Returns
    -------
    Starlette
        It begins to answer after its lifespan's startup, as every ASGI server runs it.

    Examples
    --------
    >>> import rubriek
    >>> from rubriek.server import create_app
    >>> from starlette.testclient import TestClient
    >>> with TestClient(create_app({"nl-news": rubriek.load("nl-news")})) as client:
    ...     answer = client.post("/v1/classify", json={"text": "Beurs sluit hoger na rentebesluit"})
    >>> answer.json()["results"][0]["label"]
    'Economie'
    """
    service = Service(models, limits or Limits(), keys or Keys(), Sites(hosts, origins), reload)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = Starlette(
        routes=routes(),
        middleware=[*_cors(origins), Middleware(Observed, service=service)],
        exception_handlers={HTTPException: _not_routed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # `Observed` takes a slash off the end
    app.state.service = service
    return app


def routes() -> list[Route]:
    """List all routes."""
    versions = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    return [
        Route("/v1/classify", native.classify, methods=["POST"]),
        Route("/v1/explain", explaining.explain, methods=["POST"]),
        Route("/v1/models", native.models, methods=["GET"]),
        Route("/health", tei.health, methods=["GET"]),
        Route("/info", tei.info, methods=["GET"]),
        Route("/predict", tei.predict, methods=["POST"]),
        Route("/models/{model}", huggingface.text_classification, methods=["POST"]),
        Route("/", huggingface.text_classification, methods=["POST"]),
        Route("/v2", kserve.server_metadata, methods=["GET"]),
        Route("/v2/health/live", native.live, methods=["GET"]),
        Route("/v2/health/ready", native.ready, methods=["GET"]),
        *(Route(model, kserve.model_metadata, methods=["GET"]) for model in versions),
        *(Route(f"{model}/ready", kserve.model_ready, methods=["GET"]) for model in versions),
        *(Route(f"{model}/infer", kserve.infer, methods=["POST"]) for model in versions),
        Route("/health/live", native.live, methods=["GET"]),
        Route("/health/ready", native.ready, methods=["GET"]),
        Route("/metrics", native.exposition, methods=["GET"]),
        Route("/openapi.json", reference.openapi, methods=["GET"]),
        Route("/docs", reference.docs, methods=["GET"]),
        *Page().routes,
    ]


def _cors(origins: Sequence[str]) -> list[Middleware]:
    if not origins:
        return []
    from starlette.middleware.cors import CORSMiddleware

    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", "X-Request-Timeout"],
            expose_headers=["X-Request-Id", "X-Tokens", "Server-Timing", "Retry-After"],
        )
    ]


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return http_problem(error).response(request.scope["state"]["exchange"].id)
