"""Compare the real Spark NLP with rubriek.sparknlp on any texts: ``python -m benchmarks.parity``
(``scripts/parity``)."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.parity.compare import Comparison, compare
from benchmarks.parity.settings import SETTINGS
from benchmarks.parity.texts import default_texts, texts_of_file
from benchmarks.peers import ROOT, install_line, python_of

MODEL = ROOT / "tests" / "data" / "tiny-a"
SIDES = ("theirs", "ours")
SHOWN = 160
"""Characters of a value in an example."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if missing := [line for need in ("sparknlp", "java") if (line := install_line(need))]:
        print("The real Spark NLP is not here. First:", *missing, sep="\n  ", file=sys.stderr)
        return 2
    texts = [text for file in given.files for text in texts_of_file(file)] if given.files else default_texts()
    settings = [name for name in SETTINGS if given.only in name]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model")
        _export(given.model, model)
        results = {side: _annotate(side, texts, settings, model, Path(folder, side)) for side in SIDES}
    differing = 0
    for name, theirs, ours in zip(settings, results["theirs"], results["ours"], strict=True):
        found = compare(theirs, ours, most_examples=given.examples)
        differing += found.differing["any"]
        _print(name, found, texts)
    pairs = len(texts) * len(settings)
    print(f"\n{len(texts):,} texts in {len(settings)} settings: {differing:,} of {pairs:,} pairs differ")
    return 1 if differing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/parity", description=__doc__)
    parser.add_argument(
        "files", nargs="*", type=Path, help="texts; default: invented news and junk, about 2,500"
    )
    parser.add_argument("--model", default=str(MODEL), help="a model's name or folder (default: a tiny one)")
    parser.add_argument("--only", default="", help="settings whose name holds this text")
    parser.add_argument("--examples", type=int, default=3, help="differences shown of each kind (default 3)")
    return parser


def _export(ref: str, target: Path) -> None:
    """Write the model once, as rubriek exports it; both sides load that."""
    from rubriek import hub
    from rubriek.models.sparknlp_export import export_sparknlp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of padding elsewhere than at 0, which both sides have alike
        export_sparknlp(hub.resolve(ref), target)


def _annotate(
    side: str, texts: Sequence[str | None], settings: Sequence[str], model: Path, output: Path
) -> list[list[dict[str, Any]]]:
    output.mkdir()
    given = {
        "side": side,
        "texts": texts,
        "model": str(model),
        "settings": settings,
        "output": str(output),
    }
    python = python_of("sparknlp" if side == "theirs" else "rubriek")
    command = [str(python), "-m", "benchmarks.parity.worker"]
    subprocess.run(command, input=json.dumps(given), text=True, cwd=ROOT, check=True, stdout=sys.stderr)
    return [json.loads((output / f"{number}.json").read_text("utf-8")) for number in range(len(settings))]


def _print(name: str, found: Comparison, texts: Sequence[str | None]) -> None:
    print(
        f"\n{name}: {found.equal:,} of {found.texts:,} texts equal, {found.annotations:,} categories, "
        f"largest difference of a score {found.score_difference:.1e}"
    )
    for kind, number in found.differing.most_common():
        if kind != "any":
            print(f"  {number:,} differ in: {kind}")
    for number, kind, theirs, ours in found.examples:
        print(f"    {kind}, text {number}: {texts[number]!r:.{SHOWN}}")
        print(f"      Spark NLP: {theirs!r:.{SHOWN}}")
        print(f"      rubriek:   {ours!r:.{SHOWN}}")


if __name__ == "__main__":
    sys.exit(main())
