"""Measure rubriek and its peers on Spark, in one run: ``python -m benchmarks.spark``."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from benchmarks import models
from benchmarks.commands import add_options, dated, tell, write
from benchmarks.contenders import Contender
from benchmarks.machine import describe
from benchmarks.peers import split
from benchmarks.processes import Worker, WorkerEnded, last_words
from benchmarks.results import Measured
from benchmarks.spark import rows
from benchmarks.spark.contenders import BESIDE_ITSELF, BESIDE_PEERS, SCALE
from benchmarks.spark.memory import watched
from benchmarks.spark.report import markdown
from benchmarks.spark.results import SparkRun
from benchmarks.spark.scaling import Point
from benchmarks.texts import MAX_LENGTH, piece_counts


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    run = measure(quick=given.quick, passes=given.passes, only=given.only)
    print(markdown(run))
    if given.output:
        write(given.output, dated(run, "spark"), run, md=markdown(run))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench --spark", description=__doc__)
    add_options(
        parser,
        quick="few texts, one pass",
        passes="rows",
        only="contenders",
        output="DATE-spark.md and .json",
    )
    return parser


def measure(*, quick: bool, passes: int, only: str) -> SparkRun:
    amounts = rows.QUICK if quick else rows.Amounts()
    base, nl_news = models.prepare("base"), models.prepare("nl-news")
    lengths = piece_counts(rows.mixed(amounts), base.huggingface / "tokenizer.json")
    run = SparkRun(describe(), lengths, amounts.headlines, rows.PARTITIONS, 1 if quick else passes)
    run.notes = models.notes("base")
    with tempfile.TemporaryDirectory(prefix="rubriek-") as name:
        folder = Path(name)
        rows.write_all(folder, amounts)
        with (folder / "log").open("w+", encoding="utf-8") as log:
            bench = Bench(run, folder, log, only)
            run.beside_peers = bench.interleaved(BESIDE_PEERS, base, folder / "mixed", "labels")
            run.beside_itself = bench.interleaved(BESIDE_ITSELF, nl_news, folder / "headlines", "nothing")
            run.points = bench.points(nl_news, amounts)
    return run


SLOW_SECONDS = 40.0
"""Beside peers, a contender whose pass takes longer does no further one; the run would take too long."""

SCALE_PASSES = 2


class Bench:
    """Starts contenders over a folder of rows and lets them do passes in turn."""

    def __init__(self, run: SparkRun, folder: Path, log: TextIO, only: str) -> None:
        self.run, self.folder, self.log, self.only = run, folder, log, only

    def interleaved(
        self, contenders: Sequence[Contender], forms: models.Forms, folder: Path, sink: str
    ) -> list[Measured]:
        """A pass of each in turn, so that a slow minute of the machine hits all alike."""
        with self._started(contenders, forms) as running:
            for number in range(1, self.run.passes + 1):
                for worker, measured in list(running):
                    if contenders is BESIDE_PEERS and measured.seconds and measured.wall > SLOW_SECONDS:
                        continue
                    try:
                        with watched(worker.process.pid) as peaks:
                            measured.add_pass(worker.ask("pass", rows=str(folder), sink=sink))
                    except WorkerEnded as error:
                        self.run.failed[measured.name] = f"{error} in pass {number}; {last_words(self.log)}"
                        running.remove((worker, measured))
                        continue
                    found = sorted(peaks.values(), reverse=True)
                    measured.worker_pss = max(measured.worker_pss, found)
                    measured.peak_memory = worker.peak_memory()
                    tell(f"pass {number} of {self.run.passes}, {measured.name}: {measured.seconds[-1]:.2f} s")
            return [measured for _, measured in running]

    def points(self, forms: models.Forms, amounts: rows.Amounts) -> list[Point]:
        """Jobs of several sizes on one and on two cores."""
        with self._started(SCALE, forms) as running:
            if len(running) < len(SCALE):
                return []
            seconds: dict[tuple[int, int, int], list[float]] = {}
            for _ in range(min(self.run.passes, SCALE_PASSES)):
                for cores, (worker, _) in enumerate(running, start=1):
                    for count, partitions in amounts.scale:
                        folder = rows.scale_folder(self.folder, count, partitions)
                        answer = worker.ask("pass", rows=str(folder), sink="nothing")
                        seconds.setdefault((cores, count, partitions), []).append(answer["seconds"])
            tell("scale: measured on one and two cores")
            return [Point(*key, statistics.median(found)) for key, found in seconds.items()]

    @contextmanager
    def _started(
        self, contenders: Sequence[Contender], forms: models.Forms
    ) -> Iterator[list[tuple[Worker, Measured]]]:
        running: list[tuple[Worker, Measured]] = []
        everyone: list[Worker] = []
        try:
            present, missing = split(contenders, self.only)
            self.run.missing |= missing
            for contender in present:
                tell(f"starting {contender.name}")
                try:
                    worker = Worker(
                        contender, getattr(forms, contender.model), self.folder, MAX_LENGTH, self.log
                    )
                except WorkerEnded as error:
                    self.run.failed[contender.name] = f"{error}; {last_words(self.log)}"
                    continue
                everyone.append(worker)
                measured = Measured.of(contender, forms.weights(contender.model), worker.about["about"])
                measured.start_seconds = worker.about["start_seconds"]
                self.run.model_bytes[contender.name] = measured.weights
                running.append((worker, measured))
            yield running
        finally:
            for worker in everyone:
                worker.close()


if __name__ == "__main__":
    main()
