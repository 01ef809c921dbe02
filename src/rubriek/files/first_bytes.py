"""What a file is by its first bytes, where that is not what it was taken for."""

from __future__ import annotations

from rubriek.errors import FileError
from rubriek.files.formats import BINARY_FORMATS, Format

SAVE_AS_CSV = "save the sheet as 'CSV UTF-8' and give that file"
_UNPACK = "unpack it, and give the file that is in it"
_OFFICE = (b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/", b"mimetypeapplication/vnd.oasis")

_KINDS: dict[bytes, tuple[str, str]] = {
    b"version https://git-lfs.github.com/": (
        "a Git LFS pointer, not the file itself",
        "fetch it: git lfs pull",
    ),
    b"\xd0\xcf\x11\xe0": ("a document of Microsoft Office", SAVE_AS_CSV),
    b"PK\x03\x04": ("a zip archive", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK),
    b"\xfd7zXZ\x00": ("compressed with xz", _UNPACK),
    b"Rar!": ("a rar archive", _UNPACK),
    b"%PDF-": ("a PDF", "save its text, one text a line, as .txt"),
    b"SQLite format 3\x00": ("an SQLite database", "export the table as CSV"),
    b"Obj\x01": ("Avro", "convert it to Parquet"),
    b"ORC": ("ORC", "convert it to Parquet"),
    b"FEA1": ("Feather of version 1", "write it again: pyarrow.feather.write_feather(table, path)"),
    b"PAR1": ("Parquet", "name the format: --input-format parquet"),
    b"ARROW1": ("Arrow", "name the format: --input-format arrow"),
}
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2"}
_OWN: dict[Format, bytes] = {"parquet": b"PAR1", "arrow": b"ARROW1"}


def check_kind(start: bytes, format: Format, name: str) -> None:
    """Refuse a file that is known to be of another kind.

    Parameters
    ----------
    start : bytes
        The first bytes of the file, decompressed where text is expected.
    format : Format
        What it was taken for.
    name : str
        Its name in messages.

    Raises
    ------
    FileError
        With what it is and what to do.
    """
    found = _kind(start, format)
    if found is not None:
        what, hint = found
        raise FileError(f"{name} is {what}.", expected=format, hint=hint)


def _kind(start: bytes, format: Format) -> tuple[str, str] | None:
    if start.startswith(b"PK\x03\x04") and start[30:].startswith(_OFFICE):
        return "an Excel workbook or another office document", SAVE_AS_CSV
    for magic, kind in _KINDS.items():
        if start.startswith(magic) and magic != _OWN.get(format):
            return kind
    if format in BINARY_FORMATS:
        compressed = next((how for magic, how in _COMPRESSED.items() if start.startswith(magic)), None)
        return (f"compressed with {compressed}", "decompress it first") if compressed else None
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if format != "lines" and text[:14].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "a web page or XML", "fetch the data itself; a server may have sent a page in its place"
    if format == "jsonl" and text.startswith(b"["):
        return "a JSON array", "write one object a line, e.g. with jq -c '.[]'"
    if format == "jsonl" and text.split(b"\n", 1)[0].strip() == b"{":
        return "JSON over several lines", "write one object a line, e.g. with jq -c ."
    return None
