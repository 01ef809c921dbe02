"""The Spark jobs of a run: how far they are, and how to call them off."""

from __future__ import annotations

import uuid
from typing import Any

from rubriek.spark.distribution import is_connect


class Monitor:
    """Marks the Spark jobs that threads of this run start.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Classic or Connect. Spark Connect does not tell how far a job is.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._connect = is_connect(session)
        self._run = f"rubriek-{uuid.uuid4()}"
        self._groups: set[str] = set()

    def mark(self, name: str) -> None:
        """Give the jobs that this thread starts from now on a name, which Spark's UI shows."""
        group = f"{self._run} {name}"
        self._groups.add(group)
        if self._connect:
            self._session.addTag(self._run)
        else:
            self._session.sparkContext.setJobGroup(group, name)

    def share(self, name: str, tasks: int) -> float:
        """Return the share of the tasks of the stage with ``tasks`` tasks that have ended; 0 if unknown."""
        if self._connect:
            return 0.0
        tracker = self._session.sparkContext.statusTracker()
        done = 0
        for job in tracker.getJobIdsForGroup(f"{self._run} {name}"):
            info = tracker.getJobInfo(job)
            for stage in () if info is None else info.stageIds:
                found = tracker.getStageInfo(stage)
                if found is not None and found.numTasks == tasks:
                    done = max(done, found.numCompletedTasks)
        return done / tasks

    def call_off(self) -> None:
        """End the jobs that are running."""
        if self._connect:
            self._session.interruptTag(self._run)
        else:
            for group in self._groups:
                self._session.sparkContext.cancelJobGroup(group)
