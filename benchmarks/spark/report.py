"""A run on Spark as one Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.report import machine_lines, pass_lines, percent, row, target_lines
from benchmarks.results import Measured
from benchmarks.spark.contenders import FP32, INT8, MASTER, ON_ONE_CORE, ON_SPARK
from benchmarks.spark.results import SparkRun
from benchmarks.spark.scaling import Cluster, Fit, break_even, estimate
from benchmarks.spark.targets import targets

COLUMNS = (
    "contender",
    "documents/s",
    "real tokens/s",
    "agreement",
    "PSS per worker, MB",
    "peak RSS of all, MB",
    "start: session + first rows, s",
)
EXECUTORS = (1, 2, 4, 8, 16, 32, 64, 128)
MILLION = 1_000_000


def markdown(run: SparkRun) -> str:
    """The whole report: machine, tables, targets, scale, passes."""
    lines = [
        *_heading(run),
        "",
        *_beside_peers(run),
        "",
        *_beside_itself(run),
        "",
        *target_lines(targets(run)),
        "",
        *_scale(run),
        "",
        *pass_lines(run.measured),
        "",
    ]
    return "\n".join(lines)


def _heading(run: SparkRun) -> Iterator[str]:
    passes = "one pass" if run.passes == 1 else f"medians of {run.passes} interleaved passes"
    yield f"# On Spark, {MASTER}"
    yield ""
    yield from machine_lines(run.machine)
    yield ""
    yield f"{passes}; each after an untimed one over a few rows, with the model loaded. Contenders that"
    yield "need more than 40 s for a pass over the mixed texts do one."
    yield f"Rows are Parquet in {run.partitions} files, a file a partition, the same for all."


def _beside_peers(run: SparkRun) -> Iterator[str]:
    yield "## A model of BERT-base size, articles and headlines mixed"
    yield ""
    yield f"{len(run.lengths)} texts, {sum(run.lengths):,} pieces in all, 256 at most."
    yield ""
    yield from _table(run, run.beside_peers, len(run.lengths), sum(run.lengths))
    for name, line in run.missing.items():
        yield row([name, f"not measured; install it: `{line}`"] + [""] * (len(COLUMNS) - 2))
    for name, cause in run.failed.items():
        yield row([name, f"failed: {cause}"] + [""] * (len(COLUMNS) - 2))
    yield ""
    if run.reference is not None:
        yield f"* agreement: share of labels equal to those of {run.reference.name}."
    yield (
        "* Every Python worker computes with one thread: there are as many tasks as cores. Spark NLP has one "
        "session for all tasks, with 6 threads unless told otherwise; with 1 it is at its best here."
    )
    yield (
        "* The recipe is in its best form: an iterator UDF, the pipeline made once per worker and kept over "
        "tasks and jobs. Spark NLP had a whole pass to warm up."
    )
    yield from (f"* {note}" for note in run.notes)


def _beside_itself(run: SparkRun) -> Iterator[str]:
    yield f"## nl-news, {run.headlines:,} headlines: what Spark adds"
    yield ""
    yield from _table(run, run.beside_itself, run.headlines, None)
    yield ""
    yield "* From Parquet on disk to all result columns, on Spark in its `noop` sink, without it in memory."
    if run.overhead is not None:
        yield f"* Spark adds {run.overhead:+.1%}; start-up is the last column and in no other figure."


def _table(run: SparkRun, measured: Sequence[Measured], documents: int, tokens: int | None) -> Iterator[str]:
    yield row(COLUMNS)
    yield row(["---"] + ["---:"] * (len(COLUMNS) - 1))
    for one in measured:
        start = one.start_seconds
        yield row(
            [
                one.name,
                f"{documents / one.wall:,.1f}",
                "–" if tokens is None else f"{tokens / one.wall:,.0f}",
                percent(run.agreement(one)),
                ", ".join(f"{pss / 1e6:,.0f}" for pss in one.worker_pss) or "–",
                f"{one.peak_memory / 1e6:,.0f}",
                f"{start['session']:.1f} + {start['first rows']:.1f}",
            ]
        )


def _scale(run: SparkRun) -> Iterator[str]:
    yield "## Scale on paper"
    yield ""
    fitted, on_spark = run.fitted, run.find(ON_SPARK)
    if fitted is None or on_spark is None:
        yield "Not measured."
        return
    yield from _fitted(run, fitted)
    loading = max(0.0, on_spark.start_seconds["first rows"] - fitted.job)
    kinds = [("nl-news int8, headlines", fitted, ON_SPARK)]
    for name in (INT8, FP32):
        if (one := run.find(name)) is not None:
            other = fitted.with_text(one.wall, 2, len(run.lengths), run.partitions)
            kinds.append((f"BERT-base size, {name.split()[-1]}, mixed texts", other, name))
    for kind, costs, name in kinds:
        yield ""
        yield from _estimates(kind, costs, Cluster(run.model_bytes[name], loading))
    yield ""
    yield from _assumptions(Cluster(0, loading))


def _fitted(run: SparkRun, fitted: Fit) -> Iterator[str]:
    yield f"Fitted to nl-news on {ON_ONE_CORE.split(', ')[1]} and {MASTER}:"
    yield (
        f"a job {fitted.job:.2f} s, a headline {fitted.text * 1e3:.3f} ms of a core that works alone, "
        f"{fitted.contention:.0%} more when both work, a task {fitted.task * 1e3:.0f} ms."
    )
    yield ""
    yield row(["cores", "texts", "tasks", "measured, s", "fitted, s"])
    yield row(["---:"] * 5)
    for point in run.points:
        expected = fitted.seconds(point.cores, point.texts, point.tasks)
        counts = [f"{point.cores}", f"{point.texts:,}", f"{point.tasks}"]
        yield row([*counts, f"{point.seconds:.2f}", f"{expected:.2f}"])


def _estimates(kind: str, fitted: Fit, cluster: Cluster) -> Iterator[str]:
    yield f"### {kind}: a million documents"
    yield ""
    yield row(
        ["executors", "minutes", "working", "waiting", "starting", "model on its way", "core hours", "cost"]
    )
    yield row(["---:"] * 8)
    for executors in EXECUTORS:
        one = estimate(fitted, cluster, MILLION, executors)
        parts = (one.work + one.driver, one.waiting, one.start, one.model)
        yield row(
            [
                f"{executors}",
                f"{one.seconds / 60:.1f}",
                *(percent(part / one.seconds) for part in parts),
                f"{one.core_hours:.2f}",
                f"{one.cost:.2f}",
            ]
        )
    yield ""
    twice = break_even(fitted, cluster, MILLION)
    yield f"From {twice} executors on a document costs more than twice what its work costs."


def _assumptions(cluster: Cluster) -> Iterator[str]:
    yield (
        f"Assumed, not measured: {cluster.cores} cores an executor and no contention beyond what two cores "
        f"showed; {cluster.texts_per_task:,} texts a task, the largest task {cluster.skew} times the others; "
        f"the driver hands out {cluster.driver_bytes_per_second / 1e6:,.0f} MB a second to all executors "
        f"together and launches a task in {cluster.launch_seconds * 1e3:.0f} ms; "
        f"{cluster.price_per_core_hour} a core "
        "hour, in whatever currency. An executor's start is the first answer of a fresh session here, "
        f"{cluster.start_seconds:.1f} s; the time until a cluster has executors is in no figure."
    )
