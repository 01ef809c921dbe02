"""Files in, the same files with labels out: through the command, with a real model."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import rubriek
from rubriek import jobs
from rubriek.cli import main
from rubriek.models import Bundle

TEXTS = ["Koning opent museum", "De Tweede Kamer stemt over de begroting", "Beurs sluit hoger", ""]
RESULTS = ["label", "score", "scores", "tokens", "truncated", "windows", "empty"]


@pytest.fixture
def classify(tiny_a: Bundle):
    def run(*arguments: object, status: int = 0, **options: object):
        command = ["classify", *map(str, arguments), "--model", str(tiny_a.folder)]
        result = CliRunner().invoke(main, command, **options)
        assert result.exit_code == status, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def labels(tiny_a: Bundle) -> list[str]:
    return rubriek.load(tiny_a.folder).predict(TEXTS)["label"].to_pylist()


@pytest.fixture
def news(tmp_path) -> Path:
    path = tmp_path / "nieuws.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "text"])
        writer.writerows([f"{i:03}", f"Kop {i}", text] for i, text in enumerate(TEXTS))
    return path


def write(path: Path, format: str) -> Path:
    table = pa.table({"id": ["007", "008", "009", "010"], "text": TEXTS})
    if format == "csv":
        path.write_text(
            "id,text\n" + "".join(f'{r["id"]},"{r["text"]}"\n' for r in table.to_pylist()), encoding="utf-8"
        )
    elif format == "tsv":
        path.write_text(
            "id\ttext\n" + "".join(f"{r['id']}\t{r['text']}\n" for r in table.to_pylist()), encoding="utf-8"
        )
    elif format == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), encoding="utf-8")
    elif format == "parquet":
        pq.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, str(path))
    return path


def read(path: Path, format: str) -> list[dict[str, object]]:
    if format in ("csv", "tsv"):
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="," if format == "csv" else "\t"))
    if format == "jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    table = pq.read_table(path) if format == "parquet" else pyarrow.feather.read_table(path)
    return table.to_pylist()


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("output_format", ["csv", "tsv", "jsonl", "parquet", "arrow"])
def test_every_format_goes_into_every_format(classify, labels, tmp_path, format, output_format):
    source = write(tmp_path / f"in.{format}", format)
    classify(source, "-o", tmp_path / f"uit.{output_format}")
    rows = read(tmp_path / f"uit.{output_format}", output_format)
    assert [row["id"] for row in rows] == ["007", "008", "009", "010"]
    assert [row["text"] for row in rows] == TEXTS
    assert [row["label"] for row in rows] == labels
    assert list(rows[0]) == ["id", "text", *RESULTS]
    scores = rows[0]["scores"]
    scores = json.loads(scores) if isinstance(scores, str) else scores
    assert max(scores.values()) == pytest.approx(float(rows[0]["score"]), abs=1e-6)
    assert sum(scores.values()) == pytest.approx(1, abs=1e-5)


def test_the_scores_are_those_of_the_library(classify, news, tmp_path, tiny_a):
    classify(news, "-t", "title", "-t", "text", "-o", tmp_path / "uit.parquet")
    found = pq.read_table(tmp_path / "uit.parquet")
    frame = pa.table({"title": [f"Kop {i}" for i in range(4)], "text": TEXTS})
    expected = rubriek.load(tiny_a.folder).predict(frame, text_column=["title", "text"])
    for name in RESULTS:
        assert found[name].to_pylist() == expected[name].to_pylist()


def test_without_an_output_it_lies_beside_the_input(classify, news, tmp_path):
    result = classify(news)
    assert (tmp_path / "nieuws.classified.csv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nieuws.classified.csv", "nieuws.csv"]
    assert str(tmp_path / "nieuws.classified.csv") in result.stdout


def test_the_summary_says_what_was_done(classify, news, labels, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    text = classify(news).stdout
    for part in [
        "Kop 1",
        labels[0],
        "documents",
        "real tokens",
        "padding",
        "duplicates",
        "truncated",
        "1 empty",
    ]:
        assert part in text
    assert "onnxruntime" in text
    assert "█" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("output")) <= 60


def test_the_json_summary_adds_up(classify, news, tmp_path, labels, tiny_a):
    news.write_text(news.read_text(encoding="utf-8") + "004,x,Beurs sluit hoger\n", encoding="utf-8")
    result = classify(news, "--json")
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["documents"], summary["duplicates"], summary["empty"]) == (5, 5, 1, 1)
    assert sum(summary["labels"].values()) == 5
    assert summary["output"] == str(tmp_path / "nieuws.classified.csv")
    assert summary["model"] == tiny_a.name
    assert (summary["precision"], summary["text_columns"]) == ("fp32", ["text"])
    assert 0 <= summary["padding_share"] < 1
    assert summary["wall_seconds"] > 0


def test_quiet_is_quiet(classify, news):
    result = classify(news, "-q")
    assert (result.stdout, result.stderr) == ("", "")


class TestStreams:
    def test_stdin_to_stdout_keeps_stdout_clean(self, classify, labels):
        result = classify("-", "--format", "jsonl", input="\n".join(TEXTS[:3]))
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert [row["label"] for row in rows] == labels[:3]
        assert "documents" in result.stderr

    def test_stdin_may_be_any_format_and_compressed(self, classify, labels):
        data = gzip.compress(json.dumps({"n": 1, "text": TEXTS[0]}).encode())
        result = classify("-", "--input-format", "jsonl", "-q", input=data)
        assert json.loads(result.stdout)["label"] == labels[0]
        assert result.stderr == ""

    def test_a_file_may_go_to_stdout_in_any_format(self, classify, news, labels):
        result = classify(news, "-o", "-", "--format", "parquet", "-q")
        table = pq.read_table(pa.BufferReader(result.stdout_bytes))
        assert table["label"].to_pylist() == labels

    def test_stdin_to_a_file(self, classify, tmp_path, labels):
        classify("-", "-o", tmp_path / "uit.csv", input=TEXTS[0])
        assert [row["label"] for row in read(tmp_path / "uit.csv", "csv")] == labels[:1]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_named_pipe_is_read_like_stdin(self, classify, tmp_path, labels):
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(TEXTS[0] + "\n",))
        writer.start()
        result = classify(tmp_path / "pipe", "-q")
        writer.join()
        assert labels[0] in result.stdout

    def test_a_device_is_written_to_and_not_replaced(self, classify, news):
        classify(news, "-o", os.devnull, "-q")
        assert not Path(os.devnull).is_file()

    def test_malformed_rows_of_stdin_are_told_with_their_line(self, classify):
        result = classify("-", "--input-format", "jsonl", input='{"text": "a"}\n{"text":\n', status=1)
        assert "stdin, line 2: not JSON" in result.stderr
        assert result.stdout == ""

    def test_json_and_results_do_not_share_stdout(self, classify, news):
        assert "name a file with -o" in classify(news, "-o", "-", "--json", status=2).stderr


class TestOptions:
    def test_top_k_windows_and_lengths_reach_the_classifier(self, classify, tmp_path):
        path = tmp_path / "in.jsonl"
        path.write_text(json.dumps({"text": "Koning opent museum in Amsterdam. " * 20}), encoding="utf-8")
        classify(
            path,
            "--top-k",
            2,
            "--overflow",
            "windows",
            "--max-length",
            16,
            "--stride",
            10,
            "--token-budget",
            64,
        )
        (row,) = read(tmp_path / "in.classified.jsonl", "jsonl")
        assert len(row["top"]) == 2
        assert row["windows"] > 5
        assert row["truncated"] is False

    def test_overflow_error_names_the_way_out(self, classify, news):
        result = classify(news, "--max-length", 4, "--overflow", "error", status=1)
        assert "--overflow windows reads them whole" in result.stderr

    def test_an_option_that_makes_no_sense_is_a_wrong_command(self, classify, news):
        assert "stride" in classify(news, "--stride", 4, status=2).stderr

    def test_threads_engine_and_precision_are_told(self, classify, news):
        summary = json.loads(classify(news, "--threads", 1, "--engine", "onnxruntime", "--json").stdout)
        assert (summary["threads"], summary["precision"]) == (1, "fp32")
        assert summary["engine"].startswith("onnxruntime")

    def test_a_result_column_that_is_there_needs_a_prefix(self, classify, news, tmp_path):
        news.write_text("label,text\nx,Koning opent museum\n", encoding="utf-8")
        assert "--prefix predicted_" in classify(news, status=2).stderr
        assert [path.name for path in tmp_path.iterdir()] == ["nieuws.csv"]
        result = classify(news, "--prefix", "predicted_")
        assert read(tmp_path / "nieuws.classified.csv", "csv")[0]["label"] == "x"
        assert "Koning opent museum" in result.stdout

    def test_the_text_column_has_to_be_clear(self, classify, news):
        news.write_text("kop,inhoud\na,b\n", encoding="utf-8")
        result = classify(news, status=2)
        assert "--text-column" in result.stderr
        assert "'kop', 'inhoud'" in result.stderr
        assert "inhoud" in classify(news, "-t", "inhoud").stdout

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("uit.txt", "cannot hold results"),
            ("uit.parquet.gz", "not compressed"),
            ("uit.csv.bz2", ".gz, .zst or no compression"),
            ("uit", "--format"),
        ],
    )
    def test_an_output_that_cannot_be_written_is_refused_at_once(self, classify, news, name, message):
        result = classify(news, "-o", news.with_name(name), status=1 if name == "uit" else 2)
        assert message in result.stderr

    def test_an_unknown_suffix_may_be_given_a_format(self, classify, news, labels):
        classify(news, "-o", news.with_name("uit"), "--format", "jsonl")
        assert [row["label"] for row in read(news.with_name("uit"), "jsonl")] == labels

    def test_compressed_in_compressed_out(self, classify, tmp_path, labels):
        (tmp_path / "in.txt.gz").write_bytes(gzip.compress("\n".join(TEXTS[:2]).encode()))
        classify(tmp_path / "in.txt.gz", "-q")
        text = gzip.decompress((tmp_path / "in.classified.csv.gz").read_bytes()).decode()
        assert [row["label"] for row in csv.DictReader(text.splitlines())] == labels[:2]

    def test_bzip2_is_known_by_its_name_and_comes_out_as_plain_text(self, classify, tmp_path, labels):
        (tmp_path / "in.txt.bz2").write_bytes(bz2.compress("\n".join(TEXTS[:2]).encode()))
        classify(tmp_path / "in.txt.bz2", "-q")
        assert [row["label"] for row in read(tmp_path / "in.classified.csv", "csv")] == labels[:2]

    def test_a_json_file_names_its_two_ways(self, classify, tmp_path):
        (tmp_path / "in.json").write_text('{"text": "Koning opent museum"}', encoding="utf-8")
        message = classify(tmp_path / "in.json", status=1).stderr
        assert "--input-format jsonl" in message
        assert "jq -c '.[]'" in message

    def test_a_dutch_spreadsheet_comes_back_as_one(self, classify, tmp_path):
        (tmp_path / "in.csv").write_bytes(
            "\ufeffid;text\r\n1;Koning opent museum; nee\r\n".encode().replace(b"; nee", b"")
        )
        result = classify(tmp_path / "in.csv")
        assert "delimited by semicolons" in result.stderr
        assert "delimited by semicolons" in result.stdout
        assert (tmp_path / "in.classified.csv").read_bytes().startswith(b"\xef\xbb\xbfid;text;label;")

    def test_an_encoding_is_found_and_said_or_named(self, classify, tmp_path):
        data = "text\nCafé “Één” opent\n".encode("cp1252")
        (tmp_path / "in.csv").write_bytes(data)
        found = classify(tmp_path / "in.csv")
        assert "encoded in Windows-1252" in found.stdout
        output = (tmp_path / "in.classified.csv").read_text(encoding="utf-8")
        assert "Café “Één” opent" in output
        named = classify(
            tmp_path / "in.csv", "--encoding", "Windows-1252", "--json", "-o", tmp_path / "uit.csv"
        )
        assert json.loads(named.stdout)["input_notes"] == ["encoded in Windows-1252"]
        assert (tmp_path / "uit.csv").read_text(encoding="utf-8") == output
        assert (
            "no encoding 'klingon'" in classify(tmp_path / "in.csv", "--encoding", "klingon", status=2).stderr
        )


class TestScores:
    def columns(self, path: Path) -> list[str]:
        return path.read_text(encoding="utf-8").splitlines()[0].split(",")[2:]

    @pytest.mark.parametrize(
        ("scores", "added"),
        [("none", ["label"]), ("best", ["label", "score"]), ("all", ["label", "score", "scores"])],
    )
    def test_scores_may_be_left_out(self, classify, tmp_path, scores, added, labels):
        source, output = write(tmp_path / "in.csv", "csv"), tmp_path / "uit.csv"
        result = classify(source, "-o", output, "--scores", scores)
        assert self.columns(output) == [*added, "tokens", "truncated", "windows", "empty"]
        assert [row["label"] for row in read(output, "csv")] == labels
        assert labels[0] in result.stdout

    @pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
    def test_wide_has_a_column_for_each_label(self, classify, tmp_path, format, tiny_a):
        source = write(tmp_path / "in.parquet", "parquet")
        classify(source, "-o", tmp_path / f"uit.{format}", "--scores", "wide", "--prefix", "p_")
        expected = rubriek.load(tiny_a.folder).predict(TEXTS)
        rows = read(tmp_path / f"uit.{format}", format)
        names = [f"p_score_{label}" for label in tiny_a.labels]
        assert list(rows[0])[2:5] == ["p_label", "p_score", names[0]]
        for row, answer in zip(rows, expected, strict=True):
            assert [float(row[name]) for name in names] == pytest.approx(
                list(answer.scores.values()), abs=1e-6
            )

    def test_another_choice_is_another_job(self, classify, news, tmp_path):
        classify(news, "-o", tmp_path / "uit.csv", "--scores", "wide")
        assert "score_" in (tmp_path / "uit.csv").read_text(encoding="utf-8")

    def test_a_column_of_the_input_is_not_overwritten(self, classify, tmp_path, tiny_a):
        source = tmp_path / "in.csv"
        source.write_text(f"text,score_{tiny_a.labels[0]}\na,b\n", encoding="utf-8")
        assert "--prefix predicted_" in classify(source, "--scores", "wide", status=2).stderr


class TestSeveralFiles:
    @pytest.fixture
    def inputs(self, tmp_path) -> Path:
        folder = tmp_path / "in"
        folder.mkdir()
        write(folder / "een.csv", "csv")
        write(folder / "twee.parquet", "parquet")
        (folder / "drie.txt").write_text("Beurs sluit hoger\n", encoding="utf-8")
        return folder

    def test_each_comes_out_under_its_name(self, classify, inputs, tmp_path, labels):
        output = tmp_path / "uit"
        summary = json.loads(classify(*sorted(inputs.iterdir()), "-o", output, "--json").stdout)
        assert (summary["files"], summary["finished_files"], summary["rows"]) == (3, 0, 9)
        assert summary["output"] == str(output)
        assert sorted(path.name for path in output.iterdir()) == ["drie.csv", "een.csv", "twee.parquet"]
        assert [row["label"] for row in read(output / "een.csv", "csv")] == labels
        assert [row["label"] for row in read(output / "twee.parquet", "parquet")] == labels

    def test_a_pattern_that_the_shell_has_left_is_matched(self, classify, inputs, tmp_path):
        result = classify(f"{inputs}/*e*.*", "-o", f"{tmp_path}/uit/", "--format", "jsonl")
        assert sorted(path.name for path in (tmp_path / "uit").iterdir()) == [
            "drie.jsonl", "een.jsonl", "twee.jsonl",
        ]  # fmt: skip
        assert "files         3" in result.stdout

    def test_a_pattern_with_one_match_goes_into_a_folder_or_a_file(self, classify, inputs, tmp_path):
        classify(f"{inputs}/een.*", "-o", f"{tmp_path}/uit/")
        classify(f"{inputs}/een.*", "-o", tmp_path / "uit.csv")
        assert (tmp_path / "uit" / "een.csv").read_bytes() == (tmp_path / "uit.csv").read_bytes()

    def test_a_file_whose_name_looks_like_a_pattern_is_a_file(self, classify, tmp_path):
        write(tmp_path / "[a].csv", "csv")
        classify(tmp_path / "[a].csv", "-o", tmp_path / "uit.csv")

    def test_without_a_folder_nothing_is_done(self, classify, inputs):
        assert "folder: name it with -o" in classify(inputs / "een.csv", inputs / "drie.txt", status=2).stderr

    def test_a_folder_is_not_named_like_a_file(self, classify, inputs, tmp_path):
        output = tmp_path / "uit.csv"
        result = classify(inputs / "een.csv", inputs / "drie.txt", "-o", output, status=1)
        assert f"-o {tmp_path / 'uit'}/" in result.stderr
        assert not output.exists()
        classify(inputs / "een.csv", inputs / "drie.txt", "-o", f"{output}/")
        assert (output / "een.csv").is_file()

    def test_a_pattern_without_a_match_is_told(self, classify, tmp_path):
        assert "No file matches" in classify(f"{tmp_path}/*.csv", "-o", f"{tmp_path}/uit/", status=1).stderr

    def test_stdin_goes_alone(self, classify, inputs, tmp_path):
        result = classify("-", inputs / "een.csv", "-o", tmp_path / "uit", status=1)
        assert "cannot be one of several" in result.stderr

    def test_a_folder_names_the_ways_to_give_it(self, classify, inputs):
        message = classify(inputs, status=1).stderr
        assert "--spark" in message
        assert "*.csv" in message


class TestMessages:
    def test_what_the_user_wrote_is_not_reworded(self, classify, tmp_path):
        source = tmp_path / "in.csv"
        source.write_text("prefix='x',overflow='windows',label\na,b,c\n", encoding="utf-8")
        message = classify(source, status=2).stderr
        assert "prefix='x'" in message
        assert "overflow='windows'" in message

    def test_a_spreadsheet_as_output_gets_advice_about_the_output(self, classify, news):
        message = classify(news, "-o", news.with_name("uit.xlsx"), status=1).stderr
        assert "name it uit.csv" in message
        message = classify(news, "-o", news.with_name("uit"), status=1).stderr
        assert "--format" in message
        assert "lines" not in message

    def test_a_precision_that_the_model_lacks_names_no_other_that_it_lacks(self, news):
        result = CliRunner().invoke(main, ["classify", str(news), "-m", "nl-news", "--precision", "fp32"])
        assert result.exit_code == 1
        assert "leave --precision out" in result.stderr

    def test_a_link_to_itself_is_told(self, classify, news, tmp_path):
        (tmp_path / "uit.csv").symlink_to("uit.csv")
        assert "leads nowhere" in classify(news, "-o", tmp_path / "uit.csv", status=1).stderr

    def test_labels_over_their_thresholds_are_counted(self, multi_label, tmp_path):
        source = write(tmp_path / "in.csv", "csv")
        command = ["classify", str(source), "-m", str(multi_label.folder), "--threshold", "0.3"]
        summary = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
        expected = rubriek.load(multi_label.folder).predict(TEXTS, threshold=0.3)["labels"].to_pylist()
        counts = {label: sum(label in over for over in expected) for label in multi_label.labels}
        assert summary["over_threshold"] == {label: count for label, count in counts.items() if count}
        assert sum(summary["over_threshold"].values()) > len(TEXTS)
        text = CliRunner().invoke(main, command).stdout
        assert "labels over their thresholds" in text
        assert ", ".join(expected[0]) in text
        most = max(counts.values())
        assert f"{100 * most / len(TEXTS):.0f} %" in text
        text = CliRunner().invoke(main, [*command[:-1], "1"]).stdout
        assert "no text has a label over its threshold" in text


class TestMalformed:
    @pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are not UTF-8")
    def test_a_name_that_is_not_utf_8(self, classify, tmp_path):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv"))
        path.write_text("id,text\n1,goed\nte weinig\n", encoding="utf-8")
        result = classify(path, "--on-error", "skip")
        assert "\\udce9" in result.stdout
        (listed,) = tmp_path.glob("*.errors.jsonl")
        assert json.loads(listed.read_text(encoding="utf-8"))["file"] == str(path)
        summary = json.loads(classify(path, "--on-error", "skip", "--json").stdout)
        assert summary["input"] == str(path)

    def test_rows_left_out_of_a_stream_are_told_some_at_a_time(self, classify, tmp_path, monkeypatch):
        monkeypatch.setattr("rubriek.jobs.output._LOGGED", 1000)
        source = tmp_path / "in.csv"
        source.write_text("id,text\n1,goed\n" + "kapot\n" * 100, encoding="utf-8")
        lines = classify(source, "-o", "-", "-q", "--on-error", "skip").stderr.splitlines()
        told = [json.loads(line)["line"] for line in lines if line.startswith("{")]
        assert told == list(range(3, 103))
        assert lines.count("Warning: rows left out:") >= 5

    def test_the_default_stops_and_replaces_nothing(self, classify, news):
        with news.open("ab") as file:
            file.write("5,één kop,caf".encode() + b"\xe9\n")
        output = news.with_name("nieuws.classified.csv")
        output.write_text("oud", encoding="utf-8")
        result = classify(news, status=1)
        assert "nieuws.csv, line 6: byte 0xe9 is not UTF-8" in result.stderr
        assert "--encoding cp1252" in result.stderr
        assert output.read_text(encoding="utf-8") == "oud"

    def test_skip_counts_them_and_lists_them(self, classify, news):
        with news.open("a", encoding="utf-8") as file:
            file.write("te weinig\n")
        result = classify(news, "--on-error", "skip")
        listed = news.with_name("nieuws.classified.csv.errors.jsonl")
        assert json.loads(listed.read_text(encoding="utf-8"))["line"] == 6
        assert "1 malformed row" in result.stdout
        assert str(listed) in result.stdout


CHILD = """
import sys
from rubriek.files import sources
from rubriek.tokens import HuggingFaceTokenizer

