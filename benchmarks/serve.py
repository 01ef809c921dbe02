"""Put ``rubriek serve`` and its peers under load: ``scripts/bench --serve``."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from benchmarks import models
from benchmarks.commands import add_options, dated, tell, write
from benchmarks.machine import describe
from benchmarks.peers import split
from benchmarks.processes import WorkerEnded, last_words
from benchmarks.serving.connection import allow_connections, post
from benchmarks.serving.ideal import ideal_latencies
from benchmarks.serving.load import Target
from benchmarks.serving.local import Local
from benchmarks.serving.outcomes import Stage
from benchmarks.serving.picture import svg
from benchmarks.serving.report import markdown
from benchmarks.serving.results import Measured, Run
from benchmarks.serving.services import PATH, SERVICES, Running, Service, ServiceEnded, body_of, version_of
from benchmarks.serving.stages import AT, QUICK, Load, Plan, all_stages, soak
from benchmarks.texts import many_mixed_texts, mixed_texts


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    allow_connections()
    plan = QUICK if given.quick else Plan()
    run = measure(plan, quick=given.quick, only=given.only, minutes=given.soak)
    if given.output:
        stem = dated(run, "serve")
        write(given.output, stem, run, svg=svg(run), md=markdown(run, f"{stem}.svg"))
    print(markdown(run))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench --serve", description=__doc__)
    add_options(parser, quick="short stages", only="services", output="DATE-serve.md, .json and .svg")
    parser.add_argument(
        "--soak", type=float, metavar="MINUTES", help="at 70 %%, the last rubriek service only"
    )
    return parser


def measure(plan: Plan, *, quick: bool, only: str, minutes: float | None) -> Run:
    """Every service in turn, alone on the machine."""
    present, missing = split(SERVICES, only)
    texts = mixed_texts(plan.articles, plan.headlines)
    flood = many_mixed_texts(plan.flood)
    run = Run(describe(), len(texts), plan.articles, quick, missing=missing)
    soaked = next((service for service in reversed(present) if service.is_rubriek), None)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        locals_: dict[tuple[str, str], Local] = {}
        for number, service in enumerate(present):
            log = stack.enter_context((folder / f"{number}.log").open("w+", encoding="utf-8"))
            key = (service.model, service.precision)
            try:
                if key not in locals_:
                    local = Local(*key, texts, flood, folder, log)
                    locals_[key] = stack.enter_context(contextlib.closing(local))
                soak_minutes = minutes if service is soaked else None
                run.measured.append(_measure(service, locals_[key], plan, soak_minutes, log))
            except (ServiceEnded, WorkerEnded) as error:
                run.failed[service.name] = f"{error}; {last_words(log)}"
        run.pieces = {model: local.texts.average_pieces for (model, _), local in locals_.items()}
    return run


def _measure(service: Service, local: Local, plan: Plan, minutes: float | None, log: TextIO) -> Measured:
    """All stages of one service, and another pass of the local classifier after those of rubriek."""
    measured = Measured(service.name, version_of(service))
    model = getattr(models.prepare(service.model), service.form)
    with Running(service, model, log) as running:
        requests = [post(running.port, PATH, body_of(text)) for text in local.texts.texts]
        told = partial(_tell, service.name)
        load = Load(Target(running.port, requests), running.process.pid, local.texts, plan, told)
        measured.stages += all_stages(load, overload=service.is_rubriek)
        if minutes:
            measured.stages.append(soak(load, measured.sustained, minutes))
    if service.is_rubriek:
        local.run()
        measured.local = local.throughput
        if steady := measured.find(f"{AT:.0%}"):
            known = local.texts.pieces[: len(local.texts.labels)]
            speed = (measured.local_throughput or 0.0) * local.texts.average_pieces
            measured.ideal = ideal_latencies(known, steady.offered or 0.0, speed)
    return measured


def _tell(service: str, stage: Stage) -> None:
    p50, p99 = stage.latency(0.5) * 1e3, stage.latency(0.99) * 1e3
    refused = f", {stage.fates['refused']} refused" if stage.fates["refused"] else ""
    lost = f", {stage.lost} lost" if stage.lost else ""
    rate = f"{stage.throughput:.1f} documents/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms{refused}{lost}"
    tell(f"{service}: {stage.name}: {rate}")


if __name__ == "__main__":
    main()
