"""What the commands behind ``scripts/bench`` have in common: options, words on the way, files at the end."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Protocol


class Run(Protocol):
    """What a command has measured, of any of its kinds."""

    machine: dict[str, Any]

    def to_dict(self) -> dict[str, Any]: ...


def add_options(
    parser: ArgumentParser, *, quick: str, only: str, output: str, passes: str | None = None
) -> None:
    """Add --quick, --only and --output, and --passes where there are any.

    Parameters
    ----------
    quick, only, output, passes : str
        What a quick run is short in, what can be chosen by name, the files that are written, and what the
        passes go over.
    """
    parser.add_argument("--quick", action="store_true", help=f"{quick}: does it run?")
    if passes:
        parser.add_argument(
            "--passes", type=int, default=3, help=f"interleaved passes over the {passes} (default 3)"
        )
    parser.add_argument("--only", default="", help=f"{only} whose name holds this text")
    parser.add_argument("--output", type=Path, help=f"folder for {output}")


def tell(line: str) -> None:
    """Say how far a run is; stdout has the tables and nothing else."""
    print(line, file=sys.stderr, flush=True)


def dated(run: Run, name: str) -> str:
    """What the files of a run are called, without their endings: DATE-NAME."""
    return f"{run.machine['date'][:10]}-{name}"


def write(folder: Path, stem: str, run: Run, **pages: str) -> None:
    """Write a run into a folder as STEM.json, and each page as STEM with its name for an ending."""
    folder.mkdir(parents=True, exist_ok=True)
    for ending, page in {**pages, "json": json.dumps(run.to_dict(), indent=1)}.items():
        (folder / f"{stem}.{ending}").write_text(page, encoding="utf-8")
