"""A run over a file is a job: killed at any moment and started again, it goes on where it was."""

from __future__ import annotations

from rubriek.jobs.job import Job, OnError, Report
from rubriek.jobs.output import errors_file, job_folder
from rubriek.jobs.runner import run
from rubriek.jobs.several import SeveralReport, run_several

__all__ = ["Job", "OnError", "Report", "SeveralReport", "errors_file", "job_folder", "run", "run_several"]