sources.CHUNK_ROWS = 8
tokenize = HuggingFaceTokenizer.tokenize

def told(self, texts):
    sys.stdout.write("*")
    sys.stdout.flush()
    sys.stdin.read(1)
    return tokenize(self, texts)

HuggingFaceTokenizer.tokenize = told
from rubriek.cli import main
main()
"""


class TestInterrupted:
    @pytest.fixture
    def big(self, tmp_path) -> Path:
        path = tmp_path / "groot.csv"
        rows = [f'{i},"{TEXTS[i % 3]} {i * i % 17}"\n' for i in range(100)]
        path.write_text("id,text\n" + "".join(rows), encoding="utf-8")
        return path

    def start(self, source: Path, output: Path, model: Path) -> subprocess.Popen[bytes]:
        """Start a run that writes a star before it tokenises a part, and waits for a byte after it."""
        arguments = ["classify", source, "-o", output, "-m", model, "-q", "--on-error", "skip"]
        command = [sys.executable, "-c", CHILD, *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)

    def end(self, child: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
        """Let a run go on to its end; return its status and what it wrote."""
        with child:
            stdout, stderr = child.communicate(b"+" * 1000)
        return child.returncode, stdout, stderr

    def stop(self, child: subprocess.Popen[bytes], questions: int, number: int) -> tuple[int, bytes]:
        """Answer some questions, then send a signal while the last of them is worked on."""
        with child:
            for _ in range(questions):
                if not child.stdout.read(1):
                    break
                child.stdin.write(b"+")
            child.send_signal(number)
            _, stderr = child.communicate()
        return child.returncode, stderr

    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_killed_again_and_again_the_output_is_the_same_byte_for_byte(self, big, tmp_path, tiny_a, suffix):
        expected, output = tmp_path / f"heel.{suffix}", tmp_path / f"uit.{suffix}"
        assert self.end(self.start(big, expected, tiny_a.folder))[0] == 0
        chance = random.Random(suffix)
        # The first question is for the names of the columns, then comes one for each of the 13 parts, while
        # the part before may still be without answers: a run finishes 3 of them at most before it is killed.
        for _ in range(3):
            status, _ = self.stop(
                self.start(big, output, tiny_a.folder), chance.randint(1, 5), signal.SIGKILL
            )
            assert status == -signal.SIGKILL
            assert not output.exists()
        assert self.end(self.start(big, output, tiny_a.folder))[0] == 0
        assert output.read_bytes() == expected.read_bytes()
        assert not jobs.job_folder(output).exists()

    @pytest.mark.skipif(os.name == "nt", reason="needs SIGINT")
    def test_ctrl_c_says_how_to_go_on(self, big, tmp_path, tiny_a):
        output = tmp_path / "uit.csv"
        status, stderr = self.stop(self.start(big, output, tiny_a.folder), 5, signal.SIGINT)
        assert status == 130
        assert re.search(rb"\d+ of 100 rows \(\d+ %\) are done and kept. The same command goes on", stderr)
        assert b"Traceback" not in stderr
        assert jobs.job_folder(output).is_dir()
        status, questions, _ = self.end(self.start(big, output, tiny_a.folder))
        assert status == 0
        # Of 13 parts at least two were finished.
        assert len(questions) <= 1 + 11

    def test_another_command_is_refused_until_restart(self, classify, big, tmp_path, tiny_a):
        output = tmp_path / "uit.csv"
        self.stop(self.start(big, output, tiny_a.folder), 5, signal.SIGKILL)
        result = classify(big, "-o", output, "--top-k", 2, status=1)
        assert "options.top_k" in result.stderr
        assert "--restart" in result.stderr
        classify(big, "-o", output, "--top-k", 2, "--restart")
        assert len(read(output, "csv")) == 100

    def test_what_an_earlier_run_finished_is_told(self, classify, big, tmp_path, tiny_a):
        output = tmp_path / "uit.csv"
        self.stop(self.start(big, output, tiny_a.folder), 5, signal.SIGKILL)
        summary = json.loads(classify(big, "-o", output, "--on-error", "skip", "--json").stdout)
        assert 16 <= summary["resumed_rows"] < 100
        assert summary["documents"] == 100
