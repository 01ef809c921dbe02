"""Real checkpoints give the logits that the reference gave.

``expected.jsonl`` and ``expected_logits.json`` were written by transformers 5.23.0 with torch 2.13.0 on a CPU
in fp32, one text at a time; the texts are those of ``texts.jsonl`` with the same id.
"""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from rubriek.engines import open_engine
from rubriek.errors import RubriekWarning
from rubriek.models import import_model
from rubriek.tokens import HuggingFaceTokenizer, SpecialIds

TOLERANCE = 1e-4


def read_lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def padded(rows, pad_id):
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), pad_id, dtype=np.int32)
    mask = np.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return ids, mask


def logits_of(bundle, rows):
    engine = open_engine(bundle)
    ids, mask = padded(rows, bundle.pad_id)
    return np.concatenate(
        [engine.run(ids[at : at + 16], mask[at : at + 16]) for at in range(0, len(ids), 16)]
    )


@pytest.mark.parametrize("name", ["tiny_a", "tiny_b"])
def test_tokens_and_logits_of_trained_models(name, request, data):
    bundle = request.getfixturevalue(name)
    expected = read_lines(data / name.replace("_", "-") / "expected.jsonl")
    texts = {line["id"]: line["text"] for line in read_lines(data / "texts.jsonl")}
    special = SpecialIds(bundle.pad_id, bundle.cls_id, bundle.sep_id)
    tokens = HuggingFaceTokenizer(bundle.tokenizer_file, special, threads=1).tokenize(
        [texts[line["id"]] for line in expected]
    )
    assert len(expected) == 120
    for index, line in enumerate(expected):
        inner = tokens.ids[tokens.offsets[index] : tokens.offsets[index + 1]].tolist()
        assert len(inner) + 2 == line["untruncated_length"]
        kept = [bundle.cls_id, *inner[: bundle.max_length - 2], bundle.sep_id]
        assert kept == line["input_ids"], line["id"]
    found = logits_of(bundle, [line["input_ids"] for line in expected])
    np.testing.assert_allclose(found, [line["logits"] for line in expected], rtol=0, atol=TOLERANCE)


def test_logits_of_a_model_of_2020(shared, tmp_path):
    if shared is None or not (shared / "models/rxn-classifier").is_dir():
        pytest.skip(
            "rxn-classifier is not here; RUBRIEK_SHARED names the folder that holds models/rxn-classifier"
        )
    source = shared / "models/rxn-classifier"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RubriekWarning)  # its id2label has 2 names for 50 labels
        bundle = import_model(source, tmp_path / "rxn")
    assert bundle.labels[::49] == ("LABEL_0", "LABEL_49")
    rows = json.loads((source / "expected_logits.json").read_text())["rows"]
    assert len(rows) > 1
    found = logits_of(bundle, [row["input_ids"] for row in rows])
    np.testing.assert_allclose(found, [row["logits"] for row in rows], rtol=0, atol=TOLERANCE)
