"""The output of a job: where it lies, and how it is put together from the parts."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from rubriek.errors import FileError, JobError, OptionError
from rubriek.files.dictionaries import Dictionaries
from rubriek.files.sinks import open_sink
from rubriek.jobs.disk import move, replacing
from rubriek.jobs.folder import JobFolder, Part
from rubriek.jobs.job import Job

log = logging.getLogger(__name__)

_LOGGED = 2**16
"""Characters of one message about rows that were left out, about."""


def job_folder(output: Path) -> Path:
    """Return the folder that an unfinished job lies in.

    Examples
    --------
    >>> job_folder(Path("news.classified.csv")).name
    'news.classified.csv.job'
    """
    return output.with_name(output.name + ".job")


def errors_file(output: Path) -> Path:
    """Return the file that lists the rows that could not be read."""
    return output.with_name(output.name + ".errors.jsonl")


def check_output(output: Path, source: Path) -> None:
    """Refuse an output that cannot be replaced, or that is the input.

    Raises
    ------
    FileError, OptionError
    """
    if output.is_dir():
        raise FileError(f"{output} is a folder.", expected="a file to write")
    if not output.parent.is_dir():
        raise FileError(
            f"There is no folder {output.parent}.", hint="make it first, or choose another output (-o)"
        )
    if output.exists() and output.samefile(source):
        raise OptionError(f"{output} is the input itself.", hint="choose another output (-o)")


def put_together(
    job: Job, folder: JobFolder, parts: Sequence[Part], schema: pa.Schema, skipped: int
) -> Path | None:
    """Put the parts together in one pass, so that the output does not show where a run was interrupted."""
    listed = folder.path / "errors.jsonl"
    if not isinstance(job.output, Path):
        if skipped:
            _log(listed)
        try:
            _write(job, folder, parts, schema, job.output)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever reads has seen enough
            raise JobError(
                "The output takes no more.",
                found=str(error),
                hint="name a file with -o; its run can be taken up again",
            ) from error
        return None
    whole = folder.path / "output"
    with replacing(whole) as stream:
        _write(job, folder, parts, schema, stream)
    errors = errors_file(job.output)
    if skipped:
        move(listed, errors)
    else:
        # A list of an earlier run would speak of rows that are in this output.
        errors.unlink(missing_ok=True)
    move(whole, job.output)
    return errors if skipped else None


def _log(listed: Path) -> None:
    """Log the rows that were left out, some at a time: there may be millions."""
    with listed.open(encoding="utf-8") as file:
        while lines := file.readlines(_LOGGED):
            log.warning("rows left out:\n%s", "".join(lines).rstrip())


def _write(job: Job, folder: JobFolder, parts: Sequence[Part], schema: pa.Schema, stream: BinaryIO) -> None:
    recode = None
    if job.format == "arrow" and any(pa.types.is_dictionary(field.type) for field in schema):
        dictionaries = Dictionaries(schema, map(folder.read, parts))
        schema, recode = dictionaries.schema, dictionaries.recoded
    layout = job.source.layout if job.format == job.source.format else None
    with open_sink(stream, schema, job.format, compression=job.compression, layout=layout) as sink:
        for part in parts:
            table = folder.read(part)
            sink.write(table if recode is None else recode(table))
