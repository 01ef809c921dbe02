"""The command ``rubriek``.

Nothing heavy is imported here or at the top of a command's module, so that ``--help`` answers at once.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

import rubriek
from rubriek.cli.classify import classify
from rubriek.cli.compare_tokenization import compare_tokenization
from rubriek.cli.doctor import doctor
from rubriek.cli.explain import explain
from rubriek.cli.hub import hub
from rubriek.cli.models import models
from rubriek.cli.serve import serve
from rubriek.cli.transfer import shown
from rubriek.errors import ColumnError, OptionError, RubriekError, RubriekWarning

_FAILED, _MISUSED, _INTERRUPTED = 1, 2, 130


class Commands(click.Group):
    """A group whose errors are messages: what was expected, what was found, what to do."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn errors of rubriek into a message and an exit status."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        with _messages(), shown():
            try:
                return super().invoke(ctx)
            except RubriekError as error:
                click.echo(click.style("Error: ", fg="red") + in_options(str(error)), err=True)
                ctx.exit(_MISUSED if isinstance(error, OptionError | ColumnError) else _FAILED)
            except OSError as error:
                if error.errno == errno.EPIPE:
                    raise  # whoever read stdout has seen enough; click ends quietly
                click.echo(click.style("Error: ", fg="red") + str(error), err=True)
                ctx.exit(_FAILED)
            except KeyboardInterrupt:
                click.echo("Interrupted.", err=True)
                ctx.exit(_INTERRUPTED)


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
      130  interrupted; the same command goes on where it was

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


def in_options(text: str) -> str:
    """Say keyword arguments of the library as options of the command.

    Examples
    --------
    >>> in_options("hint: name the result columns apart: prefix='predicted_'")
    'hint: name the result columns apart: --prefix predicted_'
    """
    return re.sub(r"\b([a-z]+(?:_[a-z]+)*)='([^']*)'", lambda m: f"--{m[1].replace('_', '-')} {m[2]}", text)


class _Echo(logging.Handler):
    """Writes the library's log to stderr as plain lines."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = click.style("Warning: ", fg="yellow") if record.levelno >= logging.WARNING else ""
        click.echo(kind + self.format(record), err=True)


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
