"""The fields of rubriek.json, each read with its limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from rubriek.models import checks
from rubriek.models.checks import Fields

ProblemType: TypeAlias = Literal["single_label_classification", "multi_label_classification", "regression"]
PROBLEM_TYPES: tuple[ProblemType, ...] = get_args(ProblemType)

TruncationSide: TypeAlias = Literal["right", "left"]
TRUNCATION_SIDES: tuple[TruncationSide, ...] = get_args(TruncationSide)

RECORD = "rubriek.json"
MODEL = "model.onnx"
MODEL_DATA = "model.onnx.data"
TOKENIZER = "tokenizer.json"
FORMAT_VERSION = 1

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MOST_LABELS = 100_000
ENCODER_FIELDS = ("hidden_size", "layers", "heads", "intermediate_size", "vocab_size", "max_positions")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a model gives the labels that another gives, on the same texts.

    Attributes
    ----------
    documents : int
        How many texts were compared.
    agreement : float
        Share of them with equal labels, 0 to 1.
    largest_score_difference : float
        Largest difference between two scores of the same label and text.
    sample : str
        What the texts were.
    """

    documents: int
    agreement: float
    largest_score_difference: float
    sample: str = "unnamed"


def labels_of(record: Fields) -> tuple[str, ...]:
    """Read the labels: at least one, none empty, none twice."""
    labels = record.texts("labels", most=MOST_LABELS)
    if not labels or len(set(labels)) != len(labels) or "" in labels:
        raise record.wrong("labels", "at least one label, none empty, none twice")
    return labels


def problem_type_of(record: Fields, labels: int) -> ProblemType:
    """Read the problem type, which has to fit the number of labels."""
    named = record.text("problem_type", choices=PROBLEM_TYPES)
    if named == "single_label_classification" and labels == 1:
        raise record.wrong("problem_type", "another one, or two labels to choose from")
    return next(known for known in PROBLEM_TYPES if known == named)


def side_of(record: Fields) -> TruncationSide:
    """Read at which end a text is cut that is too long."""
    named = record.text("truncation_side", choices=TRUNCATION_SIDES)
    return next(known for known in TRUNCATION_SIDES if known == named)


def threshold_of(record: Fields, labels: int) -> float | tuple[float, ...]:
    """Read the threshold, for all labels or for each."""
    value = record.values.get("threshold")
    if not isinstance(value, list):
        return record.number("threshold", least=0, most=1)
    if len(value) != labels or not all(checks.is_number(item, 0, 1) for item in value):
        raise record.wrong("threshold", f"a number from 0 to 1, or a list of {labels} of them")
    return tuple(float(item) for item in value)


def encoder_of(record: Fields) -> dict[str, int] | None:
    """Read the encoder's sizes, where they are known."""
    if "encoder" not in record:
        return None
    fields = record.fields("encoder")
    return {name: fields.integer(name, least=1) for name in ENCODER_FIELDS}


def agreement_of(record: Fields) -> Agreement | None:
    """Read the agreement with fp32, where there is one."""
    if "agreement" not in record:
        return None
    fields = record.fields("agreement")
    return Agreement(
        documents=fields.integer("documents", least=1, most=2**53),
        agreement=fields.number("agreement", least=0, most=1),
        largest_score_difference=fields.number("largest_score_difference", least=0, most=1e30),
        sample=fields.text("sample"),
    )


def files_of(record: Fields) -> dict[str, Fields]:
    """Read the entries of the bundle's files: those that a bundle has, and no others."""
    files = record.fields("files")
    for name in (MODEL, TOKENIZER):
        files.fields(name)
    if unknown := set(files.values) - {MODEL, MODEL_DATA, TOKENIZER}:
        raise record.wrong(
            "files", f"{MODEL}, {MODEL_DATA} and {TOKENIZER}, not {checks.shown(min(unknown))}"
        )
    return {name: files.fields(name) for name in files.values}
