"""The command ``rubriek``.

Nothing heavy is imported here or at the top of a command's module, so that ``--help`` answers at once.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

import rubriek
from rubriek.cli.classify import classify
from rubriek.cli.compare_tokenization import compare_tokenization
from rubriek.cli.doctor import doctor
from rubriek.cli.explain import explain
from rubriek.cli.hub import hub
from rubriek.cli.models import models
from rubriek.cli.serve import serve
from rubriek.cli.stopping import Interrupts, Terminated, interruptible
from rubriek.cli.terminal import safe
from rubriek.cli.transfer import shown
from rubriek.errors import ColumnError, OptionError, RubriekError, RubriekWarning

_FAILED, _MISUSED, _INTERRUPTED, _TERMINATED = 1, 2, 130, 143


class Commands(click.Group):
    """A group whose errors are messages: what was expected, what was found, what to do."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command line, with stdin, stdout or stderr closed, too."""
        _fill_closed_streams()
        return super().main(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn errors of rubriek into a message and an exit status."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        with _messages(), shown(), interruptible() as interrupts:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as interrupt:
                _end_interrupted(ctx, interrupt)
            except Exception as error:
                _end_failed(ctx, error, interrupts)


def _end_failed(ctx: click.Context, error: Exception, interrupts: Interrupts) -> NoReturn:
    """Say what went wrong, and end with the status that belongs to it."""
    if interrupts.seen:  # what was interrupted need not say so
        _end_interrupted(ctx, error)
    if isinstance(error, RubriekError):
        _print_error(error.for_command)
        ctx.exit(_MISUSED if isinstance(error, OptionError | ColumnError) else _FAILED)
    if isinstance(error, OSError) and error.errno != errno.EPIPE:
        _print_error(str(error))
        ctx.exit(_FAILED)
    raise error  # of click; or whoever read stdout has seen enough, and click ends quietly


def _end_interrupted(ctx: click.Context, cause: BaseException) -> NoReturn:
    terminated = isinstance(cause, Terminated)
    click.echo("Terminated." if terminated else "Interrupted.", err=True)
    ctx.exit(_TERMINATED if terminated else _INTERRUPTED)


def _print_error(message: str) -> None:
    click.echo(click.style("Error: ", fg="red") + safe(message), err=True)


def _fill_closed_streams() -> None:
    """Open the null device in the place of closed streams.

    The next file that is opened would take the number of the closed one, and get what is meant for stderr.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number, which is this one
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- as long as the process


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(rubriek.__version__, prog_name="rubriek")
def main() -> None:
    """Classify texts with a fine-tuned BERT: fast on plain CPUs, offline, honest about what was done.

    \b
    Examples:
      rubriek classify news.csv
      rubriek classify news.csv --text-column title,text -o out.parquet
      rubriek models list
      rubriek doctor

    \b
    Exit status:
      0    done
      1    an input, a model or a job cannot be used; the message says why and what to do
      2    the command itself is wrong: an unknown option, value or column
      130  interrupted (143: terminated); the same command goes on where it was

    Models lie in the folder named by RUBRIEK_CACHE (default: the user's cache folder) and come from the hub
    named by RUBRIEK_HUB (default: Spark NLP's Models Hub). With RUBRIEK_OFFLINE=1 nothing ever uses the
    network. NO_COLOR=1 turns colours off.
    """  # noqa: D301 -- click reads \b


main.add_command(classify)
main.add_command(explain)
main.add_command(models)
main.add_command(hub)
main.add_command(compare_tokenization)
main.add_command(doctor)
main.add_command(serve)


class _Echo(logging.Handler):
    """Writes the library's log to stderr as plain lines."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = click.style("Warning: ", fg="yellow") if record.levelno >= logging.WARNING else ""
        click.echo(kind + safe(self.format(record)), err=True)


@contextmanager
def _messages() -> Iterator[None]:
    """Show the library's log and warnings as messages while a command runs."""
    log = logging.getLogger("rubriek")
    level, handler = log.level, _Echo()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        warnings.simplefilter("always", RubriekWarning)
        show = warnings.showwarning

        def shown(message: Warning | str, category: type[Warning], *details: Any, **more: Any) -> None:
            if issubclass(category, RubriekWarning):
                log.warning("%s", message)
            else:
                show(message, category, *details, **more)

        warnings.showwarning = shown
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
