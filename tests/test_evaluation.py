from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
import pytest

from rubriek.classifier import Classifier
from rubriek.engines import open_engine
from rubriek.errors import ColumnError, InputError, OptionError
from rubriek.evaluation import agreement


def answering(problem_type, rows, *, labels=("a", "b")):
    """A classifier that answers with given scores, whatever the texts."""
    columns = {"scores": pa.array([dict(zip(labels, row, strict=True)) for row in rows])}
    if problem_type == "multi_label_classification":
        columns["labels"] = pa.array(
            [[label for label, score in zip(labels, row, strict=True) if score >= 0.5] for row in rows],
            pa.list_(pa.string()),
        )
    table = pa.table(columns)
    return SimpleNamespace(
        bundle=SimpleNamespace(labels=labels, problem_type=problem_type), classify=lambda texts: table
    )


FOUR = ["w", "x", "y", "z"]


@pytest.mark.parametrize(
    ("problem_type", "reference", "candidate", "share", "difference"),
    [
        ("single_label_classification", [[0.9, 0.1]] * 4, [[0.6, 0.4]] * 3 + [[0.4, 0.6]], 0.75, 0.5),
        ("multi_label_classification", [[0.9, 0.1]] * 4, [[0.6, 0.4]] * 2 + [[0.6, 0.7]] * 2, 0.5, 0.6),
        ("multi_label_classification", [[0.1, 0.1]] * 4, [[0.2, 0.2]] * 4, 1.0, 0.1),
        (
            "regression",
            [[0, 0], [50, 1], [75, 1], [100, 1]],
            [[1, 0], [51.5, 1], [75, 1], [99.5, 1]],
            0.75,
            1.5,
        ),
    ],
)
def test_what_counts_as_equal(problem_type, reference, candidate, share, difference):
    found = agreement(
        answering(problem_type, reference), answering(problem_type, candidate), FOUR, sample="four"
    )
    assert (found.documents, found.agreement, found.sample) == (4, share, "four")
    assert found.largest_score_difference == pytest.approx(difference)


@pytest.mark.parametrize("texts", [[], [None, None], pa.array([], pa.string())])
def test_no_texts(texts):
    one = answering("regression", [])
    with pytest.raises(OptionError, match="no texts"):
        agreement(one, one, texts)


def test_a_column_of_something_else():
    one = answering("regression", [])
    with pytest.raises(ColumnError):
        agreement(one, one, pa.array([1, 2]))
    with pytest.raises(InputError, match="Row 1"):
        agreement(one, one, ["a", 2])


def test_models_of_different_labels():
    one = answering("regression", [[1, 1]])
    with pytest.raises(OptionError, match="labels"):
        agreement(one, answering("regression", [[1, 1]], labels=("b", "a")), ["x"])
    with pytest.raises(OptionError, match="problem_type"):
        agreement(one, answering("single_label_classification", [[1, 1]]), ["x"])


def test_a_model_agrees_with_itself_and_nulls_are_left_out(tiny_a):
    classifier = Classifier(tiny_a, open_engine(tiny_a, threads=1))
    found = agreement(classifier, classifier, ["Ajax wint van PSV", None, ""])
    assert (found.documents, found.agreement, found.largest_score_difference) == (2, 1.0, 0.0)
