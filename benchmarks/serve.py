"""Put ``rubriek serve`` and its peers under load: ``scripts/bench --serve``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from benchmarks import models
from benchmarks.machine import describe
from benchmarks.processes import WorkerEnded, last_words
from benchmarks.serving.connection import allow_connections, post
from benchmarks.serving.load import Target
from benchmarks.serving.local import Local
from benchmarks.serving.outcomes import Stage
from benchmarks.serving.picture import svg
from benchmarks.serving.report import markdown
from benchmarks.serving.results import Measured, Run, split
from benchmarks.serving.services import PATH, Running, Service, ServiceEnded, body_of, version_of
from benchmarks.serving.stages import QUICK, Load, Plan, all_stages, soak
from benchmarks.texts import LONGEST_HEADLINE, mixed_texts


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    allow_connections()
    plan = QUICK if given.quick else Plan()
    run = measure(plan, quick=given.quick, only=given.only, minutes=given.soak)
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        stem = given.output / f"{run.machine['date'][:10]}-serve"
        stem.with_suffix(".svg").write_text(svg(run), encoding="utf-8")
        stem.with_suffix(".md").write_text(markdown(run, f"{stem.name}.svg"), encoding="utf-8")
        stem.with_suffix(".json").write_text(json.dumps(run.to_dict(), indent=1), encoding="utf-8")
    print(markdown(run))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench --serve", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short stages: does it run?")
    parser.add_argument("--only", default="", help="services whose name holds this text")
    parser.add_argument(
        "--soak", type=float, metavar="MINUTES", help="at 70 %%, the last rubriek service only"
    )
    parser.add_argument("--output", type=Path, help="folder for DATE-serve.md, .json and .svg")
    return parser


def measure(plan: Plan, *, quick: bool, only: str, minutes: float | None) -> Run:
    """Every service in turn, alone on the machine."""
    present, missing = split(only)
    texts = mixed_texts(articles=8, headlines=52) if quick else mixed_texts()
    articles = sum(len(text) > LONGEST_HEADLINE for text in texts)
    run = Run(describe(), len(texts), articles, quick, missing=missing)
    soaked = next((service for service in reversed(present) if service.is_rubriek), None)
    for service in present:
        with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w+", encoding="utf-8") as log:
            try:
                time = minutes if service is soaked else None
                _measure(run, service, texts, plan, time, Path(folder), log)
            except (ServiceEnded, WorkerEnded) as error:
                run.failed[service.name] = f"{error}; {last_words(log)}"
    return run


def _measure(
    run: Run,
    service: Service,
    texts: list[str],
    plan: Plan,
    minutes: float | None,
    folder: Path,
    log: TextIO,
) -> None:
    """One service, and the local classifier on the same model before and after it."""

    def tell(stage: Stage) -> None:
        p50, p99 = stage.latency(0.5) * 1e3, stage.latency(0.99) * 1e3
        lost = f", {stage.lost} lost" if stage.lost else ""
        refused = f", {stage.fates['refused']} refused" if stage.fates["refused"] else ""
        rate = f"{stage.throughput:.1f} documents/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms{refused}{lost}"
        print(f"{service.name}: {stage.name}: {rate}", file=sys.stderr, flush=True)

    local = Local(service.model, service.precision, texts, folder, log)
    try:
        run.pieces[service.model] = local.texts.average_pieces
        measured = Measured(service.name, version_of(service))
        with Running(service, getattr(models.prepare(service.model), service.form), log) as running:
            requests = [post(running.port, PATH, body_of(text)) for text in texts]
            load = Load(Target(running.port, requests), running.process.pid, local.texts, plan, tell)
            measured.stages += all_stages(load, overload=service.is_rubriek)
            if minutes:
                measured.stages.append(soak(load, measured.sustained, minutes))
        if service.is_rubriek:
            local.run()
            measured.local = local.throughput
    finally:
        local.close()
    run.measured.append(measured)


if __name__ == "__main__":
    main()
