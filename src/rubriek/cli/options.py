"""Options that several commands have, so that each means the same and reads the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from rubriek.engines import ENGINES, PRECISIONS

_Command = TypeVar("_Command", bound=Callable[..., Any])

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

model_option = click.option(
    "-m",
    "--model",
    default="nl-news",
    show_default=True,
    metavar="REF",
    help="Name or folder of a model; see rubriek models list.",
)

text_column_option = click.option(
    "-t",
    "--text-column",
    "text_columns",
    multiple=True,
    metavar="NAME",
    help="Column of the text; several (repeated or with commas) are joined by a line break. "
    "[default: text, or the only column of strings]",
)

encoding_option = click.option(
    "--encoding",
    metavar="NAME",
    help="Encoding of a text file, e.g. cp1252. [default: UTF-8, UTF-16 or Windows-1252, as its bytes say]",
)

engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), help="What computes. [default: onnxruntime]"
)

precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="What it computes in; bf16 needs --engine openvino. [default: the model's own]",
)


def threads_option(meaning: str = "Cores to use.") -> Callable[[_Command], _Command]:
    """Return the option ``--threads``.

    Parameters
    ----------
    meaning : str, default "Cores to use."
        Its help; a command of several processes says whose cores it means.

    Returns
    -------
    callable
        Adds the option to a command.
    """
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        help=f"{meaning} [default: all that this process may use]",
    )


def max_length_option(default: str = "the model's") -> Callable[[_Command], _Command]:
    """Return the option ``--max-length``.

    Parameters
    ----------
    default : str, default "the model's"
        What help says of its default, which differs where there is no model yet.

    Returns
    -------
    callable
        Adds the option to a command.
    """
    return click.option(
        "--max-length",
        type=click.IntRange(min=3),
        metavar="N",
        help=f"Pieces of a text that the model sees at once. [default: {default}]",
    )
