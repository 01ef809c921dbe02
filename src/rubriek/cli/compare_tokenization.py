"""``rubriek compare-tokenization``: what Spark NLP's way of reading costs on one's own texts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rubriek.cli.options import (
    as_json_option,
    encoding_option,
    max_length_option,
    model_option,
    text_column_option,
)

if TYPE_CHECKING:
    from rubriek.sparknlp.comparison import Comparison


@click.command("compare-tokenization")
@click.argument("file", type=click.Path(path_type=Path))
@model_option
@text_column_option
@encoding_option
@max_length_option()
@click.option(
    "--examples", type=click.IntRange(min=0), default=5, show_default=True, help="How many texts to show."
)
@as_json_option
def compare_tokenization(
    file: Path,
    model: str,
    text_columns: tuple[str, ...],
    encoding: str | None,
    max_length: int | None,
    examples: int,
    as_json: bool,
) -> None:
    """Show how many words of the texts in FILE Spark NLP does not read, and how many labels that changes.

    Spark NLP's BertForSequenceClassification reads of every word only what stands before the first
    punctuation inside it ("Noord" of "Noord-Holland"), and strips accents. The same model labels the texts
    both ways.

    \b
    Examples:
      rubriek compare-tokenization news.csv
      rubriek compare-tokenization news.parquet -m my-bert -t title,text
    """  # noqa: D301 -- click reads \b
    import rubriek
    from rubriek.cli.terminal import print_json
    from rubriek.files.texts import read_texts
    from rubriek.sparknlp.comparison import compare
    from rubriek.sparknlp.resources import case_sensitive

    options: dict[str, Any] = {} if max_length is None else {"max_length": max_length}
    classifier = rubriek.load(model, **options)
    texts = read_texts(file, text_columns, encoding=encoding)
    found = compare(classifier, texts, case_sensitive=case_sensitive(classifier.bundle), examples=examples)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)


def _print(found: Comparison) -> None:
    from rubriek.cli.terminal import Screen, facts, fitted, safe

    screen = Screen.of(sys.stdout)
    common = "  ".join(f"{word} {count:,}" for word, count in found.most_dropped.most_common(8))
    values = {
        "texts": f"{found.documents:,}",
        "words": f"{found.words:,}",
        "not read by Spark NLP": f"{found.dropped:,}{_share(found.dropped, found.words)}",
        "most often": fitted(common, screen.width - 30, screen.ellipsis) or None,
        "texts with such words": f"{found.with_dropped:,}{_share(found.with_dropped, found.documents)}",
        "unknown pieces": f"{found.unknown['sparknlp']:,} (sparknlp), "
        f"{found.unknown['huggingface']:,} (huggingface)",
        "labels that change": f"{found.labels_changed:,}{_share(found.labels_changed, found.documents)}",
    }
    for line in facts(values):
        click.echo(line)
    for example in found.examples:
        changes = example.sparknlp != example.huggingface
        label = safe(f"{example.sparknlp} (sparknlp), {example.huggingface} (huggingface)")
        click.echo()
        click.echo(fitted(f"{example.row + 1:,}: {example.text}", screen.width, screen.ellipsis))
        dropped = " ".join(example.dropped) or "nothing"
        click.echo(f"  not read: {fitted(dropped, screen.width - 12, screen.ellipsis)}")
        click.echo(f"  label:    {click.style(label, bold=True) if changes else safe(example.sparknlp)}")


def _share(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.1f} %)" if whole else ""
