"""What all requests of a process share: models, limits, keys, metrics, and whether the end is near."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rubriek.errors import RubriekError
from rubriek.server import bodies
from rubriek.server.answering import Answering, Question, Timing, overloaded
from rubriek.server.bodies import require_type
from rubriek.server.clients import while_connected
from rubriek.server.keys import Keys
from rubriek.server.limits import Limits
from rubriek.server.metrics import Metrics
from rubriek.server.observed import Exchange
from rubriek.server.problems import Problem
from rubriek.server.requests import parse_json
from rubriek.server.served import Models, Served
from rubriek.server.sites import Sites

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rubriek.classifier import Classifier
    from rubriek.models.bundle import ProblemType

log = logging.getLogger("rubriek.server")

PARSED_IN_THE_LOOP = 65_536
"""Bytes; a larger body is parsed in a thread."""
PARSED_WITH_OTHERS = 1024 * 1024
"""Bytes; a larger body is parsed one after the other."""

T = TypeVar("T")


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
    sites : Sites
        Which web sites may call it.
    reload : callable, optional
        Loads all models anew.
    """

    def __init__(
        self,
        classifiers: Mapping[str, Classifier],
        limits: Limits,
        keys: Keys,
        sites: Sites,
        reload: Callable[[], Mapping[str, Classifier]] | None = None,
    ) -> None:
        self.limits = limits
        self.keys = keys
        self.sites = sites
        self.room = bodies.Room(limits)
        self.metrics = Metrics()
        self.models = Models(
            lambda name, classifier: Served(name, classifier, limits, self.metrics.of_model(name))
        )
        self.answering = Answering(limits)
        self.started = False
        self.draining = False
        self._classifiers = classifiers
        self._load = reload

    @property
    def ready(self) -> bool:
        """Whether the models are loaded and the end is not near."""
        return self.started and not self.draining

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

    async def body(self, request: Request, *types: str) -> bytearray:
        """Read a whole body of one of these media types; see `bodies.read`.

        It counts among the bodies that the process holds until the request is answered.
        """
        require_type(request, *types)
        return await bodies.read(request, self.limits, Exchange.of(request.scope).share)

    async def json(self, request: Request, parse: Callable[[Any], Any]) -> Any:
        """Read a body as JSON and check it; see `parse_json`."""
        body = await self.body(request, bodies.JSON)
        return await self.parsed(len(body), lambda: parse(parse_json(body, self.limits.json_values)))

    async def parsed(self, size: int, work: Callable[[], Any]) -> Any:
        """Parse a body of some bytes: here, or in a thread when it is large."""
        if size <= PARSED_IN_THE_LOOP:
            return work()
        return await self.answering.in_thread(work, long=size > PARSED_WITH_OTHERS)

    async def rows(
        self,
        request: Request,
        served: Served,
        texts: Sequence[str | None],
        options: Mapping[str, Any],
        problem_type: ProblemType | None = None,
    ) -> list[dict[str, Any]]:
        """Answer the texts of a request."""

        def answered(served: Served, timing: Timing) -> Coroutine[Any, Any, list[dict[str, Any]]]:
            return self.answering.rows(Question(served, options, problem_type), texts, timing)

        return await self.while_wanted(request, served.name, answered)

    async def while_wanted(
        self, request: Request, model: str, work: Callable[[Served, Timing], Coroutine[Any, Any, T]]
    ) -> T:
        """Do the work of a request with a model, while its client is there and its time is not up."""
        exchange = Exchange.of(request.scope)
        exchange.model = model
        seconds = self.seconds(request)
        with self.models.using(model) as served:  # it may have been replaced since the request named it
            return await while_connected(request.receive, work(served, exchange.timing), seconds)

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
