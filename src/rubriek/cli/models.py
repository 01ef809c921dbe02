"""``rubriek models``: what is there, and where."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from rubriek.cli.cards import card, publish
from rubriek.cli.export import export
from rubriek.cli.importing import import_, quantize
from rubriek.cli.keeping import prune, pull, remove, verify
from rubriek.cli.options import as_json_option
from rubriek.cli.showing import as_dict, print_bundle

if TYPE_CHECKING:
    from rubriek.hub.upkeep import Kept
    from rubriek.models import Bundle


_ROOMY = 72
"""Columns of a terminal from which the whole list fits."""


@click.group()
def models() -> None:
    """Fetch, list, look at, import and check models; make a faster one; make room.

    \b
    A model is asked for by
      its name              nl-news, or another of rubriek models list
      a path                ./my-bert
      sparknlp://LANG/NAME  of Spark NLP's Models Hub, or the hub in RUBRIEK_HUB
      hf://OWNER/NAME       of Hugging Face; @REVISION may follow
      an address            https://, s3://, gs:// or file://, of a zip or folder

    \b
    Examples:
      rubriek models list
      rubriek models pull hf://owner/name
      rubriek models import ./my-bert --name my-bert
    """  # noqa: D301 -- click reads \b


for command in (pull, import_, quantize, card, export, publish, verify, remove, prune):
    models.add_command(command)


@models.command("list")
@as_json_option
def list_(as_json: bool) -> None:
    """List the models that are built in or in the cache.

    USED is the day of the last use, FROM what a model was asked for by when it was fetched, or imported from.

    \b
    Example:
      rubriek models list
    """  # noqa: D301 -- click reads \b
    from rubriek import hub
    from rubriek.cli.terminal import Screen, Side, print_json, size, table
    from rubriek.hub import upkeep

    bundles = hub.installed()
    kept = upkeep.contents()
    of_models = {one.name: one for one in kept if one.kind == "model"}
    if as_json:
        listed = [_described(bundle, of_models.get(bundle.folder.name)) for bundle in bundles]
        print_json(listed)
        return
    if not bundles:
        click.echo("There are no models yet; import one with: rubriek models import FOLDER")
        return
    rows = []
    for bundle in bundles:
        described = _described(bundle, of_models.get(bundle.folder.name))
        rows.append(
            [
                bundle.folder.name,
                str(len(bundle.labels)),
                bundle.precision,
                str(bundle.max_length),
                size(bundle.size),
                str(described["used"] or "-")[:10],
                str(described["from"]),
            ]
        )
    header = ["model", "labels", "precision", "max length", "size", "used", "from"]
    align: list[Side] = ["left", "right", "left", "right", "right", "left", "left"]
    screen = Screen.of(sys.stdout)
    shown = [0, 1, 2, 3, 4, 5, 6] if screen.width >= _ROOMY else [0, 4, 6]
    first, *lines = table(
        [[row[at] for at in shown] for row in rows],
        screen,
        header=[header[at] for at in shown],
        align=[align[at] for at in shown],
    )
    for line in [click.style(first, bold=True), *lines]:
        click.echo(line)
    originals = sum(one.bytes for one in kept if one.kind == "original")
    if originals:
        click.echo(f"\n{size(originals)} of originals besides; rubriek models prune --originals removes them")


def _described(bundle: Bundle, kept: Kept | None) -> dict[str, object]:
    """Describe a model; what is not kept in the cache is built in."""
    source = bundle.source
    imported_from = str(source.get("path") or source.get("name") or "cache")
    used = kept and kept.used
    return {
        **as_dict(bundle),
        "name": bundle.folder.name,
        "from": "built in" if kept is None else kept.origin or imported_from,
        "built_in": kept is None,
        "used": datetime.fromtimestamp(used).astimezone().isoformat(timespec="seconds") if used else None,
    }


@models.command()
@click.argument("ref")
@as_json_option
def show(ref: str, as_json: bool) -> None:
    """Show what is known about a model that is here: a name in the list, a path, or what it was asked for by.

    \b
    Example:
      rubriek models show nl-news
    """  # noqa: D301 -- click reads \b
    from rubriek import hub

    print_bundle(hub.find(ref), as_json)


@models.command()
@click.argument("ref", required=False)
@as_json_option
def path(ref: str | None, as_json: bool) -> None:
    """Print the folder of a model that is here, or that of the cache.

    \b
    Examples:
      rubriek models path
      rubriek models path nl-news
    """  # noqa: D301 -- click reads \b
    from rubriek import hub, settings
    from rubriek.cli.terminal import print_json

    folder = str(settings.cache_folder() if ref is None else hub.find(ref).folder)
    if as_json:
        print_json({"folder": folder})
    else:
        click.echo(os.fsencode(folder))  # for the shell: the bytes of the name, whatever they are
