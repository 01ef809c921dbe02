"""Derives the card of a bundle: what its record says, and what its own card adds. Nothing is made up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rubriek.errors import CardError
from rubriek.hub.card_parts import Links, read_facts, write_examples, write_facts, write_labels, write_links
from rubriek.hub.cards import Card, Section, read_card
from rubriek.hub.catalogue import Resource, dotted
from rubriek.models import checks
from rubriek.models.bundle import Bundle
from rubriek.models.sparknlp_export import MOST_LENGTH, lowercases
from rubriek.models.tokenizer_files import FILE_LIMIT

OWN = "README.md"
"""A card that lies in a bundle."""
ANNOTATOR = "BertForSequenceClassification"
TEXT = {"nl": "Ik hou van Spark NLP"}
DERIVED = ("Description", "Predicted Entities", "How to use", "Model Information")

PYTHON = """\
documentAssembler = DocumentAssembler() \\
    .setInputCol("text") \\
    .setOutputCol("document")

tokenizer = Tokenizer() \\
    .setInputCols(["document"]) \\
    .setOutputCol("token")

sequenceClassifier = BertForSequenceClassification.pretrained("{name}", "{language}") \\
    .setInputCols(["document", "token"]) \\
    .setOutputCol("class")

pipeline = Pipeline(stages=[documentAssembler, tokenizer, sequenceClassifier])

data = spark.createDataFrame([["{text}"]]).toDF("text")

result = pipeline.fit(data).transform(data)"""

SCALA = """\
val documentAssembler = new DocumentAssembler()
    .setInputCol("text")
    .setOutputCol("document")

val tokenizer = new Tokenizer()
    .setInputCols(Array("document"))
    .setOutputCol("token")

val sequenceClassifier = BertForSequenceClassification.pretrained("{name}", "{language}")
    .setInputCols(Array("document", "token"))
    .setOutputCol("class")

val pipeline = new Pipeline().setStages(Array(documentAssembler, tokenizer, sequenceClassifier))

val data = Seq("{text}").toDF("text")

val result = pipeline.fit(data).transform(data)"""

ALONE = """\
import rubriek

