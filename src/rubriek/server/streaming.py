"""``POST /v1/classify`` with a body of lines: texts in, answers out, in bounded memory.

A line in is a JSON string, or an object with ``text`` and, if wanted, an ``id`` that comes back. A line out
is the answer to the line of the same place, or says why there is none; a bad line does not end the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from rubriek.server import bodies, problems
from rubriek.server.answering import CHARACTERS_A_PIECE, SHARE_OF_QUEUE, Question, overloaded, prepare
from rubriek.server.observed import Exchange
from rubriek.server.problems import Problem, invalid
from rubriek.server.replies import json_bytes, service_of
from rubriek.server.requests import OPTIONS, a_text, an_object, kind_of, parse_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from rubriek.server.bodies import Share
    from rubriek.server.limits import Limits

NDJSON = "application/x-ndjson"
LINES_AT_ONCE = 256
"""A part of the stream is answered when it has as many lines, or its share of the queue, or when no more has
arrived."""


@dataclass(slots=True)
class Part:
    """Lines that are answered together.

    Attributes
    ----------
    texts : list of str or None
        What to classify; None stands for a line of null, or a bad one.
    told : list of dict
        What the answer to each line begins with: its place, its id, or its error.
    characters : int
        Of the texts.
    """

    texts: list[str | None] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    characters: int = 0


def parse_line(line: bytes, limits: Limits, request_id: str) -> tuple[str | None, dict[str, Any]]:
    """Read a line.

    Returns
    -------
    text : str or None
    told : dict
        Its id, if it has one, and what is wrong with it, if anything is.

    Examples
    --------
    >>> from rubriek.server import Limits
    >>> parse_line(b'{"text": "Zon", "id": 7}', Limits(), "a"), parse_line(b'"Zon"', Limits(), "a")
    (('Zon', {'id': 7}), ('Zon', {}))
    >>> parse_line(b'{"text": 1, "id": 7}', Limits(), "a")[1]["id"]
    7
    """
    told: dict[str, Any] = {}
    try:
        value = parse_json(line)
        if isinstance(value, dict):
            if "id" in value:
                told["id"] = _id(value["id"], limits)
            given = an_object(value, "The line", ("text", "id"))
            if "text" not in given:
                raise invalid("The line has no text.", expected="the field 'text'")
            value = given["text"]
        return (None if value is None else a_text(value, "text", limits)), told
    except Problem as problem:
        return None, {**problem.to_dict(request_id), **told}


def _id(value: object, limits: Limits) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid(
            "The field 'id' has the wrong type.", expected="a string or a whole number", found=kind_of(value)
        )
    return a_text(value, "id", limits) if isinstance(value, str) else value


def parse_query(query: Mapping[str, str]) -> tuple[str | None, dict[str, Any], bool]:
    """Read the options of a stream from its address: ``?model=nl-news&top_k=3&scores=true``.

    Examples
    --------
    >>> parse_query({"top_k": "3", "overflow": "windows"})
    (None, {'top_k': 3, 'overflow': 'windows'}, False)
    """
    an_object(dict(query), "The query", ("model", "scores", *OPTIONS))
    scores = query.get("scores", "false")
    if scores not in ("true", "false"):
        raise invalid("'scores' is neither true nor false.", found=repr(scores[:50]))
    options: dict[str, Any] = {}
    for name in OPTIONS:
        if (given := query.get(name)) is None:
            continue
        try:
            options[name] = (
                given if name == "overflow" else float(given) if name == "threshold" else int(given)
            )
        except ValueError as error:
            raise invalid(f"The option '{name}' is no number.", found=repr(given[:50])) from error
    return query.get("model"), options, scores == "true"


class Lines(Response):
    """An answer that goes out while the request still comes in.

    Starlette's own streaming response listens for the client's leaving, on ASGI servers before 2.4, and so
    would take the body's messages away.
    """

    media_type = NDJSON

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        super().__init__()
        self._lines = lines
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines as they come."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._lines) as lines:  # type: ignore[type-var]
            async for line in lines:
                await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def classify_stream(request: Request) -> Lines:
    """Answer ``POST /v1/classify`` with ``Content-Type: application/x-ndjson``."""
    service = service_of(request)
    incoming = bodies.chunks(request)
    model, options, scores = parse_query(request.query_params)
    served = service.models.get(model)
    prepare(Question(served, options), [])  # are the options good?
    scheduler = served.scheduler
    if scheduler.full:
        raise overloaded(scheduler.waiting_seconds)
    exchange = Exchange.of(request.scope)
    exchange.model = served.name

    async def lines() -> AsyncIterator[bytes]:
        parts: asyncio.Queue[Part] = asyncio.Queue()

        async def texts() -> AsyncIterator[list[str | None]]:
            async for part in _parts(incoming, service.limits, exchange):
                parts.put_nowait(part)
                yield part.texts

        with service.models.using(served.name) as used:
            try:
                question = Question(used, options)
                stream = service.answering.stream(question, texts(), exchange.timing, waits=True)
                async with aclosing(stream) as answers:
                    async for rows in answers:
                        part = parts.get_nowait()
                        yield b"".join(
                            json_bytes(_answer(told, row, scores=scores)) + b"\n"
                            for told, row in zip(part.told, rows, strict=True)
                        )
            except Exception as error:
                # The status has gone out long ago: the last line says that, and why, not all was answered.
                problem = problems.of_error(error, exchange.id)
                yield json_bytes({**problem.to_dict(exchange.id), "incomplete": True}) + b"\n"

    return Lines(lines())


def _answer(told: dict[str, Any], row: dict[str, Any], *, scores: bool) -> dict[str, Any]:
    if "error" in told:
        return told
    if not scores:
        del row["scores"]
    return {**told, **row}


async def _parts(incoming: AsyncIterator[bytes], limits: Limits, exchange: Exchange) -> AsyncIterator[Part]:
    """Cut the body into lines, and gather them."""
    most = limits.queue_tokens // SHARE_OF_QUEUE * CHARACTERS_A_PIECE
    part = Part()
    place = 0
    async for line in _lines(incoming, limits, exchange.share):
        if line is None:  # nothing more has arrived yet
            if part.texts:
                yield part
                part = Part()
            continue
        if line.strip():
            text, told = parse_line(line, limits, exchange.id)
            part.texts.append(text)
            part.told.append({"index": place, **told})
            part.characters += len(text or "")
            place += 1
        if len(part.texts) >= LINES_AT_ONCE or part.characters >= most:
            yield part
            part = Part()
            await asyncio.sleep(0)
    if part.texts:
        yield part


async def _lines(incoming: AsyncIterator[bytes], limits: Limits, share: Share) -> AsyncIterator[bytes | None]:
    """Yield the lines of a body, and None where no further one is there yet.

    The time that a line may take runs while it is waited for, not while the lines before it are answered.
    """
    rest = bytearray()
    clock = asyncio.get_running_loop().time
    left = limits.body_timeout
    while True:
        start = clock()
        try:
            async with asyncio.timeout(left):
                chunk = await anext(incoming, None)
        except TimeoutError as error:
            raise Problem(
                408,
                "Timeout",
                "The stream has come to a halt.",
                expected=f"a line every {limits.body_timeout:g} s",
            ) from error
        left -= clock() - start
        if chunk is None:
            break
        before, found, after = chunk.rpartition(b"\n")
        if found:
            rest += before
            for line in bytes(rest).split(b"\n"):
                yield line
            rest = bytearray(after)
            left = limits.body_timeout
        else:
            rest += chunk
        if len(rest) > limits.body_bytes:
            raise problems.too_large("A line is too long.", expected=f"at most {limits.body_bytes} bytes")
        share.hold(len(rest))
        if found:
            yield None
    if rest:
        yield bytes(rest)
