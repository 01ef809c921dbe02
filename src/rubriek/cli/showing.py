"""How a model is shown, as text and as JSON."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rubriek.models import Agreement, Bundle


def as_dict(bundle: Bundle) -> dict[str, Any]:
    """Return all that is known of a bundle."""
    values = dataclasses.asdict(bundle)
    return {**values, "folder": str(bundle.folder)}


def print_bundle(bundle: Bundle, as_json: bool) -> None:
    """Print what is known of a bundle."""
    from rubriek.cli.terminal import facts, print_json, size

    if as_json:
        print_json(as_dict(bundle))
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
        "cut at": f"the {bundle.truncation_side}, where a text has more pieces",
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
