"""``rubriek models import`` and ``rubriek models quantize``."""

from __future__ import annotations

from pathlib import Path

import click

from rubriek.cli.options import as_json_option, encoding_option, max_length_option, text_column_option
from rubriek.cli.progress import tracked
from rubriek.cli.showing import print_bundle

_output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write the bundle. [default: the cache, where it is found by its name]",
)


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--name", help="What to call it. [default: the folder's name]")
@_output_option
@max_length_option("what its files allow")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME",
    help="A label, once for each of the model's outputs and in their order. [default: what its files say]",
)
@as_json_option
def import_(
    source: Path,
    name: str | None,
    output: Path | None,
    max_length: int | None,
    labels: tuple[str, ...],
    as_json: bool,
) -> None:
    """Import the model at SOURCE, so that it can be used by its name.

    SOURCE is a folder with a BertForSequenceClassification of Hugging Face (config.json, model.safetensors or
    pytorch_model.bin, a tokenizer), one with model.onnx and a tokenizer, or a folder or zip that Spark NLP
    saved. No code in it is run.

    \b
    Examples:
      rubriek models import ./my-bert
      rubriek models import ./my-bert --name toxicity --max-length 256
      rubriek models import ./my-bert --label ham --label spam
    """  # noqa: D301 -- click reads \b
    from rubriek.models import import_model

    made = import_model(source, output, name=name, max_length=max_length, labels=labels or None)
    print_bundle(made, as_json)


@click.command()
@click.argument("ref")
@click.option(
    "--sample",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Texts like those that the model is for; any format that rubriek classify reads.",
)
@text_column_option
@encoding_option
@click.option("--name", help="What to call it. [default: REF-int8]")
@_output_option
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    default=0.99,
    show_default=True,
    metavar="SHARE",
    help="Share of the sample that must get the label that it gets in fp32.",
)
@as_json_option
def quantize(
    ref: str,
    sample: Path,
    text_columns: tuple[str, ...],
    encoding: str | None,
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

    texts = read_texts(sample, text_columns, encoding=encoding)
    made = quantize(
        ref,
        output,
        name=name,
        sample=texts,
        sample_name=sample.name,
        min_agreement=min_agreement,
        track=tracked,
    )
    print_bundle(made, as_json)
