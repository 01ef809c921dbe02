"""A model of what a job costs on more executors than were at hand, fitted to runs on one and two cores.

    seconds of a job = job + texts / cores * text * (1 + contention) + tasks / cores * task

``contention`` counts where more than one core of a machine works. Beyond one machine nothing was measured:
`Cluster` takes what a cluster adds from assumptions that the report prints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Point:
    """A measured job: how many cores, texts and tasks, and the median of its seconds."""

    cores: int
    texts: int
    tasks: int
    seconds: float


@dataclass(frozen=True)
class Fit:
    """Seconds, as fitted.

    Attributes
    ----------
    job : float
        Of a job, whatever its size.
    text : float
        Of a text on a core that works alone.
    contention : float
        How much longer a text takes when other cores of the machine work, too; a share of ``text``.
    task : float
        Of a task beside its texts.
    """

    job: float
    text: float
    contention: float
    task: float

    @property
    def busy_text(self) -> float:
        """Seconds of a text on a machine whose cores all work."""
        return self.text * (1 + self.contention)

    def seconds(self, cores: int, texts: int, tasks: int) -> float:
        """What a job of this size is expected to take on one machine."""
        each = self.text if cores == 1 else self.busy_text
        return self.job + (texts * each + tasks * self.task) / cores

    def with_text(self, seconds: float, cores: int, texts: int, tasks: int) -> Fit:
        """The same costs around texts of another kind or model, from one job over them on ``cores`` > 1."""
        busy = ((seconds - self.job) * cores - tasks * self.task) / texts
        return Fit(self.job, busy / (1 + self.contention), self.contention, self.task)


def fit(points: Sequence[Point]) -> Fit:
    """Least squares of the relative errors; no cost is negative.

    Raises
    ------
    ValueError
        If the points do not tell the costs apart.
    """
    columns = np.array([_parts(point) for point in points])
    seconds = np.array([point.seconds for point in points])
    weighted = columns / seconds[:, None]
    if np.linalg.matrix_rank(weighted) < columns.shape[1]:
        raise ValueError("several numbers of texts and of tasks are needed, on one core and on two")
    kept = list(range(columns.shape[1]))
    while True:
        solved = np.linalg.lstsq(weighted[:, kept], np.ones(len(points)), rcond=None)[0]
        if (solved >= 0).all():
            break
        kept.pop(int(solved.argmin()))  # noise made a small cost negative: it is taken for none
    costs = np.zeros(columns.shape[1])
    costs[kept] = solved
    job, text, more, task = map(float, costs)
    if not text:
        raise ValueError("more texts took no longer: these are not seconds of this kind of job")
    return Fit(job, text, more / text, task)


def _parts(point: Point) -> tuple[float, float, float, float]:
    texts = point.texts / point.cores
    return 1.0, texts, texts if point.cores > 1 else 0.0, point.tasks / point.cores


@dataclass(frozen=True)
class Cluster:
    """What is assumed of a cluster, since it was not measured.

    Attributes
    ----------
    model_bytes : float
        What each executor fetches from the driver.
    start_seconds : float
        From the first task of an executor to its first answer: Python, libraries, model. Measured here.
    cores : int
        Of an executor, all for tasks.
    driver_bytes_per_second : float
        How fast the driver hands them out, to all together.
    launch_seconds : float
        Of the driver for each task, one after another.
    texts_per_task : int
        In equal tasks.
    skew : float
        How many times as much work as the others the largest task has.
    price_per_core_hour : float
        In whatever currency.
    """

    model_bytes: float
    start_seconds: float
    cores: int = 4
    driver_bytes_per_second: float = 250e6
    launch_seconds: float = 0.002
    texts_per_task: int = 5_000
    skew: float = 1.5
    price_per_core_hour: float = 0.05


@dataclass(frozen=True)
class Estimate:
    """A job on a number of executors.

    Attributes
    ----------
    executors : int
    seconds : float
        From the moment the executors are there.
    work, waiting, start, model, driver : float
        Where they go: the texts, cores without a task while the last ones run, Python and loading, the
        model's way to the executors, and what the driver needs beyond all that to launch the tasks.
    core_hours, cost : float
        For a million documents.
    """

    executors: int
    seconds: float
    work: float
    waiting: float
    start: float
    model: float
    driver: float
    core_hours: float
    cost: float


def estimate(fitted: Fit, cluster: Cluster, texts: int, executors: int) -> Estimate:
    """What a job over ``texts`` is expected to take and to cost on a number of executors."""
    cores = executors * cluster.cores
    tasks = math.ceil(texts / cluster.texts_per_task)
    task = texts / tasks * fitted.busy_text + fitted.task
    work = fitted.job + tasks * task / cores
    # Whole rounds of equal tasks, the last one as long as its largest.
    rounds = math.ceil(tasks / cores)
    waiting = fitted.job + (rounds - 1 + cluster.skew) * task - work
    model = executors * cluster.model_bytes / cluster.driver_bytes_per_second
    start = cluster.start_seconds
    driver = max(0.0, tasks * cluster.launch_seconds - work - waiting)
    seconds = work + waiting + start + model + driver
    core_hours = seconds * cores / 3600 / (texts / 1e6)
    cost = core_hours * cluster.price_per_core_hour
    return Estimate(executors, seconds, work, waiting, start, model, driver, core_hours, cost)


def break_even(fitted: Fit, cluster: Cluster, texts: int, factor: float = 2.0) -> int:
    """The number of executors from which a document costs more than ``factor`` times what its work costs."""
    pure = texts * fitted.busy_text / 3600 / (texts / 1e6)
    executors = 1
    while estimate(fitted, cluster, texts, executors).core_hours <= factor * pure:
        executors += 1
    return executors
