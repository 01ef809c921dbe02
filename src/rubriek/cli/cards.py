"""``rubriek models card`` and ``rubriek models publish``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rubriek.cli.options import as_json_option


@click.command()
@click.argument("ref")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it. [default: stdout]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the front matter and the sections.")
def card(ref: str, output: Path | None, as_json: bool) -> None:
    """Write the card of the model REF: Markdown in the form of Spark NLP's Models Hub.

    It says what the model's record and its own card (a README.md in its folder) say, and nothing else:
    accuracy only where it was measured.

    \b
    Examples:
      rubriek models card nl-news
      rubriek models card ./my-bert -o my-bert.md
    """  # noqa: D301 -- click reads \b
    from rubriek import hub
    from rubriek.cli.terminal import json_text, safe
    from rubriek.hub.cards import card_text
    from rubriek.hub.describing import describe
    from rubriek.jobs.disk import replacing

    made = describe(hub.resolve(ref))
    text = card_text(made)
    if as_json:
        sections = [{"title": part.title, "text": part.text} for part in made.sections]
        text = json_text({"front": dict(made.front), "sections": sections}) + "\n"
    if output is None:
        click.echo(safe(text) if sys.stdout is not None and sys.stdout.isatty() else text, nl=False)
        return
    with replacing(output) as stream:
        stream.write(text.encode())


@click.command()
@click.argument("ref")
@click.option(
    "--to",
    required=True,
    metavar="HUB",
    help="A folder, or s3://bucket or gs://bucket; a folder within it may follow.",
)
@click.option("--name", help="What to call it there. [default: the model's name]")
@click.option(
    "--lang",
    "--language",
    "language",
    metavar="CODE",
    help="The language of the texts, e.g. nl; xx for several. [default: what the model's card says]",
)
@click.option(
    "--url",
    metavar="URL",
    help="Where the hub is served, for the card's Download link. [default: none; for s3:// Amazon's address]",
)
@as_json_option
def publish(
    ref: str, to: str, name: str | None, language: str | None, url: str | None, as_json: bool
) -> None:
    """Publish the model REF on a hub of your own, for users of rubriek and of Spark NLP.

    Writes the zip, its row in the catalogue (public/models/metadata.json) and its card (cards/). The same
    model is published once; another one under the same name becomes the one that is found.

    \b
    Examples:
      rubriek models publish nl-news --to ./our-hub --name nl_news
      rubriek models publish my-bert --to s3://our-models --lang nl
    """  # noqa: D301 -- click reads \b
    from rubriek import hub
    from rubriek.cli.terminal import facts, print_json, safe
    from rubriek.hub.publishing import publish as publish_bundle

    bundle = hub.resolve(ref)
    made = publish_bundle(bundle, to, name=name, language=language, url=url)
    resource = made.resource
    if as_json:
        values = {"name": resource.name, "language": resource.language, "file": resource.file}
        values |= {"archive": made.archive, "card": made.card, "md5": resource.checksum}
        print_json({**values, "new": made.new})
        return
    where = to if "://" in to else str(Path(to).absolute())
    lines = {
        "published": "now" if made.new else "before; the same model is there already",
        "zip": made.archive,
        "card": made.card,
        "find it with": f"RUBRIEK_HUB={where}",
        "use it with": f"BertForSequenceClassification.pretrained({resource.name!r}, {resource.language!r})",
    }
    for line in facts(lines):
        click.echo(line)
    if bundle.precision == "int8":
        click.echo(
            f"{safe(bundle.name)} is an int8 model: its scores differ by a few hundredths between versions "
            "of ONNX Runtime. Publish the fp32 model where they have to be equal.",
            err=True,
        )
