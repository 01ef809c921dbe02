"""The OpenAPI document of a service: its own limits and models in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rubriek
from rubriek.server.bodies import JSON
from rubriek.server.kserve import BINARY, HEADER_LENGTH, VERSION
from rubriek.server.limits import Limits
from rubriek.server.samples import LINES
from rubriek.server.schemas import STRING, Schema, components, option_schemas, ref
from rubriek.server.streaming import NDJSON

ERRORS = {
    400: "The body is not JSON.",
    401: "The service needs a key.",
    403: "A page of another site sent this.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    413: "A limit is passed, or a text is too long and is not to be cut.",
    415: "The body is of another type, or compressed otherwise than with gzip.",
    421: "The service does not answer to this host.",
    422: "The body, or a header or an option, is not what is asked for.",
    429: "Too much waits already; `Retry-After` says when to come again.",
    431: "The headers are too large.",
    500: "The service failed on this request; its log has the cause under the `id`.",
    503: "The service is starting or ending, or has too many connections or large bodies.",
    504: "There was no answer in time.",
}
OF_ALL = (421, 431, 500, 503)
OF_POSTS = (400, 401, 403, 404, 408, 413, 415, 422, 429, 504, *OF_ALL)

TIMING = {
    "Server-Timing": ("Milliseconds: tokenize, queue, inference, total.", STRING),
    "X-Tokens": ("Pieces of the texts, special tokens included, before any cut.", {"type": "integer"}),
}


def document(limits: Limits, models: list[str], *, keys: bool) -> dict[str, Any]:
    """Write the document.

    Parameters
    ----------
    limits : Limits
        What is taken on.
    models : list of str
        The names of the models.
    keys : bool
        Whether keys are needed.

    Returns
    -------
    dict
        OpenAPI 3.1.

    Examples
    --------
    >>> document(Limits(), ["nl-news"], keys=False)["openapi"]
    '3.1.0'
    """
    groups = {
        "Classify and explain": _native(),
        "As other services answer": _compatible(models),
        "Health and metrics": _state(),
    }
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "rubriek",
            "version": rubriek.__version__,
            "description": "Text classification. Requests that come together run together. Bodies may be "
            "compressed with gzip.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": group} for group in groups],
        "paths": {path: item for group, paths in groups.items() for path, item in _tagged(paths, group)},
        "components": {"schemas": components(limits, models)},
    }
    if keys:
        told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"key": []}]
    return told


def _tagged(paths: dict[str, Any], group: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in paths.items():
        yield path, {method: {**operation, "tags": [group]} for method, operation in item.items()}


def _native() -> dict[str, Any]:
    query = [
        _parameter(name, "query", schema, schema.get("description", "") + " (Of a streamed body.)")
        for name, schema in option_schemas().items()
    ]
    query += [
        _parameter("model", "query", STRING, "The model of a streamed body."),
        _parameter("scores", "query", {"type": "string", "enum": ["true", "false"]}, "Of a streamed body."),
    ]
    classify = _post(
        "Classify texts",
        "One text, or many. A body of `application/x-ndjson` is a stream: each line is a JSON string, or an "
        "object with `text` and, if wanted, an `id`; options are in the address; each line of the answer is "
        "the result of the line at its place (`index`), or its error.",
        {JSON: ref("ClassifyRequest"), NDJSON: {**STRING, "examples": [LINES]}},
        {JSON: ref("ClassifyResponse"), NDJSON: STRING},
        parameters=query,
    )
    explain = _post(
        "Explain an answer",
        "Each word is left out in turn and the model asked again: `weight` is what the label owes to it.",
        {JSON: ref("ExplainRequest")},
        {JSON: ref("ExplainResponse")},
    )
    return {
        "/v1/classify": {"post": classify},
        "/v1/explain": {"post": explain},
        "/v1/models": {"get": _get("The models, and what they are", "Models")},
    }


def _compatible(models: list[str]) -> dict[str, Any]:
    model = _parameter("model", "path", {"type": "string", "enum": models}, "The model's name.")
    version = _parameter("version", "path", {"type": "string", "enum": [VERSION]}, "Always 1.")
    text_classification = (
        {JSON: ref("TextClassificationRequest")},
        {JSON: ref("TextClassificationResponse")},
    )
    length = _parameter(HEADER_LENGTH, "header", {"type": "integer", "minimum": 0}, "Bytes of the JSON part.")
    paths: dict[str, Any] = {
        "/predict": {
            "post": _post(
                "text-embeddings-inference",
                "As text-embeddings-inference answers; the first model.",
                {JSON: ref("PredictRequest")},
                {JSON: ref("PredictResponse")},
            )
        },
        "/info": {"get": _get("The first model, as text-embeddings-inference describes it", "Info")},
        "/": {"post": _post("Hugging Face inference, first model", "", *text_classification)},
        "/models/{model}": {
            "post": _post("Hugging Face inference", "", *text_classification, parameters=[model])
        },
        "/v2": {"get": _get("Open Inference Protocol: the server", "ServerMetadata")},
    }
    for path, parameters in (
        ("/v2/models/{model}", [model]),
        ("/v2/models/{model}/versions/{version}", [model, version]),
    ):
        infer = _post(
            "Open Inference Protocol: classify",
            "One BYTES tensor of texts in; label, score, scores, tokens and truncated out. The binary tensor "
            "extension is spoken.",
            {JSON: ref("InferRequest"), BINARY: {"type": "string", "format": "binary"}},
            {JSON: ref("InferResponse"), BINARY: {"type": "string", "format": "binary"}},
            parameters=[*parameters, length],
        )
        paths[path] = {"get": _get("The model", "ModelMetadata", parameters)}
        paths[f"{path}/ready"] = {"get": _get("Whether the model is ready", "ModelReady", parameters)}
        paths[f"{path}/infer"] = {"post": infer}
    return paths


def _state() -> dict[str, Any]:
    health = _get("Whether it takes requests, as text-embeddings-inference says it", "Status", open_=True)
    health["responses"]["200"] = _response("It does.", {})
    health["responses"]["503"] = _response("It is starting or ending.", {JSON: ref("Unhealthy")})
    live = _get("Whether the process answers", "Status", open_=True)
    ready = _get("Whether it takes requests", "Status", open_=True)
    ready["responses"]["503"] = _response("It is starting or ending.", {JSON: ref("Status")})
    plain = {"text/plain": STRING}
    metrics = _get("Numbers for Prometheus", "Status")
    metrics["responses"]["200"] = _response("Prometheus' text format.", plain)
    return {
        "/health": {"get": health},
        "/health/live": {"get": live},
        "/health/ready": {"get": ready},
        "/v2/health/live": {"get": live},
        "/v2/health/ready": {"get": ready},
        "/metrics": {"get": metrics},
    }


def _get(
    summary: str, schema: str, parameters: list[dict[str, Any]] | None = None, *, open_: bool = False
) -> dict[str, Any]:
    responses = {"200": _response("Here it is.", {JSON: ref(schema)})}
    errors = () if open_ else (401, 404) if parameters else (401,)
    told: dict[str, Any] = {"summary": summary, "responses": {**responses, **_errors((*errors, *OF_ALL))}}
    if parameters:
        told["parameters"] = parameters
    if open_:
        told["security"] = []
    return told


def _post(
    summary: str,
    description: str,
    bodies: dict[str, Schema],
    answers: dict[str, Schema],
    *,
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    wait = _parameter(
        "X-Request-Timeout",
        "header",
        {"type": "number", "exclusiveMinimum": 0},
        "Seconds that the client waits.",
    )
    answer = _response("The answer.", answers)
    answer["headers"] = {
        name: {"description": text, "schema": schema} for name, (text, schema) in TIMING.items()
    }
    return {
        "summary": summary,
        "description": description,
        "parameters": [*(parameters or []), wait],
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": body} for kind, body in bodies.items()},
        },
        "responses": {"200": answer, **_errors(OF_POSTS)},
    }


def _parameter(name: str, place: str, schema: Schema, description: str) -> dict[str, Any]:
    told = {"name": name, "in": place, "schema": schema, "description": description}
    return {**told, "required": True} if place == "path" else told


def _response(description: str, content: dict[str, Schema]) -> dict[str, Any]:
    return {
        "description": description,
        "content": {kind: {"schema": schema} for kind, schema in content.items()},
    }


def _errors(statuses: tuple[int, ...]) -> dict[str, Any]:
    errors = {str(status): _response(ERRORS[status], {JSON: ref("Error")}) for status in statuses}
    if "503" in errors:
        errors["503"]["content"]["text/plain"] = {"schema": STRING}
    if "429" in errors:
        again = {"description": "Seconds.", "schema": {"type": "integer"}}
        errors["429"]["headers"] = {"Retry-After": again}
    return errors
