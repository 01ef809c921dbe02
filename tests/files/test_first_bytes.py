"""A file of another kind is named for what it is, with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rubriek.errors import FileError
from rubriek.files import open_source

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def zipped(name: str) -> bytes:
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        archive.writestr(name, "id,text\n")
    return stream.getvalue()


def parquet() -> bytes:
    pq.write_table(pa.table({"text": ["a"]}), stream := io.BytesIO())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("format", "data", "message"),
    [
        ("csv", zipped("news.csv"), r"a zip archive(.|\n)*unpack it"),
        ("csv", zipped("[Content_Types].xml"), r"an Excel workbook(.|\n)*CSV UTF-8"),
        ("lines", zipped("xl/workbook.xml"), "an Excel workbook"),
        ("csv", lzma.compress(b"text\n"), "compressed with xz"),
        ("csv", parquet(), "--input-format parquet"),
        ("parquet", gzip.compress(parquet()), r"compressed with gzip(.|\n)*decompress it"),
        ("arrow", parquet(), "--input-format parquet"),
        ("parquet", zipped("a"), "a zip archive"),
        *[
            (format, LFS, r"a Git LFS pointer(.|\n)*git lfs pull")
            for format in ("csv", "jsonl", "parquet", "arrow")
        ],
        ("jsonl", b'\n [{"text": "a"}]', r"a JSON array(.|\n)*jq -c"),
        ("jsonl", '[{"text": "a"}]'.encode("utf-16"), "a JSON array"),
        ("jsonl", gzip.compress(b'[\n{"text": "a"}]'), "a JSON array"),
        ("jsonl", b'{\n  "text": "a"\n}', "JSON over several lines"),
        ("csv", b"<!DOCTYPE html>\n<html>", "a web page"),
        ("lines", b"%PDF-1.7\n", "a PDF"),
        ("csv", b"Obj\x01\x04\x14avro.codec", r"Avro(.|\n)*convert it to Parquet"),
        ("parquet", b"ORC\n\x0b", "ORC"),
        ("arrow", b"FEA1" + bytes(60), "Feather of version 1"),
    ],
)
def test_it_is_said_what_a_file_is(tmp_path, format, data, message):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(FileError, match=message):
        open_source(tmp_path / "a", format)


def test_bzip2_is_read(tmp_path):
    (tmp_path / "a.bz2").write_bytes(bz2.compress(b"id,text\n1,een\n"))
    source = open_source(tmp_path / "a.bz2", "csv")
    (table,) = source.tables(source.survey(["text"], pytest.fail), ["text"])
    assert table.to_pylist() == [{"id": "1", "text": "een"}]


def test_a_file_that_decompresses_without_end_is_refused(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wb") as stream:
        stream.write(b"text\n")
        for _ in range(10):
            stream.write(b"\n" * 2**20)
    with pytest.raises(FileError, match=r"more than 250 times(.|\n)*decompress it first"):
        open_source(tmp_path / "a.csv.gz")
