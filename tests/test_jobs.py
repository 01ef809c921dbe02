"""A job goes on where it was, whatever ended it, and says what it did."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rubriek
from fake_classifier import FakeClassifier
from rubriek import jobs
from rubriek.errors import ColumnError, FileError, JobError, MalformedRowError, OptionError, TextTooLongError
from rubriek.files import open_source, sources
from rubriek.jobs import disk

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_ROWS", 4)


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "nieuws.csv"
    path.write_text("id,text\n" + "".join(f'{i:03},"tekst {i * i}"\n' for i in range(18)), encoding="utf-8")
    return path


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "uit.csv"


def run(
    source: Path, output, classifier=None, *, format="csv", restart=False, calls=None, **options
) -> jobs.Report:
    job = jobs.Job(open_source(source), output, format, ("text",), **options)
    on_progress = (lambda statistics: None) if calls is None else (lambda s: calls.append(s.documents))
    return jobs.run(job, classifier or FakeClassifier(), restart=restart, on_progress=on_progress)


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


class StopsAfter(FakeClassifier):
    """Is interrupted when more texts come than it was made for."""

    def __init__(self, texts: int) -> None:
        super().__init__()
        self._texts = texts

    def classify(self, texts, **options):
        if len(self.answered) + len(texts) > self._texts:
            raise Interrupted
        return super().classify(texts, **options)


def interrupt(source: Path, output: Path, after: int, **options) -> None:
    with pytest.raises(Interrupted):
        run(source, output, StopsAfter(after), **options)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("nieuws.csv", "uit.csv"))


class TestRun:
    def test_every_row_comes_out_once_in_order_with_its_columns(self, source, output):
        report = run(source, output)
        lines = output.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "id,text,label,score,scores,tokens"
        assert [line[:3] for line in lines[1:]] == [f"{i:03}" for i in range(18)]
        assert (report.rows, report.resumed_rows, report.skipped, report.errors) == (18, 0, 0, None)
        assert report.statistics.documents == 18
        assert report.preview.num_rows == 4
        assert leftovers(output.parent) == []

    def test_progress_counts_over_all_parts(self, source, output):
        calls: list[int] = []
        run(source, output, calls=calls)
        assert calls == sorted(calls)
        assert calls[-1] == 18

    def test_memory_does_not_grow_with_the_number_of_parts(self, source, output):
        source.write_text("text\n" + f"{'x' * 10_000}\n" * 200, encoding="utf-8")
        held: list[int] = []

        class Watching(FakeClassifier):
            def classify(self, texts, **options):
                self.answered = []
                held.append(pa.total_allocated_bytes())
                return super().classify(texts, **options)

        run(source, output, Watching())
        assert len(held) == 51
        # One part holds 40 kB of text, all of them 2 MB.
        assert max(held) - min(held) < 400_000

    def test_no_rows_still_give_the_columns(self, source, output):
        source.write_text("id,text\n", encoding="utf-8")
        assert run(source, output).rows == 0
        assert output.read_text(encoding="utf-8") == "id,text,label,score,scores,tokens\n"

    def test_a_stream_gets_the_same_bytes_as_a_file(self, source, output, tmp_path):
        run(source, output)
        with (tmp_path / "stream").open("wb") as stream:
            run(source, stream)
        assert (tmp_path / "stream").read_bytes() == output.read_bytes()

    def test_parquet_keeps_types_and_the_index_of_pandas(self, tmp_path):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"text": ["a", None, "c"] * 3, "n": range(9)}, index=list("abcdefghi"))
        frame.to_parquet(tmp_path / "in.parquet")
        run(tmp_path / "in.parquet", tmp_path / "uit.parquet", format="parquet")
        found = pandas.read_parquet(tmp_path / "uit.parquet")
        pandas.testing.assert_frame_equal(found[["text", "n"]], frame)
        assert found["label"].isna().tolist() == [False, True, False] * 3
        kind = pq.read_schema(tmp_path / "uit.parquet").field("scores").type
        assert kind == pa.struct([(label, pa.float32()) for label in ("Binnenland", "Sport", "Weer")])

    def test_arrow_unites_dictionaries_that_change_on_the_way(self, tmp_path):
        parts = [pa.table({"text": pa.array([t] * 5).dictionary_encode()}) for t in ("een", "twee", "een")]
        with pa.ipc.new_stream(tmp_path / "in.arrow", parts[0].schema) as stream:
            for part in parts:
                stream.write_table(part)
        run(tmp_path / "in.arrow", tmp_path / "uit.arrow", format="arrow")
        found = pyarrow.feather.read_table(tmp_path / "uit.arrow")
        assert found["text"].to_pylist() == ["een"] * 5 + ["twee"] * 5 + ["een"] * 5
        assert pa.types.is_dictionary(found["text"].type)

    def test_a_link_as_output_stays_a_link(self, source, output):
        output.symlink_to(output.with_name("echt.csv"))
        run(source, output)
        assert output.is_symlink()
        assert output.read_text(encoding="utf-8").startswith("id,text,label")


class TestMalformed:
    @pytest.fixture(autouse=True)
    def bad_row(self, source):
        with source.open("a", encoding="utf-8") as file:
            file.write("te weinig\n099,goed\n")

    def test_the_default_stops_before_any_work_and_leaves_the_old_output(self, source, output):
        output.write_text("oud", encoding="utf-8")
        classifier = FakeClassifier()
        with pytest.raises(MalformedRowError, match=r"nieuws\.csv, line 20: expected 2 fields, found 1"):
            run(source, output, classifier)
        assert classifier.answered == []
        assert output.read_text(encoding="utf-8") == "oud"
        assert leftovers(output.parent) == []

    def test_skip_leaves_rows_out_and_lists_them_beside_the_output(self, source, output):
        report = run(source, output, on_error="skip")
        assert (report.rows, report.skipped) == (19, 1)
        assert report.errors == output.with_name("uit.csv.errors.jsonl")
        record = json.loads(report.errors.read_text(encoding="utf-8"))
        assert record == {
            "file": str(source), "line": 20, "cause": "expected 2 fields, found 1", "raw": "te weinig",
        }  # fmt: skip

    def test_a_list_of_an_earlier_run_does_not_stay_beside_a_clean_output(self, source, output):
        run(source, output, on_error="skip")
        source.write_text("text\ngoed\n", encoding="utf-8")
        run(source, output, on_error="skip")
        assert leftovers(output.parent) == []

    def test_on_a_stream_the_rows_are_told_in_the_log(self, source, tmp_path, caplog):
        with (tmp_path / "stream").open("wb") as stream:
            report = run(source, stream, on_error="skip")
        assert report.errors is None
        assert "te weinig" in caplog.text


class TestResume:
    @pytest.mark.parametrize("format", ["csv", "jsonl", "parquet", "arrow"])
    def test_an_interrupted_run_goes_on_and_gives_the_same_bytes(self, source, output, tmp_path, format):
        reference = tmp_path / "reference"
        whole = run(source, reference, format=format)
        interrupt(source, output, 8, format=format)
        interrupt(source, output, 4, format=format)
        assert not output.exists()
        classifier = FakeClassifier()
        report = run(source, output, classifier, format=format)
        assert output.read_bytes() == reference.read_bytes()
        # 4 + 4 rows of the first run, 4 of the second, and an empty question for the names of the columns.
        assert report.resumed_rows == 12
        assert len(classifier.answered) == 6
        assert report.statistics == whole.statistics
        assert report.preview.equals(whole.preview)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"options": {"max_length": 8}}, "options.max_length"),
            ({"prefix": "p_"}, "prefix"),
            ({"on_error": "skip"}, "on_error"),
            ({"classifier": FakeClassifier("ander")}, "model.name"),
        ],
    )
    def test_another_command_is_refused_and_says_what_differs(self, source, output, change, named):
        interrupt(source, output, 8)
        with pytest.raises(JobError, match=rf"{named} (.|\n)*--restart"):
            run(source, output, **change)
        assert run(source, output).resumed_rows == 8

    def test_a_changed_input_is_refused(self, source, output):
        interrupt(source, output, 8)
        source.write_bytes(source.read_bytes().replace(b"tekst 9", b"tekst 8"))
        with pytest.raises(JobError, match=r"input\.sha256"):
            run(source, output)

    def test_restart_throws_away_what_is_there(self, source, output):
        interrupt(source, output, 8)
        report = run(source, output, restart=True, prefix="p_")
        assert report.resumed_rows == 0
        assert "p_label" in output.read_text(encoding="utf-8")

    def test_another_format_may_be_chosen_on_the_way(self, source, output, tmp_path):
        interrupt(source, output, 8)
        assert run(source, output, format="jsonl").resumed_rows == 8

    def test_without_a_finished_part_nothing_stays_and_nothing_is_in_the_way(self, source, output):
        interrupt(source, output, 0)
        assert leftovers(output.parent) == []
        run(source, output, prefix="p_")

    @pytest.mark.parametrize("name", ["part-000001.arrow", "manifest.json"])
    def test_a_damaged_job_is_refused(self, source, output, name):
        interrupt(source, output, 8)
        (jobs.job_folder(output) / name).write_bytes(b"junk")
        with pytest.raises(JobError, match=r"damaged(.|\n)*--restart"):
            run(source, output)
        run(source, output, restart=True)

    @pytest.mark.parametrize("at", [0.2, 0.5, 0.99])
    def test_a_part_that_the_disk_has_lost_is_refused(self, source, output, at):
        interrupt(source, output, 8)
        part = jobs.job_folder(output) / "part-000001.arrow"
        content = bytearray(part.read_bytes())
        start = int(at * len(content))
        content[start : start + 64] = bytes(len(content[start : start + 64]))
        part.write_bytes(content)
        with pytest.raises(JobError, match=r"part-000001\.arrow is damaged(.|\n)*--restart"):
            run(source, output)

    def test_parts_of_before_there_were_checksums_go_on(self, source, output, tmp_path):
        run(source, tmp_path / "reference")
        interrupt(source, output, 8)
        for part in jobs.job_folder(output).glob("part-*"):
            part.write_bytes(part.read_bytes()[:-32])
        assert run(source, output).resumed_rows == 8
        assert output.read_bytes() == (tmp_path / "reference").read_bytes()

    @pytest.mark.parametrize(
        "junk", ["[" * 100_000, '{"input": 1, "input": 1}', "[]", "null", '"x"', "\udc80"]
    )
    def test_junk_in_place_of_the_manifest_is_told(self, source, output, junk):
        interrupt(source, output, 8)
        manifest = jobs.job_folder(output) / "manifest.json"
        manifest.write_text(junk, encoding="utf-8", errors="surrogateescape")
        with pytest.raises(JobError, match=r"damaged(.|\n)*--restart"):
            run(source, output)

    def test_an_input_that_changes_meanwhile_is_told(self, source, output):
        class Changing(FakeClassifier):
            def classify(self, texts, **options):
                if "tekst 64" in texts.to_pylist():
                    with source.open("a", encoding="utf-8") as file:
                        file.write("100,nieuw\n")
                return super().classify(texts, **options)

        with pytest.raises(JobError, match="changed while"):
            run(source, output, Changing())
        assert not output.exists()


class StopsAtBatch:
    """An engine that is stopped when it has computed some batches."""

    def __init__(self, engine, batches: int) -> None:
        self.name, self.precision = engine.name, engine.precision
        self.threads, self.token_budget, self.parallel = engine.threads, engine.token_budget, 1
        self.left, self.rows = batches, 0
        self._engine = engine

    def run(self, ids, mask, *, alone=False):
        if not self.left:
            raise Interrupted
        self.left -= 1
        self.rows += len(ids)
        return self._engine.run(ids, mask, alone=alone)


class TestStoppedWithinAPart:
    """A part of a large model takes minutes: what its batches answered is kept all the same."""

    OPTIONS: ClassVar = {"options": {"token_budget": 24}}

    @pytest.fixture(autouse=True)
    def large_chunks(self, monkeypatch):
        monkeypatch.setattr(sources, "CHUNK_ROWS", 12)

    @pytest.fixture
    def source(self, tmp_path) -> Path:
        path = tmp_path / "nieuws.csv"
        rows = ("de kamer " * (i % 7 + 1) + "abc"[i % 3] * (i + 1) for i in range(30))
        path.write_text("id,text\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows)), encoding="utf-8")
        return path

    @pytest.fixture
    def batches(self, source, tmp_path, tiny_a) -> int:
        """How many batches the whole job has; writes the reference."""
        return run(
            source, tmp_path / "reference", rubriek.load(tiny_a.folder, threads=1), **self.OPTIONS
        ).statistics.batches

    def stop(self, source, output, model, batches: int) -> int:
        """Run until some batches are computed; return how many rows they had."""
        classifier = rubriek.load(model.folder, threads=1)
        classifier.engine = StopsAtBatch(classifier.engine, batches)
        with pytest.raises(Interrupted):
            run(source, output, classifier, **self.OPTIONS)
        return classifier.engine.rows

    def go_on(self, source, output, model) -> tuple[jobs.Report, int]:
        """Run to the end; return how many rows were computed, too."""
        classifier = rubriek.load(model.folder, threads=1)
        classifier.engine = StopsAtBatch(classifier.engine, 10**6)
        report = run(source, output, classifier, **self.OPTIONS)
        return report, classifier.engine.rows

    def test_after_any_number_of_batches_none_is_computed_twice(
        self, source, output, tmp_path, tiny_a, batches
    ):
        assert batches > 10
        whole = None
        for number in range(1, batches, 4):
            before = self.stop(source, output, tiny_a, number)
            report, after = self.go_on(source, output, tiny_a)
            assert output.read_bytes() == (tmp_path / "reference").read_bytes()
            whole = whole or before + after
            assert before + after == whole
            assert 0 < report.resumed_rows <= 30
            assert report.statistics.batches == batches
            assert leftovers(output.parent) == ["reference"]

    def test_stopped_again_and_again(self, source, output, tmp_path, tiny_a, batches):
        times = (batches - 1) // 3
        for _ in range(times):
            self.stop(source, output, tiny_a, 3)
        report, _ = self.go_on(source, output, tiny_a)
        assert report.resumed_rows > 20
        assert output.read_bytes() == (tmp_path / "reference").read_bytes()

    @given(where=st.floats(0, 1, exclude_max=True), junk=st.binary(max_size=40))
    @settings(
        max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    )
    def test_damaged_batches_are_computed_again(self, source, output, tmp_path, tiny_a, batches, where, junk):
        self.stop(source, output, tiny_a, 4)
        kept = max(jobs.job_folder(output).glob("batches-*"), key=lambda path: path.stat().st_size)
        content = bytearray(kept.read_bytes())
        at = int(where * len(content))
        content[at : at + len(junk)] = junk
        kept.write_bytes(content)
        self.go_on(source, output, tiny_a)
        assert output.read_bytes() == (tmp_path / "reference").read_bytes()

    def test_the_time_of_kept_batches_counts(self, source, output, tiny_a, batches):
        self.stop(source, output, tiny_a, batches - 1)
        report, _ = self.go_on(source, output, tiny_a)
        assert report.statistics.documents == 30
        assert report.statistics.seconds["engine"] > 0


class TestKilled:
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
    def test_kill_at_every_disk_operation_and_many_times_in_one_job(self, source, output):
        with source.open("a", encoding="utf-8") as file:
            file.write("kapot\n")
        command = [sys.executable, HERE / "crashing_job.py", source, output, "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        counts = json.loads(done.stdout)
        assert counts["operations"] > 20
        assert counts["died"] > counts["operations"]

    def test_a_killed_process_leaves_no_lock_behind_a_living_one_does(self, source, output):
        child = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(jobs.job_folder(output))],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
        )
        with child:
            assert child.stdout.readline() == b"held\n"
            with pytest.raises(JobError, match=rf"Another process(.|\n)*process {child.pid}"):
                run(source, output)
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert run(source, output).rows == 18

    def test_the_next_process_may_start_while_the_last_one_still_clears_away(
        self, source, output, monkeypatch
    ):
        real, others = shutil.rmtree, []

        def slow(path, **options):
            if not others:
                others.append(output)
                others.append(run(source, output))
            real(path, **options)

        monkeypatch.setattr(shutil, "rmtree", slow)
        report = run(source, output)
        assert others[1].statistics == report.statistics
        assert leftovers(output.parent) == []

    def test_what_a_killed_process_did_not_clear_away_is_cleared_by_the_next(self, source, output):
        interrupt(source, output, 8)
        jobs.job_folder(output).rename(output.with_name("uit.csv.job.done-1234"))
        run(source, output)
        assert leftovers(output.parent) == []


HOLD = """
import sys
from pathlib import Path
from rubriek.jobs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

