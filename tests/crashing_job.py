"""Run a job again and again in processes that kill themselves with SIGKILL before their n-th disk operation.

    python crashing_job.py INPUT OUTPUT SEED

Prints one JSON object: how many processes died, and how many operations the last one did.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path

from fake_classifier import FakeClassifier
from rubriek import jobs
from rubriek.files import open_source, sources

OPERATIONS = [(os, "open"), (os, "fsync"), (os, "write"), (os, "rmdir"), (Path, "replace"), (Path, "unlink")]


def work(source: Path, output: Path) -> None:
    job = jobs.Job(open_source(source), output, "csv", ("text",), on_error="skip")
    jobs.run(job, FakeClassifier())


def run(source: Path, output: Path, die_at: int | None) -> int:
    """Run the job in a process of its own; return its exit status, negative when a signal ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    count = itertools.count(1)

    def counted(operation):
        def call(*args, **kwargs):
            if next(count) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*args, **kwargs)

        return call

    for owner, name in OPERATIONS:
        setattr(owner, name, counted(getattr(owner, name)))
    FakeClassifier.classify = counted(FakeClassifier.classify)
    try:
        work(source, output)
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def main(source: Path, output: Path, seed: int) -> None:
    sources.CHUNK_ROWS = 5
    work(source, output)  # here, so that what is imported late is imported once
    expected = output.read_bytes()
    died = 0
    # Once at every operation there is, then a run to the end.
    for die_at in itertools.count(1):
        output.write_bytes(b"an older output")
        status = run(source, output, die_at)
        if status == 0:
            break
        assert status == -signal.SIGKILL, status
        died += 1
        assert output.read_bytes() in (b"an older output", expected), die_at
        assert run(source, output, None) == 0, die_at
        assert output.read_bytes() == expected, die_at
        assert not list(output.parent.glob("*.job*")), die_at
    # Many times in one job.
    chance = random.Random(seed)
    output.unlink()
    while (status := run(source, output, chance.randint(8, 40))) != 0:
        assert status == -signal.SIGKILL, status
        died += 1
        assert not output.exists() or output.read_bytes() == expected
    assert output.read_bytes() == expected
    shutil.rmtree(output.with_name(output.name + ".job"), ignore_errors=True)
    sys.stdout.write(json.dumps({"died": died, "operations": die_at - 1}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
