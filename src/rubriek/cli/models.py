"""``rubriek models``: list, show, import and quantize."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rubriek.cli.export import export

if TYPE_CHECKING:
    from rubriek.models import Agreement, Bundle

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def models() -> None:
    """List models, look at one, import one, or make a faster one.

    \b
    Examples:
      rubriek models list
      rubriek models import ./my-bert --name my-bert
    """  # noqa: D301 -- click reads \b


models.add_command(export)


@models.command("list")
@_as_json
def list_(as_json: bool) -> None:
    """List the models that are built in or in the cache.

    \b
    Example:
      rubriek models list
    """  # noqa: D301 -- click reads \b
    from rubriek import hub
    from rubriek.cli.terminal import Screen, Side, size, table

    bundles = hub.installed()
    if as_json:
        click.echo(json.dumps([_as_dict(bundle) for bundle in bundles], ensure_ascii=False))
        return
    if not bundles:
        click.echo("There are no models yet; import one with: rubriek models import FOLDER")
        return
    rows = [
        [
            b.name,
            str(len(b.labels)),
            b.precision,
            str(b.max_length),
            size(b.size),
            "built in" if b.folder.parent == hub.BUNDLED else "cache",
        ]
        for b in bundles
    ]
    header = ["model", "labels", "precision", "max length", "size", "where"]
    align: list[Side] = ["left", "right", "left", "right", "right", "left"]
    first, *lines = table(rows, Screen.of(sys.stdout), header=header, align=align)
    for line in [click.style(first, bold=True), *lines]:
        click.echo(line)


@models.command()
@click.argument("ref")
@_as_json
def show(ref: str, as_json: bool) -> None:
    """Show what is known about a model: a name in the list, or a folder.

    \b
    Example:
      rubriek models show nl-news
    """  # noqa: D301 -- click reads \b
    from rubriek import hub

    _print(hub.resolve(ref), as_json)


@models.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--name", help="What to call it. [default: the folder's name]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write the bundle. [default: the cache, where it is found by its name]",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=3),
    metavar="N",
    help="Pieces of a text that the model sees at once. [default: what its files allow]",
)
@_as_json
def import_(
    source: Path, name: str | None, output: Path | None, max_length: int | None, as_json: bool
) -> None:
    """Import the model at SOURCE, so that it can be used by its name.

    SOURCE is a folder with a BertForSequenceClassification of Hugging Face (config.json, model.safetensors or
    pytorch_model.bin, a tokenizer), one with model.onnx and a tokenizer, or a folder or zip that Spark NLP
    saved. No code in it is run.

    \b
    Examples:
      rubriek models import ./my-bert
      rubriek models import ./my-bert --name toxicity --max-length 256
    """  # noqa: D301 -- click reads \b
    from rubriek.models import import_model

    _print(import_model(source, output, name=name, max_length=max_length), as_json)


@models.command()
@click.argument("ref")
@click.option(
    "--sample",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Texts like those that the model is for; any format that rubriek classify reads.",
)
@click.option(
    "-t",
    "--text-column",
    "text_columns",
    multiple=True,
    metavar="NAME",
    help="Column of the text in the sample. [default: text, or the only column of strings]",
)
@click.option("--name", help="What to call it. [default: REF-int8]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write the bundle. [default: the cache, where it is found by its name]",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    default=0.99,
    show_default=True,
    metavar="SHARE",
    help="Share of the sample that must get the label that it gets in fp32.",
)
@_as_json
def quantize(
    ref: str,
    sample: Path,
    text_columns: tuple[str, ...],
    name: str | None,
    output: Path | None,
    min_agreement: float,
    as_json: bool,
) -> None:
    """Write an int8 version of a model, if it agrees with fp32 on real texts.

    Both versions label the sample; the new one is only written when the share of equal labels is at least
    --min-agreement, and records that share and the largest difference of a score.

    \b
    Example:
      rubriek models quantize my-bert --sample news.csv -t text
    """  # noqa: D301 -- click reads \b
    from rubriek.files.texts import read_texts
    from rubriek.models import quantize

    texts = read_texts(sample, text_columns)
    made = quantize(
        ref, output, name=name, sample=texts, sample_name=sample.name, min_agreement=min_agreement
    )
    _print(made, as_json)


def _as_dict(bundle: Bundle) -> dict[str, Any]:
    values = dataclasses.asdict(bundle)
    return {**values, "folder": str(bundle.folder)}


def _print(bundle: Bundle, as_json: bool) -> None:
    from rubriek.cli.terminal import facts, size

    if as_json:
        click.echo(json.dumps(_as_dict(bundle), ensure_ascii=False, default=str))
        return
    source = bundle.source
    values = {
        "model": bundle.name,
        "folder": str(bundle.folder),
        "labels": ", ".join(bundle.labels[:50]) + (", ..." if len(bundle.labels) > 50 else ""),
        "problem": bundle.problem_type.replace("_", " "),
        "threshold": str(bundle.threshold) if bundle.problem_type.startswith("multi") else None,
        "precision": bundle.precision,
        "max length": f"{bundle.max_length} pieces",
        "encoder": ", ".join(
            f"{name.replace('_', ' ')} {value:,}" for name, value in (bundle.encoder or {}).items()
        )
        or "unknown",
        "size": size(bundle.size),
        "came from": ", ".join(str(source[key]) for key in ("format", "name", "path") if source.get(key))
        or None,
        "agreement": None if bundle.agreement is None else _agreement(bundle.agreement),
    }
    for line in facts(values):
        click.echo(line)


def _agreement(found: Agreement) -> str:
    return (
        f"{100 * found.agreement:.2f} % of {found.documents:,} texts ({found.sample}) get the label that "
        f"fp32 gives; scores differ by {found.largest_score_difference:.4f} at most"
    )