LIMITED = """
import json, resource, sys
from pathlib import Path
from fake_classifier import FakeClassifier
from rubriek import jobs
from rubriek.errors import JobError
from rubriek.files import open_source, sources
sources.CHUNK_ROWS = 4
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), hard))
source = open_source(Path(sys.argv[1]))
try:
    jobs.run(jobs.Job(source, Path(sys.argv[2]), "csv", ("text",)), FakeClassifier())
except JobError as error:
    print(error)
"""


class TestFullDisk:
    @pytest.mark.parametrize(("code", "cause"), [(errno.ENOSPC, "no space is left"), (errno.EDQUOT, "quota")])
    def test_wherever_it_happens_nothing_is_lost_and_the_run_can_go_on(
        self, source, output, tmp_path, monkeypatch, code, cause
    ):
        """The n-th call of fsync fails, for every n: that is where a file system tells at the latest."""
        run(source, tmp_path / "reference")
        real, calls = os.fsync, itertools.count()

        def failing(descriptor):
            if next(calls) == fail_at:
                raise OSError(code, os.strerror(code))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", failing)
        for fail_at in itertools.count():  # noqa: B007 -- `failing` reads it
            output.write_text("oud", encoding="utf-8")
            calls = itertools.count()
            try:
                run(source, output)
            except JobError as error:
                found = str(error)
            else:
                break
            assert cause in found
            assert "run the same command again" in found
            run(source, output)
            assert output.read_bytes() == (tmp_path / "reference").read_bytes()
        assert fail_at > 10

    @pytest.mark.parametrize("format", ["csv", "csv.gz", "csv.zst", "parquet", "arrow", "jsonl"])
    def test_when_the_output_itself_does_not_fit(self, source, output, tmp_path, monkeypatch, format):
        kind, _, compression = format.partition(".")
        options = {"format": kind, "compression": {"gz": "gzip", "zst": "zstd", "": None}[compression]}
        run(source, tmp_path / "reference", **options)
        real = disk.replacing

        class Full:
            def __init__(self, stream):
                self._stream = stream

            def write(self, data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            def flush(self):
                self._stream.flush()

        def full(path):
            return FullContext(real(path), Full)

        with monkeypatch.context() as patched:
            patched.setattr("rubriek.jobs.output.replacing", full)
            with pytest.raises(JobError, match="no space is left"):
                run(source, output, **options)
        assert not output.exists()
        report = run(source, output, **options)
        assert report.resumed_rows == 18
        assert output.read_bytes() == (tmp_path / "reference").read_bytes()

    def test_a_real_limit_of_the_system(self, source, output, tmp_path):
        run(source, tmp_path / "reference")
        size = (tmp_path / "reference").stat().st_size
        path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path}
        # Parts of four rows are larger than this; nothing can be finished, and nothing is left.
        command = [sys.executable, "-c", LIMITED, source, output, str(size // 2)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert "the file would get too large" in done.stdout
        assert not output.exists()
        run(source, output)
        assert output.read_bytes() == (tmp_path / "reference").read_bytes()


class FullContext:
    def __init__(self, context, wrap):
        self._context, self._wrap = context, wrap

    def __enter__(self):
        return self._wrap(self._context.__enter__())

    def __exit__(self, *details):
        return self._context.__exit__(*details)


class TestRefused:
    def test_a_result_column_never_overwrites_one(self, source, output):
        source.write_text("text,label\na,b\n", encoding="utf-8")
        with pytest.raises(ColumnError, match="'label'"):
            run(source, output)
        assert leftovers(output.parent) == []
        run(source, output, prefix="nieuw_")
        assert output.read_text(encoding="utf-8").startswith("text,label,nieuw_label,")

    def test_a_type_that_the_format_lacks_is_told_before_any_work(self, tmp_path):
        table = pa.table({"text": ["a"], "every": pa.array([pa.MonthDayNano([1, 2, 3])])})
        pyarrow.feather.write_feather(table, str(tmp_path / "in.arrow"))
        classifier = FakeClassifier()
        with pytest.raises(FileError, match=r"cannot be written as parquet(.|\n)*--format"):
            run(tmp_path / "in.arrow", tmp_path / "uit.parquet", classifier, format="parquet")
        assert classifier.answered == []
        run(tmp_path / "in.arrow", tmp_path / "uit.jsonl", format="jsonl")

    def test_the_input_is_no_output(self, source):
        before = source.read_bytes()
        with pytest.raises(OptionError, match="the input itself"):
            run(source, source)
        assert source.read_bytes() == before

    def test_a_folder_and_a_missing_folder_are_no_outputs(self, source, tmp_path):
        with pytest.raises(FileError, match="is a folder"):
            run(source, tmp_path)
        with pytest.raises(FileError, match="no folder"):
            run(source, tmp_path / "er" / "niet.csv")

    def test_a_name_that_the_file_system_does_not_take_is_told(self, source, tmp_path):
        with pytest.raises(JobError, match="cannot be written"):
            run(source, tmp_path / ("x" * 252))

    def test_a_file_where_the_job_folder_should_be_is_told(self, source, output):
        jobs.job_folder(output).write_text("x", encoding="utf-8")
        with pytest.raises(JobError, match="is not a folder"):
            run(source, output)

    def test_a_text_that_is_too_long_is_told_with_its_place(self, source, output, tiny_a):
        lines = source.read_text(encoding="utf-8").splitlines()
        lines[11] = "010,koning koning koning koning koning koning"
        source.write_text("\n".join(lines), encoding="utf-8")
        classifier = rubriek.load(tiny_a.folder, max_length=7, overflow="error")
        place = r"counting after row 8: 1 texts(.|\n)*8 in row 2: 'koning"
        with pytest.raises(TextTooLongError, match=place):
            run(source, output, classifier)
