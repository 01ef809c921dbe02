"""A run as one Markdown page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.report import machine_lines, percent, row, target_lines
from benchmarks.serving.outcomes import QUANTILES, Stage, drift
from benchmarks.serving.results import Measured, Run
from benchmarks.serving.stages import AT
from benchmarks.serving.targets import targets

SUMMARY = (
    "service",
    "local",
    "1 client",
    "32 clients",
    "sustained",
    "p50 / p99 at 70 %, ms",
    "peak RSS, MB",
)
COLUMNS = (
    "stage",
    "offered/s",
    "good/s",
    "good",
    "429",
    "lost",
    "p50 / p95 / p99, ms",
    "headlines",
    "articles",
    "RSS, MB",
    "CPU of service, generator, others",
)
DISTURBED = 0.05
LATE = 0.005


def markdown(run: Run, picture: str | None = None) -> str:
    """The whole report; ``picture`` is the name of the SVG beside it."""
    parts = [_heading(run), _summary(run)]
    if picture:
        parts.append(iter([f"![Latency against rate]({picture})"]))
    parts += [_targets(run), _notes(run), *(_stages(one) for one in run.measured)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _heading(run: Run) -> Iterator[str]:
    yield "# rubriek serve beside its peers, under load"
    yield ""
    yield from machine_lines(run.machine)
    yield ""
    yield (
        f"{run.documents:,} texts in random order, {run.articles:,} articles and "
        f"{run.documents - run.articles:,} headlines, one a request, none twice at the same time. The "
        "generator runs on the same cores as the service."
    )
    if run.quick:
        yield ""
        yield "**A quick run: it shows that everything runs; its figures mean little.**"


def _summary(run: Run) -> Iterator[str]:
    yield row(
        ["service", "local", "1 client", "32 clients", "sustained", "p50 / p99 at 70 %, ms", "peak RSS, MB"]
    )
    yield row(["---"] + ["---:"] * 6)
    for one in run.measured:
        closed = [one.find(name) for name in ("1 client", "32 clients")]
        steady = one.find("70%")
        yield row(
            [
                one.name,
                _rate(one.local_throughput),
                *(_rate(stage and stage.throughput) for stage in closed),
                _rate(one.sustained),
                "–" if steady is None else f"{_ms(steady.latency(0.5))} / {_ms(steady.latency(0.99))}",
                f"{one.peak_memory / 1e6:,.0f}",
            ]
        )
    for name, line in run.missing.items():
        yield row([name, f"not measured; install it: `{line}`"] + [""] * 5)
    for name, cause in run.failed.items():
        yield row([name, f"failed: {cause}"] + [""] * 5)
    yield ""
    yield "Documents per second, in texts of average length."


def _targets(run: Run) -> Iterator[str]:
    yield from target_lines(targets(run))


def _notes(run: Run) -> Iterator[str]:
    yield "## How to read it"
    yield ""
    pieces = ", ".join(f"{name} {average:.1f}" for name, average in run.pieces.items())
    yield (
        "* Throughput counts the pieces of the texts answered with 200, divided by those of the average text "
        f"({pieces}): a service that refuses articles first gains nothing by it. In an open loop it counts "
        "from a fifth of the stage to its end."
    )
    yield (
        "* Open loop: arrivals are a Poisson process, and latency counts from the time at which a request "
        "was to be sent, so that a service that stalls the generator cannot hide it. How late the generator "
        f"itself sent is part of every latency; a stage where its p99 exceeds {LATE * 1e3:.0f} ms is named."
    )
    yield (
        "* 1 and 32 clients are closed loops: each waits for its answer before it asks again, as in the "
        "benchmark of the classifiers."
    )
    yield (
        "* local: the classifier in a process of its own, all texts in one call, before and after the "
        "stages. 30 % to 100 % are shares of what rubriek did at saturation, and the others in their better "
        "closed loop; sustained is the most of any open-loop stage."
    )
    yield "* lost: neither 200 nor 429: an error, a broken connection, or no answer within patience."
    yield "* An article costs some ten headlines. Where p99 is judged over both, it is that of articles."
    yield (
        "* a perfect queue: texts read one after the other in order of arrival, at the local classifier's "
        "speed and with nothing around it. Its p99 is what Poisson arrivals alone make of this mix."
    )
    ours = [stage for one in run.measured if one.name.startswith("rubriek") for stage in one.stages]
    wrong, checked = sum(stage.wrong for stage in ours), sum(stage.checked for stage in ours)
    yield f"* Labels of rubriek's answers that differ from the local classifier's: {wrong} of {checked:,}."
    yield "* RSS is that of the service's processes together, at the end of the stage, and its drift."


def _stages(one: Measured) -> Iterator[str]:
    yield f"## {one.name}"
    yield ""
    yield f"{one.version}."
    if one.local:
        yield f"Local passes: {', '.join(f'{rate:.1f}' for rate in one.local)} documents/s."
    if one.ideal:
        yield f"A perfect queue at {AT:.0%}: p50 {_ms(one.ideal[0])} ms, p99 {_ms(one.ideal[1])} ms."
    yield ""
    yield row(COLUMNS)
    yield row(["---"] + ["---:"] * (len(COLUMNS) - 1))
    for stage in one.stages:
        yield row(_cells(stage))
    for stage in one.stages:
        if stage.lost:
            causes = {**stage.errors, "no answer": stage.fates["unanswered"]}
            told = ", ".join(f"{count:,} {cause}" for cause, count in causes.items() if count)
            yield ""
            yield f"Lost in {stage.name}: {told}."
    if late := [f"{stage.name} ({_ms(stage.late)} ms)" for stage in one.stages if stage.late > LATE]:
        yield ""
        yield f"The generator was late in: {', '.join(late)}."


def _cells(stage: Stage) -> list[str]:
    cpu = stage.cpu
    others = f"**{percent(cpu['others'])}**" if cpu["others"] > DISTURBED else percent(cpu["others"])
    return [
        stage.name,
        _rate(stage.offered),
        _rate(stage.throughput),
        f"{stage.fates['good']:,}",
        f"{stage.fates['refused']:,}",
        f"**{stage.lost:,}**" if stage.lost else "0",
        *(" / ".join(_ms(stage.latency(share, kind)) for share in QUANTILES) for kind in stage.latencies),
        _memory(stage.memory),
        f"{percent(cpu['service'])}, {percent(cpu['generator'])}, {others}",
    ]


def _memory(samples: Sequence[float]) -> str:
    if not samples:
        return "–"
    grown = drift(samples)
    return f"{samples[-1] / 1e6:,.0f}" + ("" if math.isnan(grown) else f" ({grown:+.1%})")


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _ms(seconds: float) -> str:
    if math.isnan(seconds):
        return "–"
    return f"{seconds * 1e3:.1f}" if seconds < 0.01 else f"{seconds * 1e3:,.0f}"
