"""Measure every contender on the same texts in one run: ``python -m benchmarks`` (see ``scripts/bench``)."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from benchmarks import models
from benchmarks.commands import add_options, dated, tell, write
from benchmarks.contenders import CONTENDERS, REFERENCE, Contender
from benchmarks.gemm_peak import fp32_gemm_peak
from benchmarks.machine import describe
from benchmarks.peers import split
from benchmarks.processes import Worker, WorkerEnded, last_words
from benchmarks.report import markdown
from benchmarks.results import Measured, Run, padding_in_arrival_order
from benchmarks.texts import LONGEST_HEADLINE, MAX_LENGTH, mixed_texts, piece_counts

HEADLINES = 40
"""Asked one by one, each pass, for the latency."""
MORE_SEEDS = (2, 3, 4, 5)
"""Draws of texts beside the measured one, on which precisions are compared with fp32, too."""


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    for name in models.NAMES if given.model == "all" else (given.model,):
        run = measure(name, quick=given.quick, passes=given.passes, only=given.only)
        print(markdown(run))
        if given.output:
            write(given.output, dated(run, name), run, md=markdown(run))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--model", choices=[*models.NAMES, "all"], default="all")
    add_options(
        parser,
        quick="a small set of texts, one pass",
        passes="texts",
        only="contenders",
        output="DATE-MODEL.md and .json",
    )
    return parser


def measure(name: str, *, quick: bool, passes: int, only: str) -> Run:
    present, missing = split(CONTENDERS, only)
    forms = models.prepare(name)
    texts = mixed_texts(articles=8, headlines=52) if quick else mixed_texts()
    more = (
        [] if quick else list(dict.fromkeys(text for seed in MORE_SEEDS for text in mixed_texts(seed=seed)))
    )
    lengths = piece_counts(texts, forms.huggingface / "tokenizer.json")
    run = Run(name, describe(), forms.size, lengths, 1 if quick else passes, missing=missing)
    run.notes = models.notes(name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        headlines = [text for text in texts if len(text) <= LONGEST_HEADLINE][:HEADLINES]
        file.write_text(json.dumps({"texts": texts, "headlines": headlines, "more": more}), encoding="utf-8")
        with (Path(folder) / "log").open("w+", encoding="utf-8") as log:
            _measure_all(run, present, forms, file, log)
    return run


def _measure_all(
    run: Run, contenders: Sequence[Contender], forms: models.Forms, texts: Path, log: TextIO
) -> None:
    """Start all, then let each do one pass in turn, so that a slow minute of the machine hits all alike.

    Latency is measured afterwards, in a process of its own for each, that has answered single texts only.
    """
    running: list[tuple[Worker, Measured]] = []
    for contender in contenders:
        tell(f"{run.model}: starting {contender.name}")
        try:
            worker = Worker(contender, getattr(forms, contender.model), texts, MAX_LENGTH, log)
        except WorkerEnded as error:
            run.failed[contender.name] = f"{error}; {last_words(log)}"
            continue
        measured = Measured.of(contender, forms.weights(contender.model), worker.about["about"])
        if size := contender.options.get("batch_size"):
            measured.padding = padding_in_arrival_order(run.lengths, int(size))
        running.append((worker, measured))
    for number in range(1, run.passes + 1):
        run.peaks.append(fp32_gemm_peak())
        for worker, measured in list(running):
            try:
                measured.add_pass(worker.ask("pass"))
            except WorkerEnded as error:
                run.failed[measured.name] = f"{error} in pass {number}; {last_words(log)}"
                running.remove((worker, measured))
                continue
            measured.peak_memory = worker.peak_memory()
            rate = run.documents / measured.seconds[-1]
            tell(f"{run.model}: pass {number} of {run.passes}, {measured.name}: {rate:.1f} documents/s")
    for worker, measured in running:
        if measured.is_rubriek or measured.name == REFERENCE:
            _label_more(run, worker, measured, log)
        worker.close()
    for worker, measured in running:
        _measure_latency(run, worker.contender, measured, forms, texts, log)
    run.measured = [one for _, one in running if one.latencies and one.name not in run.failed]


def _label_more(run: Run, worker: Worker, measured: Measured, log: TextIO) -> None:
    tell(f"{run.model}: more texts for the agreement, {measured.name}")
    try:
        measured.more_labels = worker.ask("more")["labels"]
    except WorkerEnded as error:
        run.failed[measured.name] = f"{error} in more texts; {last_words(log)}"


def _measure_latency(
    run: Run, contender: Contender, measured: Measured, forms: models.Forms, texts: Path, log: TextIO
) -> None:
    try:
        worker = Worker(contender, getattr(forms, contender.model), texts, MAX_LENGTH, log, alone=True)
        for _ in range(run.passes):
            measured.latencies += worker.ask("latency")["seconds"]
    except WorkerEnded as error:
        run.failed[contender.name] = f"{error} when asked for single texts; {last_words(log)}"
        return
    measured.peak_memory = max(measured.peak_memory, worker.peak_memory())
    worker.close()
    tell(f"{run.model}: {contender.name}: {measured.latency(0.5) * 1e3:.1f} ms for one headline")


if __name__ == "__main__":
    main()
