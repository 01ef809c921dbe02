"""Encodings: found where the bytes tell, named where they do not, never guessed in silence."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.errors import FileError, OptionError
from rubriek.files import open_source
from rubriek.files.lines import Problem
from rubriek.files.sources import Source

TEXTS = ["Café’s — “één” €5", "naïef", "IDEEËN"]


def opened(folder, data: bytes, name: str = "a.csv", **options) -> Source:
    (folder / name).write_bytes(data)
    return open_source(folder / name, **options)


def texts(source: Source) -> list[str]:
    survey = source.survey(["text"], pytest.fail)
    return [text for table in source.tables(survey, ["text"]) for text in table["text"].to_pylist()]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_an_encoding_is_found_and_said(tmp_path, encoding, name):
    rows = [f'{{"text": "{text}"}}' for text in TEXTS] if "jsonl" in name else ["text", *TEXTS]
    data = "".join(row + "\n" for row in rows).encode(encoding)
    source = opened(tmp_path, gzip.compress(data) if name.endswith(".gz") else data, name)
    assert texts(source) == TEXTS
    said = {"cp1252": ("encoded in Windows-1252",), "utf-8": (), "utf-8-sig": ()}
    assert source.notes == said.get(encoding, (f"encoded in {source.encoding.upper()}",))
    assert (source.encoding == "utf-8") == encoding.startswith("utf-8")


def test_the_first_accent_may_come_late(tmp_path):
    data = b"text\n" + b"gewone tekst\n" * 100_000 + "één\n".encode("cp1252")
    assert texts(opened(tmp_path, data))[-1] == "één"


def test_utf8_with_a_damaged_byte_is_not_windows(tmp_path):
    source = opened(tmp_path, "text\néén\n".encode() + b"caf\xe9\n")
    problems: list[Problem] = []
    assert source.survey(["text"], problems.append).rows == 1
    assert [problem.cause for problem in problems] == ["byte 0xe9 is not UTF-8"]


def test_a_named_encoding_is_used_and_its_errors_speak_of_it(tmp_path):
    data = b"text\n" + "Ελλάδα\n".encode("iso8859-7")
    assert texts(opened(tmp_path, data, encoding="ISO-8859-7")) == ["Ελλάδα"]
    source = opened(tmp_path, b"text\ngo\x81ed\n", encoding="windows-1252")
    problems: list[Problem] = []
    source.survey(["text"], problems.append)
    assert problems[0].cause == "byte 0x81 is not Windows-1252"
    with pytest.raises(FileError, match="cannot be read as UTF-16"):
        texts(opened(tmp_path, "text\na\n".encode("utf-16") + b"\x00", encoding="utf-16"))


@pytest.mark.parametrize("name", ["klingon", "base64", "zip", "a\x00b", ""])
def test_what_is_not_an_encoding_of_text_is_refused(tmp_path, name):
    with pytest.raises(OptionError, match="There is no encoding"):
        opened(tmp_path, b"text\na\n", encoding=name)


def test_binary_formats_have_no_encoding(tmp_path):
    with pytest.raises(OptionError, match="no encoding to name"):
        opened(tmp_path, b"PAR1", "a.parquet", encoding="cp1252")


@given(
    text=st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), min_size=1),
    encoding=st.sampled_from(["cp1252", "utf-16-le", "utf-8"]),
)
def test_a_text_in_its_named_encoding_comes_through(tmp_path_factory, text, encoding):
    folder = tmp_path_factory.mktemp("named")
    source = opened(folder, f"x\n{text}\n".encode(encoding), "a.txt", encoding=encoding)
    assert texts(source) == ["x", text]
