"""A server process: the application, its socket, and the signals that reload and end it."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rubriek.errors import OptionError, need

need("uvicorn", extra="serve", purpose="The HTTP service")
need("httptools", extra="serve", purpose="The HTTP service")

import uvicorn  # noqa: E402

from rubriek.server.app import create_app  # noqa: E402
from rubriek.server.connections import Connection  # noqa: E402
from rubriek.server.keys import Keys  # noqa: E402
from rubriek.server.limits import MAX_CONNECTIONS, Limits  # noqa: E402
from rubriek.server.sockets import accept_the_rest  # noqa: E402

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.engines import Precision
    from rubriek.server.service import Service

log = logging.getLogger("rubriek.server")

DRAIN_SECONDS = 0.5
"""After the signal to end: /health/ready says 503, answers say ``Connection: close``, and whoever connects is
still answered. Then the socket closes as soon as nobody connects any more; see `sockets.accept_the_rest`."""
FILES = MAX_CONNECTIONS + 256
OBJECTS_UNTIL_COLLECTED = 10_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """All that a server process has to know; it travels to the workers.

    Attributes
    ----------
    models : tuple of str
        References as `rubriek.load` takes them, or ``NAME=REF`` to call one otherwise.
    engine, precision, threads : optional
        As for `rubriek.load`.
    limits : Limits
        What is taken on.
    keys_file : Path, optional
        A file with API keys.
    hosts : tuple of str, optional
        Host names that requests may be addressed to, besides loopback's. Default: any.
    origins : tuple of str
        Sites whose pages may call.
    """

    models: tuple[str, ...]
    engine: str | None = None
    precision: Precision | None = None
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
    keys_file: Path | None = None
    hosts: tuple[str, ...] | None = None
    origins: tuple[str, ...] = ()

    def load(self) -> dict[str, Classifier]:
        """Load all models.

        Raises
        ------
        ModelError
            If there is no such model, or it cannot be used.
        OptionError
            If two have one name.
        """
        import rubriek

        loaded: dict[str, Classifier] = {}
        for given in self.models:
            name, _, ref = given.rpartition("=")
            classifier = rubriek.load(ref, engine=self.engine, precision=self.precision, threads=self.threads)
            name = name or classifier.bundle.name
            if name in loaded:
                raise OptionError(
                    f"Two models are called {name!r}.", hint="call one otherwise: --model othername=REF"
                )
            loaded[name] = classifier
        return loaded

    def keys(self) -> Keys:
        """Read the file of keys."""
        return Keys() if self.keys_file is None else Keys.read(self.keys_file)


class Server(uvicorn.Server):
    """uvicorn's server, with reloading on SIGHUP and an end that loses nothing."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        deployment: Deployment,
        on_start: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._service = service
        self._deployment = deployment
        self._on_start = on_start
        self._renewal: asyncio.Task[None] | None = None
        self._hung_up_again = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Make ready, then listen."""
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hung_up)
        _settle_memory()
        models = [served.name for served in self._service.models]
        log.info("ready", extra={"fields": {"pid": os.getpid(), "models": models}})
        self._on_start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second Ctrl-C does not wait. uvicorn's own would die of the signal afterwards."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop being ready, accept the last, finish what was taken on."""
        self._service.draining = True
        log.info("ending: no new connections soon; what was taken on is finished")
        await asyncio.sleep(DRAIN_SECONDS)
        # The event loop lets go of its socket; a duplicate keeps those who have connected to it.
        last = [listening.dup() for listening in sockets or []]
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for listening in last:
            for connection in accept_the_rest(listening):
                await asyncio.get_running_loop().connect_accepted_socket(self._connection, connection)
        await super().shutdown()

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)

    def _hung_up(self) -> None:
        self._hung_up_again = True
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.ensure_future(self._renew())

    async def _renew(self) -> None:
        while self._hung_up_again:  # signals that come meanwhile ask for one more round together
            self._hung_up_again = False
            try:
                self._service.keys = await asyncio.to_thread(self._deployment.keys)
            except Exception as error:
                log.error("the keys could not be read anew; the old ones go on: %s", error)
            await self._service.reload()


def run(deployment: Deployment, listening: socket.socket, on_start: Callable[[], None]) -> None:
    """Answer on a socket until SIGTERM or SIGINT.

    Parameters
    ----------
    deployment : Deployment
        What to serve, and how.
    listening : socket
        Where; it is closed at the end.
    on_start : callable
        Called once when all models are ready and requests are answered.
    """
    _allow_files()
    app = create_app(
        deployment.load(),
        limits=deployment.limits,
        keys=deployment.keys(),
        hosts=deployment.hosts,
        origins=deployment.origins,
        reload=deployment.load,
    )
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        # By then every request has its answer or its 504; streams that go on are broken off.
        timeout_graceful_shutdown=math.ceil(deployment.limits.timeout + deployment.limits.body_timeout),
        timeout_keep_alive=75,
    )
    Server(config, app.state.service, deployment, on_start).run([listening])


def _settle_memory() -> None:
    """Take all that is there by now out of the garbage collector's rounds: it stays.

    Otherwise all objects of all libraries are looked at again and again, while every thread waits.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_UNTIL_COLLECTED)


def _allow_files() -> None:
    """Raise this process's limit of open files where it may: a connection takes one, shells give 1,024."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
