"""Spark ML's record of a stage: a line of JSON in ``metadata/``, as ``DefaultParamsWriter`` writes it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rubriek.errors import SavedModelError
from rubriek.models import checks
from rubriek.sparknlp.formats.checksums import check_checksum
from rubriek.sparknlp.formats.compression import DECOMPRESSION_ERRORS, SUFFIXES
from rubriek.sparknlp.formats.files import SavedFiles
from rubriek.sparknlp.formats.saved import PIPELINES, SPARK_VERSION

FOLDER = "metadata"
SUCCESS = "_SUCCESS"
MOST_BYTES = 16 * 2**20
MOST_UID = 200

FLOATS = frozenset({"threshold"})
"""Parameters whose JSON needs a decimal point: Spark NLP reads ``1`` there as an error."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the record says."""

    class_name: str
    uid: str
    spark_version: str
    params: dict[str, Any]
    defaults: dict[str, Any]
    where: str


def read_metadata(files: SavedFiles) -> Metadata:
    """Read the record of a saved stage.

    Raises
    ------
    SavedModelError
        If it is missing, or not the record of a stage that was saved by the JVM.
    """
    parts = files.parts(FOLDER)
    if not parts:
        tops = sorted({name.partition("/")[0] for name in files.names})
        raise SavedModelError(
            f"{files.where()} is nothing that Spark saved.",
            expected=f"a file {FOLDER}/part-00000",
            found=", ".join(tops[:12]) + (" ..." if len(tops) > 12 else "") or "nothing",
            hint="a folder with model.onnx and assets/ is read by loadSavedModel",
        )
    where = files.where(parts[0])
    check_checksum(files, parts[0])
    line = _text(files, parts[0]).strip().partition(b"\n")[0]
    fields = checks.Fields(checks.parse_object(line, where, SavedModelError), where, SavedModelError)
    params = fields.fields("paramMap").values if "paramMap" in fields else {}
    _check_writable(fields)
    class_name = fields.text("class")
    if params.get("language") == "Python" and class_name not in PIPELINES:
        raise SavedModelError(
            f"{where} was saved by Python classes, which only their own code reads.",
            expected="a stage of Spark NLP or Spark ML",
            found=checks.shown(class_name),
        )
    return Metadata(
        class_name=class_name,
        uid=checked_uid(fields.text("uid"), where),
        spark_version=fields.text("sparkVersion", most=100),
        params=params,
        defaults=fields.fields("defaultParamMap").values if "defaultParamMap" in fields else {},
        where=where,
    )


def _check_writable(fields: checks.Fields) -> None:
    """Refuse what Python reads as JSON and nobody can write again: 1e999, and halves of surrogate pairs."""
    try:
        json.dumps(fields.values, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except ValueError as error:
        raise SavedModelError(f"{fields.where} is not JSON as Spark writes it.", found=str(error)) from error


def _text(files: SavedFiles, name: str) -> bytes:
    data = files.read(name, limit=MOST_BYTES)
    decompress = SUFFIXES.get(PurePosixPath(name).suffix)
    if decompress is None:
        return data
    try:
        return decompress(data, MOST_BYTES)
    except DECOMPRESSION_ERRORS as error:
        raise SavedModelError(f"{files.where(name)} cannot be decompressed.", found=str(error)) from error


def checked_uid(uid: str, where: str) -> str:
    """Return an identifier that may name a folder, as it does in a pipeline.

    Raises
    ------
    SavedModelError
        If it could lead elsewhere.
    """
    if not 0 < len(uid) <= MOST_UID or any(sign in uid for sign in "/\\:\0"):
        raise SavedModelError(
            f"{where} has an identifier that cannot name a folder.",
            expected=f"at most {MOST_UID} characters, without / \\ and :",
            found=checks.shown(uid),
        )
    return uid


def write_metadata(
    folder: Path, class_name: str, uid: str, params: dict[str, Any], defaults: dict[str, Any]
) -> None:
    """Write the record of a stage into ``folder/metadata``."""
    checked_uid(uid, class_name)
    record = {
        "class": class_name,
        "timestamp": time.time_ns() // 1_000_000,
        "sparkVersion": SPARK_VERSION,
        "uid": uid,
        "paramMap": _typed(params),
        "defaultParamMap": _typed(defaults),
    }
    target = folder / FOLDER
    target.mkdir(parents=True)
    line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    (target / "part-00000").write_bytes(line.encode("utf-8") + b"\n")
    (target / SUCCESS).touch()


def _typed(params: dict[str, Any]) -> dict[str, Any]:
    return {name: float(value) if name in FLOATS else value for name, value in params.items()}
