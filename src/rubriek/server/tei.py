"""text-embeddings-inference's ``/predict``, ``/health`` and ``/info``: the same JSON and the same headers.

Written after the types of its router, version 1.9 (``lib.rs``, ``http/types.rs`` and ``http/server.rs``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

import rubriek
from rubriek.server.bodies import JSON
from rubriek.server.limits import MAX_CONNECTIONS, Limits
from rubriek.server.observed import Exchange
from rubriek.server.problems import Problem, invalid
from rubriek.server.ranking import ranked
from rubriek.server.replies import json_bytes, plain, service_of, timing_headers
from rubriek.server.requests import a_text, an_object, kind_of, optional, some_texts

if TYPE_CHECKING:
    from starlette.requests import Request


EXPECTED = "a string, or a batch of strings, each in an array of its own: [[string], [string], ...]"


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What ``POST /predict`` is asked."""

    texts: tuple[str | None, ...]
    batch: bool
    truncate: bool
    raw_scores: bool


def parse_predict(value: object, limits: Limits) -> PredictRequest:
    """Check what ``POST /predict`` was sent.

    Raises
    ------
    Problem
        If it is not what is asked for.

    Examples
    --------
    >>> from rubriek.server import Limits
    >>> parse_predict({"inputs": [["a"], ["b"]], "truncate": True}, Limits()).texts
    ('a', 'b')
    """
    names = ("inputs", "truncate", "truncation_direction", "raw_scores")
    given = an_object(value, "The body", names)
    if optional(given, "truncation_direction", str) not in (None, "Right", "right"):
        raise invalid(
            "Texts are cut at their end only.",
            expected="truncation_direction 'Right'",
            found=repr(given["truncation_direction"][:50]),
        )
    inputs = given.get("inputs")
    batch = isinstance(inputs, list) and bool(inputs) and isinstance(inputs[0], list)
    texts = _batch(inputs, limits) if batch else (_single(inputs, limits),)
    truncate, raw = (bool(optional(given, name, bool)) for name in ("truncate", "raw_scores"))
    return PredictRequest(texts, batch, truncate, raw)


def _single(value: object, limits: Limits) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list):
        raise _no_pair("inputs", value)
    if not isinstance(value, str):
        raise invalid("The field 'inputs' holds no text.", expected=EXPECTED, found=kind_of(value))
    return a_text(value, "inputs", limits)


def _batch(value: Any, limits: Limits) -> tuple[str | None, ...]:
    for place, item in enumerate(value):
        if not isinstance(item, list) or len(item) != 1 or item[0] is None:
            raise _no_pair(f"inputs[{place}]", item)
    return some_texts([item[0] for item in value], "inputs", limits)


def _no_pair(where: str, value: object) -> Problem:
    what = f"an array of {len(value)}" if isinstance(value, list) else kind_of(value)
    return invalid(
        f"'{where}' is no text.",
        expected=EXPECTED,
        found=what,
        hint="a pair of strings is one input of two sentences, which these models do not read",
    )


async def predict(request: Request) -> Response:
    """Answer ``POST /predict``."""
    service = service_of(request)
    asked: PredictRequest = await service.json(request, lambda value: parse_predict(value, service.limits))
    served = service.models.get(None)
    rows = await service.rows(
        request,
        served,
        asked.texts,
        {"overflow": "truncate" if asked.truncate else "error"},
        "regression" if asked.raw_scores else None,
    )
    predictions = [ranked(row) for row in rows]
    body = json_bytes(predictions if asked.batch else predictions[0])
    exchange = Exchange.of(request.scope)
    return Response(body, 200, {**timing_headers(exchange), **_headers(exchange, asked)}, JSON)


def _headers(exchange: Exchange, asked: PredictRequest) -> dict[str, str]:
    timing = exchange.timing
    return {
        "x-compute-type": "cpu",
        "x-compute-characters": str(sum(len(text or "") for text in asked.texts)),
        "x-compute-tokens": str(timing.tokens),
        "x-total-time": str(round(1000 * (time.perf_counter() - exchange.start))),
        "x-tokenization-time": str(round(1000 * timing.tokenize)),
        "x-queue-time": str(round(1000 * timing.queue)),
        "x-inference-time": str(round(1000 * timing.inference)),
    }


async def health(request: Request) -> Response:
    """Answer ``GET /health``: an empty 200 while requests are taken."""
    if service_of(request).ready:
        return Response()
    return plain({"error": "The service is starting or ending.", "error_type": "Unhealthy"}, 503)


async def info(request: Request) -> Response:
    """Answer ``GET /info``: the first model, under the names that the original has for things."""
    service = service_of(request)
    served = service.models.get(None)
    about = served.about()
    labels = about["labels"]
    kind = {
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    return plain(
        {
            "model_id": served.name,
            "model_sha": None,
            "model_dtype": about["precision"],
            "served_model_name": served.name,
            "model_type": {"classifier": kind},
            "max_concurrent_requests": MAX_CONNECTIONS,
            "max_input_length": about["max_length"],
            "max_batch_tokens": service.limits.queue_tokens,
            "max_batch_requests": None,
            "max_client_batch_size": service.limits.texts,
            "auto_truncate": False,
            "tokenization_workers": about["threads"],
            "version": rubriek.__version__,
            "sha": None,
            "docker_label": None,
        }
    )
