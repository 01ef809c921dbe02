"""Several files are one job: checked together, finished one by one, gone on with where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_classifier import FakeClassifier
from rubriek import jobs
from rubriek.errors import FileError, JobError, MalformedRowError, OptionError
from rubriek.files import open_source, sources
from rubriek.jobs import Job, SeveralReport, job_folder, run_several


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_ROWS", 4)


@pytest.fixture
def inputs(tmp_path) -> list[Path]:
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / f"{name}.csv" for name in ("een", "twee", "drie")]
    for number, path in enumerate(paths):
        rows = (f"{i},tekst {number} {i}\n" for i in range(10))
        path.write_text("id,text\n" + "".join(rows), encoding="utf-8")
    return paths


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "uit"


def job(path: Path, output: Path, **options) -> Job:
    return Job(open_source(path), output, "csv", ("text",), **options)


def run(
    inputs, output, classifier=None, *, restart=False, started=None, progress=None, **options
) -> SeveralReport:
    pairs = [job(path, output / path.name, **options) for path in inputs]
    return run_several(
        pairs,
        output,
        classifier or FakeClassifier(),
        restart=restart,
        on_start=lambda *rows: None if started is None else started.append(rows),
        on_progress=lambda s: None if progress is None else progress.append(s.documents),
    )


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


class StopsAt(FakeClassifier):
    """Is interrupted when a text comes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def classify(self, texts, **options):
        if self._text in texts.to_pylist():
            raise Interrupted
        return super().classify(texts, **options)


def interrupt(inputs, output, at: str = "tekst 1 9", **options) -> None:
    with pytest.raises(Interrupted):
        run(inputs, output, StopsAt(at), **options)


def test_each_file_is_what_it_would_be_by_itself(inputs, output, tmp_path):
    started, progress = [], []
    report = run(inputs, output, started=started, progress=progress)
    for path in inputs:
        jobs.run(job(path, tmp_path / path.name), FakeClassifier())
        assert (output / path.name).read_bytes() == (tmp_path / path.name).read_bytes()
    assert (report.rows, report.files, report.finished_files, report.resumed_rows) == (30, 3, 0, 0)
    assert report.statistics.documents == 30
    assert report.preview.num_rows == 4
    assert started == [(30, 0)]
    assert progress == sorted(progress)
    assert progress[-1] == 30
    assert not job_folder(output).exists()


def test_it_goes_on_where_it_was_within_a_file_and_leaves_finished_ones_alone(inputs, output, tmp_path):
    whole = run(inputs, tmp_path / "heel")
    interrupt(inputs, output)
    before = (output / "een.csv").stat()
    classifier, started = FakeClassifier(), []
    report = run(inputs, output, classifier, started=started)
    assert (output / "een.csv").stat() == before
    assert started == [(30, 10)]
    assert (report.files, report.finished_files, report.resumed_rows) == (3, 1, 18)
    assert len(classifier.answered) == 12
    assert report.statistics == whole.statistics
    for path in inputs:
        assert (output / path.name).read_bytes() == (tmp_path / "heel" / path.name).read_bytes()
    assert not job_folder(output).exists()


def test_a_bad_row_in_the_last_file_stops_it_before_any_work(inputs, output):
    with inputs[-1].open("a", encoding="utf-8") as file:
        file.write("te weinig\n")
    classifier = FakeClassifier()
    with pytest.raises(MalformedRowError, match=r"drie\.csv, line 12"):
        run(inputs, output, classifier)
    assert classifier.answered == []
    assert list(output.iterdir()) == []
    report = run(inputs, output, on_error="skip")
    assert (report.rows, report.skipped, report.errors.name) == (30, 1, "*.errors.jsonl")
    assert [path.name for path in output.glob(report.errors.name)] == ["drie.csv.errors.jsonl"]


def test_another_command_is_refused_until_restart(inputs, output):
    interrupt(inputs, output)
    with pytest.raises(JobError, match=r"prefix (.|\n)*--restart"):
        run(inputs, output, prefix="p_")
    assert run(inputs, output, prefix="p_", restart=True).finished_files == 0
    assert "p_label" in (output / "een.csv").read_text(encoding="utf-8")


def test_a_finished_file_whose_input_has_changed_is_not_passed_over(inputs, output):
    interrupt(inputs, output)
    inputs[0].write_bytes(inputs[0].read_bytes().replace(b"tekst 0 9", b"tekst 0 8"))
    with pytest.raises(JobError, match=r"input\.sha256"):
        run(inputs, output)


def test_a_finished_file_whose_output_is_gone_is_made_again(inputs, output):
    interrupt(inputs, output)
    (output / "een.csv").unlink()
    assert run(inputs, output).finished_files == 0
    assert (output / "een.csv").exists()


@pytest.mark.parametrize("junk", ["[" * 100_000, "[]", "{}", '{"asked": 1, "asked": 2}', '{"asked": []}'])
def test_a_damaged_record_is_told(inputs, output, junk):
    interrupt(inputs, output)
    (record,) = job_folder(output).glob("een*")
    record.write_text(junk, encoding="utf-8")
    with pytest.raises(JobError, match=r"(damaged|differently)(.|\n)*--restart"):
        run(inputs, output)


def test_counts_that_are_no_numbers_are_told(inputs, output):
    interrupt(inputs, output)
    (record,) = job_folder(output).glob("een*")
    values = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps({**values, "rows": "veel"}), encoding="utf-8")
    with pytest.raises(JobError, match="damaged"):
        run(inputs, output)


def test_two_files_never_share_an_output(inputs, output, tmp_path):
    (tmp_path / "EEN.csv").write_bytes(inputs[0].read_bytes())
    with pytest.raises(OptionError, match="would both be written"):
        run([*inputs, tmp_path / "EEN.csv"], output)
    assert not output.exists()


def test_the_folder_of_the_inputs_is_no_output(inputs):
    before = inputs[0].read_bytes()
    with pytest.raises(OptionError, match="the input itself"):
        run(inputs, inputs[0].parent)
    assert inputs[0].read_bytes() == before


def test_a_file_and_a_missing_folder_are_no_folders(inputs, tmp_path):
    (tmp_path / "bestand").write_text("x", encoding="utf-8")
    with pytest.raises(FileError, match="is not a folder"):
        run(inputs, tmp_path / "bestand")
    with pytest.raises(FileError, match="no folder"):
        run(inputs, tmp_path / "er" / "niet")