rubriek.load("{name}").predict("{text}")"""

BOTH = (
    "The same code runs in Spark NLP and in rubriek. There it needs no Spark: import from `rubriek.sparknlp` "
    "and hand over any frame. Both have to know the hub; rubriek does by `RUBRIEK_HUB`."
)


def describe(
    bundle: Bundle, *, resource: Resource | None = None, links: Links | None = None, size: int | None = None
) -> Card:
    """Make the card of a bundle.

    Parameters
    ----------
    bundle : Bundle
        The model. If a card lies in it (README.md with the front matter ``layout: model``), what that says
        and the record does not is taken over: title, author, licence, description, accuracy, references.
    resource : Resource, optional
        The file that it is published as; by default the card tells how to use the bundle itself.
    links : Links, optional
        Where the file lies.
    size : int, optional
        Bytes of the file. Default: of the bundle.

    Returns
    -------
    Card

    Examples
    --------
    >>> from rubriek import hub
    >>> card = describe(hub.resolve("nl-news"))
    >>> card.language, card.section("Predicted Entities")[:27]
    ('nl', '`Binnenland`, `Buitenland`,')
    """
    own = own_card(bundle)
    language = resource.language if resource else own.language if own else ""
    facts = _facts(bundle, resource, size, language)
    if own:
        facts |= {k: v for k, v in read_facts(own.section("Model Information")).items() if k not in facts}
    labels = write_labels(bundle.labels)
    sections = [
        Section("Description", (own.section("Description") if own else "") or _description(bundle)),
        Section("Predicted Entities", f"{labels}\n\n{write_links(links)}" if links else labels),
        Section("How to use", _use(bundle, resource, language)),
        Section("Model Information", write_facts(facts), "{:.model-param}"),
    ]
    if bundle.agreement:
        sections.append(Section("Agreement with fp32", _agreement(bundle)))
    kept = [part for part in own.sections if part.title not in DERIVED] if own else []
    if not any(part.title == "References" for part in kept):
        kept.append(Section("References", _references(bundle)))
    return Card(_front(bundle, resource, language, own), (*sections, *kept))


def own_card(bundle: Bundle) -> Card | None:
    """Read the card that lies in a bundle; None where there is none, or a README of another kind."""
    try:
        card = read_card(bundle.folder / OWN)
    except CardError:
        return None
    return card if card.text("layout") == "model" else None


def _front(bundle: Bundle, resource: Resource | None, language: str, own: Card | None) -> Mapping[str, Any]:
    own_date = own.text("date") if own else ""
    date = resource.time.date().isoformat() if resource else own_date or datetime.now(UTC).date().isoformat()
    name = resource.name if resource else bundle.name
    tags = ["bert", "sequence_classification", "classification", language, "onnx", bundle.precision]
    values: dict[str, Any] = {
        "layout": "model",
        "title": f"{name} ({ANNOTATOR}, {bundle.precision})",
        **(own.front if own else {}),
        "name": name,
        "date": date,
        "tags": list(dict.fromkeys([*(own.texts("tags") if own else ()), *filter(None, tags)])),
        "task": "Text Classification",
        "language": language or None,
        "edition": f"Spark NLP {dotted(resource.library)}" if resource else None,
        "spark_version": dotted(resource.spark) if resource else None,
        "engine": "onnx",
        "annotator": None if bundle.problem_type == "regression" else ANNOTATOR,
        "article_header": {"type": "cover"},
        "use_language_switcher": "Python-Scala-Java",
    }
    return {key: value for key, value in values.items() if value is not None}


def _description(bundle: Bundle) -> str:
    count = f"{len(bundle.labels):,} label{'s' if len(bundle.labels) > 1 else ''}"
    kinds = {
        "single_label_classification": f"Gives a text one of {count}",
        "multi_label_classification": f"Gives a text any of {count}",
        "regression": f"Gives a text {'values' if len(bundle.labels) > 1 else 'a value'}",
    }
    encoder = bundle.encoder
    built = (
        f" ({encoder['layers']} layers, hidden size {encoder['hidden_size']:,}, "
        f"{encoder['vocab_size']:,} word pieces)"
        if encoder
        else ""
    )
    return (
        f"{kinds[bundle.problem_type]}, with a {ANNOTATOR}{built} in {bundle.precision}, as ONNX. "
        f"It reads at most {bundle.max_length} pieces of a text at once, special tokens included"
        f"{'; of a longer text the last ones.' if bundle.truncation_side == 'left' else '.'}"
    )


def _use(bundle: Bundle, resource: Resource | None, language: str) -> str:
    name = resource.name if resource else bundle.name
    values = {"name": name, "language": language, "text": TEXT.get(language, "I love Spark NLP")}
    if resource is None:
        return write_examples({"python": ALONE.format(**values)})
    code = {"python": PYTHON.format(**values), "scala": SCALA.format(**values)}
    return f"{BOTH}\n\n{write_examples(code)}"


def _facts(bundle: Bundle, resource: Resource | None, size: int | None, language: str) -> dict[str, str]:
    tokenizer = checks.read_object(bundle.tokenizer_file, error=CardError, limit=FILE_LIMIT).values
    multi = bundle.problem_type == "multi_label_classification"
    values = {
        "Model Name": resource.name if resource else bundle.name,
        "Compatibility": f"Spark NLP {dotted(resource.library)}+" if resource else None,
        "Input Labels": "[document, token]" if resource else None,
        "Output Labels": "[class]" if resource else None,
        "Language": language or None,
        "Size": f"{(bundle.size if size is None else size) / 1e6:.1f} MB",
        "Case sensitive": str(not lowercases(tokenizer.get("normalizer"))).lower(),
        "Max sentence length": str(min(bundle.max_length, MOST_LENGTH) if resource else bundle.max_length),
        "Problem type": bundle.problem_type.replace("_", " "),
        "Precision": bundle.precision,
        "Threshold": str(bundle.threshold) if multi else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _agreement(bundle: Bundle) -> str:
    found = bundle.agreement
    assert found is not None
    return "\n".join(
        [
            f"Measured when the model was made in {bundle.precision}, beside the same model in fp32.",
            "",
            "| measured | value |",
            "|---|---|",
            f"| texts | {found.documents:,} |",
            f"| what they are | {found.sample.replace('|', '/')} |",
            f"| equal labels | {100 * found.agreement:.2f} % |",
            f"| largest difference of a score | {found.largest_score_difference:.4f} |",
        ]
    )


def _references(bundle: Bundle) -> str:
    source, lines = bundle.source, []
    name, revision = str(source.get("name", "")), str(source.get("revision", ""))
    if name and revision and source.get("format") == "huggingface":
        lines.append(f"- https://huggingface.co/{name} (revision {revision})")
    elif name:
        lines.append(f"- Imported from {name} ({source.get('format', 'unknown format')})")
    lines += [f"- SHA-256 of {file}: {digest}" for file, digest in bundle.checksums.items()]
    return "\n".join(lines)
