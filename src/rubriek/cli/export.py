"""``rubriek models export``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("ref")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["sparknlp"]),
    required=True,
    help="sparknlp: what BertForSequenceClassification.load of Spark NLP reads, from 5.1 on.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where to write it; a name that ends in .zip makes a zip, as the Models Hub serves them.",
)
@click.option("--overwrite", is_flag=True, help="Replace a saved model that is there.")
def export(ref: str, format_: str, output: Path, overwrite: bool) -> None:
    """Write the model REF in the format of another program.

    REF is a name in the list, or a folder: a Hugging Face checkpoint becomes a model of Spark NLP in one go.

    \b
    Examples:
      rubriek models export nl-news --format sparknlp -o ./nl-news-sparknlp
      rubriek models export ./my-bert --format sparknlp -o my_bert_nl_5.1.4_3.4_1698789540127.zip
    """  # noqa: D301 -- click reads \b
    from rubriek import hub
    from rubriek.cli.terminal import safe
    from rubriek.models.sparknlp_export import export_sparknlp

    bundle = hub.resolve(ref)
    target = export_sparknlp(bundle, output, overwrite=overwrite)
    use = (
        f"unzip it into ~/cache_pretrained/{target.stem}"
        if target.suffix == ".zip"
        else f"BertForSequenceClassification.load({str(target)!r})"
    )
    click.echo(safe(f"{target} is ready for Spark NLP: {use}"))
    if bundle.precision == "int8":
        click.echo(
            f"{safe(bundle.name)} is an int8 model: its scores differ by a few hundredths between versions "
            "of ONNX Runtime. Export the fp32 model where they have to be equal.",
            err=True,
        )
