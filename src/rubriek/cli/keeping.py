"""``rubriek models pull``, ``remove``, ``prune`` and ``verify``: models come, are checked and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from rubriek.cli.options import as_json_option
from rubriek.cli.showing import print_bundle

if TYPE_CHECKING:
    from rubriek.hub.upkeep import Kept


@click.command()
@click.argument("ref")
@click.option("--lang", metavar="CODE", help="REF is a name of a hub: the language of the model.")
@click.option(
    "--remote-loc",
    metavar="FOLDER",
    help="REF is a name of a hub: the folder it is in, as in Spark NLP. [default: public/models]",
)
@click.option("--refresh", is_flag=True, help="Fetch it even if it is in the cache.")
@as_json_option
def pull(ref: str, lang: str | None, remote_loc: str | None, refresh: bool, as_json: bool) -> None:
    """Fetch a model into the cache, where it needs no network again.

    What was interrupted goes on where it was. No code in it is run.

    \b
    Examples:
      rubriek models pull bert_classifier_dutch_news_clf_finetuned --lang nl
      rubriek models pull hf://owner/name@main
      rubriek models pull s3://bucket/models/news.zip
    """  # noqa: D301 -- click reads \b
    from rubriek import hub
    from rubriek.hub.references import spark_nlp_name

    wanted = spark_nlp_name(ref, lang, remote_loc) if lang or remote_loc else ref
    print_bundle(hub.resolve(wanted, refresh=refresh), as_json)


@click.command()
@click.argument("refs", nargs=-1, required=True)
@as_json_option
def remove(refs: tuple[str, ...], as_json: bool) -> None:
    """Remove models from the cache, and what they were made of.

    \b
    Example:
      rubriek models remove my-bert
    """  # noqa: D301 -- click reads \b
    from rubriek.hub import upkeep

    _told([kept for ref in refs for kept in upkeep.remove(ref)], "removed", as_json=as_json)


@click.command()
@click.option(
    "--unused-for",
    "unused_days",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Also models that were not used for so many days.",
)
@click.option(
    "--originals",
    is_flag=True,
    help="Also what models were made of, which the models do not need.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing, only tell.")
@as_json_option
def prune(unused_days: float | None, originals: bool, dry_run: bool, as_json: bool) -> None:
    """Make room in the cache: remove what interrupted downloads left, and more if asked.

    \b
    Examples:
      rubriek models prune
      rubriek models prune --unused-for 90 --originals --dry-run
    """  # noqa: D301 -- click reads \b
    from rubriek.hub import upkeep

    pruned = upkeep.prune(unused_days=unused_days, originals=originals, dry_run=dry_run)
    _told(pruned, "would be removed" if dry_run else "removed", as_json=as_json)


@click.command()
@click.argument("ref", required=False)
@as_json_option
@click.pass_context
def verify(ctx: click.Context, ref: str | None, as_json: bool) -> None:
    """Compare the files of models with their checksums: of all, or of one.

    Ends with status 1 if a file is not what it was.

    \b
    Example:
      rubriek models verify
    """  # noqa: D301 -- click reads \b
    from rubriek.cli.terminal import print_json, safe
    from rubriek.hub import upkeep

    damaged = False
    results = []
    for kept, error in upkeep.verify(ref):
        damaged |= error is not None
        results.append({**_as_dict(kept), "error": None if error is None else str(error)})
        if not as_json:
            click.echo(safe(f"{kept.name}: {'as it was written' if error is None else error}"))
    if as_json:
        print_json(results)
    if damaged:
        ctx.exit(1)


def _told(found: Sequence[Kept], what: str, *, as_json: bool) -> None:
    from rubriek.cli.terminal import print_json, safe, size

    if as_json:
        print_json([_as_dict(kept) for kept in found])
        return
    for kept in found:
        click.echo(f"{safe(str(kept.folder))}  {size(kept.bytes)}")
    click.echo(f"{size(sum(kept.bytes for kept in found))} {what}")


def _as_dict(kept: Kept) -> dict[str, object]:
    return {
        "name": kept.name,
        "kind": kept.kind,
        "folder": str(kept.folder),
        "bytes": kept.bytes,
        "origin": kept.origin,
    }
