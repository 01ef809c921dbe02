"""``rubriek hub``: search a folder of model cards, and make a site of it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rubriek.cli.options import as_json_option

if TYPE_CHECKING:
    from rubriek.hub.index import Refreshed
    from rubriek.hub.site import Built

WIDE = 110
"""Columns of a terminal from which on there is room for titles."""

_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.group()
def hub() -> None:
    """Browse model cards: search a folder of them, or make a site that others can search.

    \b
    Examples:
      rubriek hub search ./cards --lang nl --text news
      rubriek hub site ./cards -o ./site
    """  # noqa: D301 -- click reads \b


@hub.command()
@_folder
@click.option("--text", default="", metavar="WORDS", help="Words in name, title, labels, tags, description.")
@click.option("--task", default="", help='Such as "Text Classification".')
@click.option(
    "--lang", "--language", "language", default="", metavar="CODE", help="Language of the texts, e.g. nl."
)
@click.option("--annotator", default="", help="Such as BertForSequenceClassification.")
@click.option("--engine", default="", help="Such as onnx.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most lines.")
@as_json_option
def search(
    folder: Path,
    text: str,
    task: str,
    language: str,
    annotator: str,
    engine: str,
    limit: int,
    as_json: bool,
) -> None:
    """Find model cards in FOLDER, the best first; without --text the newest first.

    Every word must stand in the card or begin a word of it. The cards (.md) are read once; the index of them
    lies in rubriek's cache folder, and only what has changed is read again.

    \b
    Examples:
      rubriek hub search ./cards --task "Text Classification" --lang nl --text news
      rubriek hub search ./our-hub --annotator BertForSequenceClassification --json
    """  # noqa: D301 -- click reads \b
    from rubriek.cli.terminal import Screen, print_json, table
    from rubriek.hub.index import Index
    from rubriek.hub.queries import Query

    query = Query(text, task, language, annotator, engine)
    query.statement()  # a text without words is refused before anything is read
    with Index(folder) as index:
        with _reading() as progress:
            refreshed = index.refresh(progress)
        found, total = index.search(query, limit=limit), index.count(query)
    if as_json:
        values = {
            "total": total,
            "cards": [dataclasses.asdict(card) for card in found],
            "problems": refreshed.problems,
        }
        print_json(values)
        return
    _tell_problems(refreshed)
    if not found:
        click.echo(f"None of the {refreshed.cards:,} cards fits.")
        return
    screen = Screen.of(sys.stdout)
    shown = ["name", "language", "tasks", "engine", "date", "title"][: 6 if screen.width >= WIDE else 5]
    cards = [{**dataclasses.asdict(card), "tasks": ", ".join(card.tasks)} for card in found]
    first, *lines = table([[card[name] for name in shown] for card in cards], screen, header=shown)
    for line in [click.style(first, bold=True), *lines]:
        click.echo(line)
    part = f"{len(found):,} of " if total > len(found) else ""
    click.echo(f"{part}{total:,} found among {refreshed.cards:,} cards")


@hub.command()
@_folder
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write it; a site that rubriek wrote there is replaced, nothing else ever is.",
)
@click.option("--title", default="Models", show_default=True, help="What the site is called.")
@as_json_option
def site(folder: Path, output: Path, title: str, as_json: bool) -> None:
    """Make a site of the model cards in FOLDER: a list with search and filters, and a page for each card.

    The site is plain files: open index.html, or put the folder on any web server. It needs no other server,
    and asks none.

    \b
    Example:
      rubriek hub site ./our-hub/cards -o ./our-hub/site
    """  # noqa: D301 -- click reads \b
    from rubriek.cli.terminal import print_json, safe
    from rubriek.hub.site import build

    with _reading() as progress:
        built = build(folder, output, title=title, progress=progress)
    if as_json:
        values = {"index": str(built.index), "cards": built.cards, "problems": built.problems}
        print_json(values)
        return
    _tell_problems(built)
    click.echo(f"{built.cards:,} cards: {safe(str(built.index))}")


@contextmanager
def _reading() -> Iterator[Callable[[int, int], None]]:
    """Show how many cards have been read; on a stream that is no terminal show nothing."""
    from tqdm import tqdm

    from rubriek.cli.terminal import BAR_ROWS, bar_columns

    with tqdm(
        unit=" cards", leave=False, disable=not sys.stderr.isatty(), ncols=bar_columns(), nrows=BAR_ROWS
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def _tell_problems(found: Refreshed | Built) -> None:
    if not found.problems:
        return
    from rubriek.cli.terminal import safe

    path, problem = next(iter(found.problems.items()))
    more = f", and {len(found.problems) - 1:,} more" if len(found.problems) > 1 else ""
    click.echo(safe(f"{path} is left out: {problem}{more}"), err=True)
