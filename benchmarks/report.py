"""A run as one Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.results import Measured, Run
from benchmarks.targets import Target, targets

COLUMNS = (
    "contender",
    "documents/s",
    "real tokens/s",
    "padding",
    "GFLOP/s",
    "of GEMM peak",
    "agreement",
    "peak RSS, MB",
    "one headline p50 / p95, ms",
    "outside engine",
)
DISTURBED = 0.05


def markdown(run: Run) -> str:
    """The whole report: machine, table, notes, targets."""
    return "\n".join(
        [
            *_heading(run),
            "",
            *_table(run),
            "",
            *_notes(run),
            "",
            *target_lines(targets(run)),
            "",
            *pass_lines(run.measured),
            "",
        ]
    )


def _heading(run: Run) -> Iterator[str]:
    size = run.size
    yield f"# {run.model}: {size.layers} layers, {size.hidden} wide, {size.labels} labels"
    yield ""
    yield from machine_lines(run.machine)
    yield ""
    passes = "one pass" if run.passes == 1 else f"medians of {run.passes} interleaved passes"
    yield f"{run.documents} texts, {run.tokens:,} pieces in all, 256 at most; {passes}."


def machine_lines(machine: Mapping[str, Any]) -> Iterator[str]:
    """Date, machine and versions, as a paragraph."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield f"{machine['date']}. {machine['cpu']} ({', '.join(machine['features'])}),"
    yield f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']},"
    yield f"Python {machine['python']}, {versions}."


def _table(run: Run) -> Iterator[str]:
    yield row(COLUMNS)
    yield row(["---"] + ["---:"] * (len(COLUMNS) - 1))
    for one in run.measured:
        yield row(_cells(run, one))
    for name, line in run.missing.items():
        yield row([name, f"not measured; install it: `{line}`"] + [""] * (len(COLUMNS) - 2))
    for name, cause in run.failed.items():
        yield row([name, f"failed: {cause}"] + [""] * (len(COLUMNS) - 2))


def _cells(run: Run, one: Measured) -> list[str]:
    gflops = run.gflops(one)
    return [
        one.name,
        f"{run.documents / one.wall:.1f}",
        f"{run.tokens / one.wall:,.0f}",
        percent(one.padding),
        f"{gflops:.0f}",
        percent(gflops / run.peak),
        percent(run.agreement(one)),
        f"{one.peak_memory / 1e6:,.0f}",
        f"{one.latency(0.5) * 1e3:.1f} / {one.latency(0.95) * 1e3:.1f}",
        percent(one.outside_engine),
    ]


def _notes(run: Run) -> Iterator[str]:
    peaks = ", ".join(f"{library} {max(peak[library] for peak in run.peaks):.0f}" for library in run.peaks[0])
    yield f"* fp32 GEMM peak, measured between the passes: {peaks} GFLOP/s; the share is of the best."
    yield (
        "* GFLOP/s counts real pieces only. For rubriek the part of the last layer that it leaves out is not "
        "counted (it computes there what the first piece needs, since nothing else is read); for the others "
        "all layers are."
    )
    if run.reference is not None:
        yield (
            f"* agreement: share of labels equal to those of {run.reference.name}. Spark NLP splits words "
            "its own way, so its labels differ for reasons other than precision."
        )
    if run.reference is not None and run.reference.more_labels:
        yield (
            f"* For rubriek the labels of {len(run.reference.more_labels):,} more texts of the same kind "
            "count too, which were classified after the passes."
        )
    yield from (f"* {note}" for note in run.notes)
    yield "* One headline is measured in a process of its own, which has answered single texts only."
    yield (
        "* peak RSS is that of the process and its children (Spark's JVM, the TEI server), and of the "
        "two processes the larger."
    )
    yield "* Start and warm-up are not in any figure."


def pass_lines(measured: Sequence[Measured]) -> Iterator[str]:
    """What stands behind the medians, and whether anything disturbed it."""
    yield "## Passes"
    yield ""
    yield row(
        ["contender", "seconds of each pass", "CPU used by anything else, at most", "versions and settings"]
    )
    yield row(["---"] * 4)
    for one in measured:
        seconds = ", ".join(f"{seconds:.2f}" for seconds in one.seconds)
        others = max(one.others)
        disturbed = f"**{others:.1%}**" if others > DISTURBED else f"{others:.1%}"
        about = ", ".join(f"{key} {value}" for key, value in one.about.items())
        yield row([one.name, seconds, disturbed, about])


def target_lines(found: Sequence[Target]) -> Iterator[str]:
    """The list of targets: promise, figure, met or missed."""
    yield "## Targets"
    yield ""
    yield row(["target", "measured", "met"])
    yield row(["---", "---", "---"])
    words = {True: "yes", False: "**no**", None: "not measured"}
    for target in found:
        yield row([target.promise, target.measured, words[target.met]])


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
