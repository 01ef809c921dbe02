"""``rubriek serve``: models behind HTTP."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import click

from rubriek.cli.options import engine_option, precision_option, threads_option


@click.command(short_help="Answer over HTTP.")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    default=["nl-news"],
    show_default=True,
    metavar="REF",
    help="Name or folder of a model, or NAME=REF to call it otherwise; may be repeated. The first answers "
    "when a request names none.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every one."
)
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that answer; each has its own copy of the models and its share of the threads.",
)
@engine_option
@precision_option
@threads_option("Cores to use, all workers together.")
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of API keys, one on each line; requests need one of them. [default: none are needed]",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Site whose pages may call the service (CORS); may be repeated. [default: none]",
)
@click.option(
    "--allowed-hosts",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Host name that requests may be addressed to, besides loopback's; may be repeated. "
    "[default: any; on loopback without keys, none]",
)
@click.option(
    "--queue-tokens",
    type=click.IntRange(min=512),
    metavar="N",
    help="Pieces that may wait for a model; more are refused with 429. [default: 16384]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Longest time until an answer. [default: 30]",
)
@click.option(
    "--body-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Longest time for headers, and for a body, to arrive. [default: 10]",
)
@click.option(
    "--body-bytes", type=click.IntRange(min=1024), metavar="N", help="Largest body. [default: 16 MiB]"
)
@click.option(
    "--text-characters", type=click.IntRange(min=1), metavar="N", help="Longest text. [default: 200000]"
)
@click.option(
    "--texts", type=click.IntRange(min=1), metavar="N", help="Most texts of one request. [default: 10000]"
)
@click.option(
    "--cache",
    type=click.IntRange(min=0),
    metavar="N",
    help="Texts whose scores are kept for when they come again. [default: 0]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged, as JSON lines on stderr; info has a line for every request.",
)
def serve(
    models: tuple[str, ...],
    host: str,
    port: int,
    workers: int,
    keys_file: Path | None,
    origins: tuple[str, ...],
    hosts: tuple[str, ...],
    log_level: str,
    **settings: Any,
) -> None:
    """Answer over HTTP: /v1/classify, and the routes of text-embeddings-inference, KServe and Hugging Face.

    Requests that come together run together. SIGHUP loads the models and keys anew, without a pause; SIGTERM
    finishes what was taken on, then ends. GET /docs lists all routes.

    \b
    Examples:
      rubriek serve
      rubriek serve --model nl-news --model mine=./my-model --port 8080
      rubriek serve --host 0.0.0.0 --keys keys.txt --workers 4
      curl -H 'Content-Type: application/json' -d '{"text": "Beurs sluit hoger"}' localhost:8000/v1/classify
    """  # noqa: D301 -- click reads \b
    _open_standard_files()
    from rubriek.server import Limits, logs, running, sites, sockets

    computed = {name: settings.pop(name) for name in ("engine", "precision", "threads")}
    limits = Limits(**{name: value for name, value in settings.items() if value is not None})
    private = sites.is_loopback(host)
    deployment = running.Deployment(
        models,
        **computed,
        limits=limits,
        keys_file=keys_file,
        # Without a key, whoever can have a browser here send requests would be let in.
        hosts=hosts if hosts or (private and not keys_file) else None,
        origins=origins,
    )
    logs.set_up(log_level)
    listening = sockets.listen(host, port)
    url = sockets.url_of(listening)

    def started() -> None:
        click.echo(f"Serving {', '.join(models)} on {url} (routes: {url}/docs)")

    if not keys_file and not private:
        logging.getLogger("rubriek.server").warning(
            "everybody who reaches %s may use this service; --keys FILE asks for a key", url
        )
    if workers == 1:
        running.run(deployment, listening, started)
    else:
        from rubriek.server.workers import Workers

        Workers(deployment, workers, listening, log_level, started).run()


def _open_standard_files() -> None:
    """Open stdin, stdout and stderr where they were closed: else sockets get their numbers, and messages."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
