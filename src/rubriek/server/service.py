"""What all requests of a process share: models, limits, keys, metrics, and whether the end is near."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request

from rubriek.errors import RubriekError
from rubriek.server.answering import Answering, Question, overloaded
from rubriek.server.clients import while_connected
from rubriek.server.keys import Keys
from rubriek.server.limits import Limits
from rubriek.server.metrics import Metrics
from rubriek.server.observed import Exchange
from rubriek.server.problems import Problem, too_large
from rubriek.server.requests import parse_json
from rubriek.server.served import Models, Served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rubriek.classifier import Classifier
    from rubriek.models.bundle import ProblemType

log = logging.getLogger("rubriek.server")

PARSED_IN_THE_LOOP = 65_536
"""Bytes; a larger body is parsed in a thread."""


class Service:
    """The state of a running service.

    Parameters
    ----------
    classifiers : mapping of str to Classifier
        The models by name; the first answers when none is named.
    limits : Limits
        What it takes on.
    keys : Keys
        What opens it.
    reload : callable, optional
        Loads all models anew.
    """

    def __init__(
        self,
        classifiers: Mapping[str, Classifier],
        limits: Limits,
        keys: Keys,
        reload: Callable[[], Mapping[str, Classifier]] | None = None,
    ) -> None:
        self.limits = limits
        self.keys = keys
        self.metrics = Metrics()
        self.models = Models(
            lambda name, classifier: Served(name, classifier, limits, self.metrics.of_model(name))
        )
        self.answering = Answering(limits)
        self.started = False
        self.draining = False
        self._classifiers = classifiers
        self._load = reload

    async def start(self) -> None:
        """Make ready to answer."""
        await asyncio.to_thread(self.models.replace, self._classifiers)
        self.started = True

    async def stop(self) -> None:
        """Finish what was taken on, and end."""
        self.draining = True
        await asyncio.to_thread(self.models.close)
        self.answering.close()

    async def reload(self) -> bool:
        """Load the models anew, and let them take over between two requests; say whether it worked."""
        if self._load is None:
            return False
        try:
            await asyncio.to_thread(lambda: self.models.replace(self._load()))  # type: ignore[misc]
        except Exception as error:
            shown = None if isinstance(error, RubriekError) else error
            log.error("the models could not be loaded anew; the old ones go on: %s", error, exc_info=shown)
            self.metrics.reloads.labels("failed").inc()
            return False
        log.info("the models were loaded anew", extra={"fields": {"models": [m.name for m in self.models]}})
        self.metrics.reloads.labels("done").inc()
        return True

    def refuse_if_full(self) -> None:
        """Refuse a request before anything of it is read, if there is room for none.

        Raises
        ------
        Problem
            429.
        """
        schedulers = [served.scheduler for served in self.models]
        if schedulers and all(scheduler.full for scheduler in schedulers):
            raise overloaded(min(scheduler.waiting_seconds for scheduler in schedulers))

    def check_coding(self, request: Request) -> None:
        """Refuse a compressed body: it may be a thousand times as large as it looks.

        Raises
        ------
        Problem
            415.
        """
        coding = request.headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity":
            raise Problem(415, "Validation", "Compressed bodies are not read here.", found=repr(coding[:50]))

    async def body(self, request: Request) -> bytes:
        """Read a whole body, of bounded size, in bounded time.

        Raises
        ------
        Problem
            413 or 408.
        """
        self.check_coding(request)
        most = self.limits.body_bytes
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise body_too_large(most)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.body_timeout):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > most:
                        raise body_too_large(most)
        except TimeoutError as error:
            raise slow_body(self.limits) from error
        except ClientDisconnect as error:
            raise Problem(499, "Gone", "The client has gone.") from error
        return b"".join(chunks)

    async def json(self, request: Request, parse: Callable[[Any], Any]) -> Any:
        """Read a body as JSON and check it; see `parse_json`."""
        body = await self.body(request)
        return await self.parsed(len(body), lambda: parse(parse_json(body)))

    async def parsed(self, size: int, work: Callable[[], Any]) -> Any:
        """Parse a body of some bytes: here, or in a thread when it is large."""
        return work() if size <= PARSED_IN_THE_LOOP else await self.answering.in_thread(work)

    async def rows(
        self,
        request: Request,
        served: Served,
        texts: Sequence[str | None],
        options: Mapping[str, Any],
        problem_type: ProblemType | None = None,
    ) -> list[dict[str, Any]]:
        """Answer the texts of a request, while its client is there and its time is not up."""
        exchange = Exchange.of(request.scope)
        exchange.model = served.name
        seconds = self.seconds(request)
        with self.models.using(served.name) as served:  # it may have been replaced meanwhile
            work = self.answering.rows(Question(served, options, problem_type), texts, exchange.timing)
            return await while_connected(request.receive, work, seconds)

    def seconds(self, request: Request) -> float:
        """Read how long the client waits: ``X-Request-Timeout``, in seconds, at most the service's own."""
        given = request.headers.get("x-request-timeout")
        if given is None:
            return self.limits.timeout
        try:
            seconds = float(given)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            raise Problem(
                422,
                "Validation",
                "The header X-Request-Timeout is no time.",
                expected="seconds, e.g. 2.5",
                found=repr(given[:50]),
            )
        return min(seconds, self.limits.timeout)


def body_too_large(most: int) -> Problem:
    """Say that a body passes the limit."""
    return too_large(
        "The body is too large.",
        expected=f"at most {most} bytes",
        hint="send several requests, or stream the texts as application/x-ndjson",
    )


def slow_body(limits: Limits) -> Problem:
    """Say that a body took too long."""
    return Problem(
        408,
        "Timeout",
        "The body did not arrive in time.",
        expected=f"all of it within {limits.body_timeout:g} s",
        headers={"Connection": "close"},
    )
