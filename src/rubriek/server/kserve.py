"""The Open Inference Protocol (KServe v2, spoken by Triton's clients, too): ``/v2/...``.

A model has one input, ``text`` (BYTES, UTF-8), and the outputs below. Texts longer than the model reads are
cut, and the output ``truncated`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

import rubriek
from rubriek.server.bodies import JSON, UNTYPED
from rubriek.server.observed import Exchange
from rubriek.server.problems import Problem, invalid
from rubriek.server.replies import json_bytes, plain, service_of, timing_headers
from rubriek.server.requests import a_text, an_object, optional, parse_json
from rubriek.server.tensors import output, texts_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from rubriek.server.limits import Limits
    from rubriek.server.served import Served

BINARY = "application/octet-stream"
HEADER_LENGTH = "Inference-Header-Content-Length"
VERSION = "1"
OUTPUTS = {"label": "BYTES", "score": "FP32", "scores": "FP32", "tokens": "INT32", "truncated": "BOOL"}


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What ``POST /v2/models/{model}/infer`` is asked.

    Attributes
    ----------
    texts : tuple of str
        What to classify.
    id : str, optional
        Comes back in the answer.
    outputs : tuple of (str, bool)
        Which outputs, and whether each is wanted in binary.
    """

    texts: tuple[str | None, ...]
    id: str | None
    outputs: tuple[tuple[str, bool], ...]


def parse_infer(body: bytes | bytearray, header_length: int | None, limits: Limits) -> InferRequest:
    """Check what was sent.

    Parameters
    ----------
    body : bytes
        JSON, and what follows it.
    header_length : int, optional
        Bytes of the JSON. Default: all.
    limits : Limits
        How much is read.

    Raises
    ------
    Problem
        If it is not what is asked for.

    Examples
    --------
    >>> from rubriek.server import Limits
    >>> body = b'{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["Zon"]}]}'
    >>> parse_infer(body, None, Limits()).texts
    ('Zon',)
    """
    length = len(body) if header_length is None else header_length
    if length > len(body):
        raise invalid(
            f"{HEADER_LENGTH} does not fit the body.", expected=f"at most {len(body)}", found=str(length)[:20]
        )
    whole = memoryview(body)
    given = an_object(
        parse_json(whole[:length], limits.json_values), "The body", ("id", "parameters", "inputs", "outputs")
    )
    inputs = given.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise invalid(
            "The request does not have one input.",
            expected="one BYTES tensor of texts",
            found=f"{len(inputs)} inputs" if isinstance(inputs, list) else "no array",
        )
    texts, used = texts_of(inputs[0], whole[length:], limits)
    if length + used != len(body):
        raise invalid(
            "The body is longer than its tensors.",
            expected=f"{length + used} bytes",
            found=str(len(body)),
            hint=None if header_length else f"the header {HEADER_LENGTH} says where the JSON ends",
        )
    parameters = optional(given, "parameters", dict) or {}
    binary = parameters.get("binary_data_output") is True
    name = optional(given, "id", str)
    if name is not None:
        a_text(name, "id", limits)
    return InferRequest(texts, name, _outputs(optional(given, "outputs", list), binary))


def _outputs(asked: list[Any] | None, binary: bool) -> tuple[tuple[str, bool], ...]:
    if not asked:
        return tuple((name, binary) for name in OUTPUTS)
    chosen: list[tuple[str, bool]] = []
    for place, item in enumerate(asked[: len(OUTPUTS) + 1]):
        where = f"outputs[{place}]"
        given = an_object(item, where, ("name", "parameters"))
        name = optional(given, "name", str)
        if name not in OUTPUTS or name in dict(chosen):
            raise invalid(
                f"'{where}' is no output that can be had.",
                expected=f"each of {', '.join(OUTPUTS)} at most once",
                found=repr((name or "")[:50]),
            )
        parameters = optional(given, "parameters", dict) or {}
        if parameters.get("classification"):
            raise invalid(
                "The classification extension is not spoken here.", hint="ask for the output scores"
            )
        chosen.append((name, bool(parameters.get("binary_data", binary))))
    return tuple(chosen)


async def infer(request: Request) -> Response:
    """Answer ``POST /v2/models/{model}/infer``."""
    service = service_of(request)
    served = _model(request)
    # Triton's own client names no type. Nor may a page of another site; `sites` keeps that out by its origin.
    body = await service.body(request, JSON, BINARY, UNTYPED)
    header_length = _header_length(request)
    asked: InferRequest = await service.parsed(
        len(body), lambda: parse_infer(body, header_length, service.limits)
    )
    rows = await service.rows(request, served, asked.texts, {})
    labels = served.classifier.labels
    tensors = [
        output(name, OUTPUTS[name], *_values(name, rows, labels), binary=binary)
        for name, binary in asked.outputs
    ]
    answer: dict[str, Any] = {"model_name": served.name, "model_version": VERSION}
    if asked.id is not None:
        answer["id"] = asked.id
    head = json_bytes({**answer, "outputs": [tensor for tensor, _ in tensors]})
    data = b"".join(data for _, data in tensors)
    headers = timing_headers(Exchange.of(request.scope))
    if not any(binary for _, binary in asked.outputs):
        return Response(head, 200, headers, JSON)
    headers[HEADER_LENGTH] = str(len(head))
    return Response(head + data, 200, headers, BINARY)


def _values(name: str, rows: list[dict[str, Any]], labels: Sequence[str]) -> tuple[list[int], list[Any]]:
    if name == "scores":
        return [len(rows), len(labels)], [row["scores"][label] for row in rows for label in labels]
    return [len(rows)], [row[name] for row in rows]


def _header_length(request: Request) -> int | None:
    given = request.headers.get(HEADER_LENGTH)
    if given is None:
        return None
    if not given.isascii() or not given.isdecimal() or len(given) > 15:
        raise invalid(f"{HEADER_LENGTH} is no number.", expected="bytes of the JSON", found=repr(given[:50]))
    return int(given)


def _model(request: Request) -> Served:
    served = service_of(request).models.get(request.path_params["model"])
    version = request.path_params.get("version", VERSION)
    if version != VERSION:
        raise Problem(
            404, "NotFound", "There is no such version.", expected=VERSION, found=repr(version[:50])
        )
    return served


async def server_metadata(_: Request) -> Response:
    """Answer ``GET /v2``."""
    return plain({"name": "rubriek", "version": rubriek.__version__, "extensions": ["binary_tensor_data"]})


async def model_metadata(request: Request) -> Response:
    """Answer ``GET /v2/models/{model}``."""
    served = _model(request)
    outputs = [
        {
            "name": name,
            "datatype": kind,
            "shape": [-1, len(served.classifier.labels)] if name == "scores" else [-1],
        }
        for name, kind in OUTPUTS.items()
    ]
    return plain(
        {
            "name": served.name,
            "versions": [VERSION],
            "platform": served.classifier.engine.name.replace(" ", "_"),
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
            "outputs": outputs,
        }
    )


async def model_ready(request: Request) -> Response:
    """Answer ``GET /v2/models/{model}/ready``."""
    served = _model(request)
    return plain({"name": served.name, "ready": True})
