from __future__ import annotations

import json

import conformance
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubriek.classifier import Classifier
from rubriek.models import Bundle
from rubriek.sparknlp.annotation_columns import AnnotationColumn, SentenceIndex
from rubriek.sparknlp.annotator import BertForSequenceClassification
from rubriek.sparknlp.categories import Sentences, categories, coalesce, link
from rubriek.sparknlp.rows import Rows
from rubriek.sparknlp.sources import TextSource
from rubriek.sparknlp.tokenization import SparkNlpTokenizer
from rubriek.sparknlp.word_tokens import WordTokenizer

# Where Spark NLP puts results in the wrong place, what is right: the sentence of each annotation.
RIGHT_SENTENCES = {
    "five-sentences-batch2": [0, 1, 2, 3, 4],
    "sigmoid-batch2": [0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4],
    "empty-middle-sentence": [0, 2],
}
SAME_AS = {"five-sentences-batch2-coalesce": "five-sentences-batch8-coalesce"}
CASES = {case["id"]: case for case in conformance.cases("sequence_classifier.json")}
VOCABULARY = conformance.read("wordpiece.json")[0]["vocabularies"]["vocab0"]


class LookupEngine:
    """The network of the observed runs: the logits of a row are chosen by its second id."""

    name, precision, threads, parallel, token_budget = "lookup", "fp32", 1, 1, 64

    def __init__(self, logits: dict[str, list[float]]) -> None:
        self.logits = logits

    def run(self, ids: np.ndarray, mask: np.ndarray, *, alone: bool = False) -> np.ndarray:
        chosen = [self.logits.get(str(row[1]), self.logits["default"]) for row in ids]
        return np.array(chosen, dtype=np.float32)


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vocabulary")
    vocabulary = {piece: number for number, piece in enumerate(VOCABULARY)}
    content = {"model": {"type": "WordPiece", "vocab": vocabulary}}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder


def stage_of(case: dict, folder) -> BertForSequenceClassification:
    sigmoid = case["activation"] == "sigmoid"
    bundle = Bundle(
        folder=folder,
        name="lookup",
        labels=tuple(case["labels"]),
        problem_type="multi_label_classification" if sigmoid else "single_label_classification",
        max_length=512,
        precision="fp32",
        pad_id=0,
        unk_id=1,
        cls_id=2,
        sep_id=3,
    )
    tokenizer = SparkNlpTokenizer(bundle, case_sensitive=case["caseSensitive"])
    classifier = Classifier(bundle, LookupEngine(case["logits_by_second_input_id"]), tokenizer=tokenizer)
    stage = BertForSequenceClassification.of(bundle).setOutputCol("class")
    stage._classifier = lambda: classifier
    stage._sparknlp = lambda: tokenizer
    for name in ("batchSize", "maxSentenceLength", "coalesceSentences", "activation", "threshold"):
        getattr(stage, f"set{name[0].upper()}{name[1:]}")(case[name])
    return stage.setInputCols(["document", "token"])


def column(kind: str, items: list[tuple[str, int, int, int]]) -> AnnotationColumn:
    results, begins, ends, sentences = ([item[place] for item in items] for place in range(4))
    return AnnotationColumn(kind, [0, len(items)], begins, ends, results, sentences, SentenceIndex(sentences))


def rows_of(sentences: list[dict]) -> Rows:
    rows = Rows(TextSource(["one row"], []), {"document": "document", "token": "token"})
    documents = [(s["result"], s["begin"], s["end"], int(s["sentence"])) for s in sentences]
    words = WordTokenizer()
    tokens = [(*token, place) for text, at, _, place in documents for token in words.tokenize(text, at)]
    rows.annotations = {"document": column("document", documents), "token": column("token", tokens)}
    return rows


def placed(sentence: dict, item: dict) -> dict:
    metadata = {**item["metadata"], "sentence": sentence["sentence"]}
    return {"begin": sentence["begin"], "end": sentence["end"], "metadata": metadata}


@pytest.mark.parametrize("name", CASES)
def test_as_the_jvm_gave_it(name, tokenizer_folder):
    case = CASES[name]
    expected = CASES[SAME_AS.get(name, name)]["output"]
    if name in RIGHT_SENTENCES:
        expected = [
            {
                **item,
                "begin": s["begin"],
                "end": s["end"],
                "metadata": {**item["metadata"], "sentence": s["sentence"]},
            }
            for item, s in zip(expected, (case["sentences"][i] for i in RIGHT_SENTENCES[name]), strict=True)
        ]
    rows = rows_of(case["sentences"])
    stage_of(case, tokenizer_folder).annotate(rows)
    (found,) = rows.annotations["class"].annotations()
    assert [(a.annotatorType, a.begin, a.end, a.result) for a in found] == [
        ("category", item["begin"], item["end"], item["result"]) for item in expected
    ]
    for annotation, item in zip(found, expected, strict=True):
        assert list(annotation.metadata) == ["sentence", *case["labels"]]
        assert annotation.metadata["sentence"] == item["metadata"]["sentence"]
        for label in case["labels"]:
            score = float(annotation.metadata[label])
            assert score == pytest.approx(float(item["metadata"][label]), abs=1e-6)
        assert list(annotation.embeddings) == []


lengths = st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=1, max_size=6)


@given(lengths)
def test_every_sentence_with_tokens_is_linked_to_its_own(rows):
    """Rows of sentences of so many one-letter words each."""
    documents: list[tuple[int, int, int]] = []
    tokens: list[tuple[int, int]] = []
    document_offsets, token_offsets, expected = [0], [0], []
    for row, counts in enumerate(rows):
        at = 0
        for count in counts:
            documents.append((row, at, at + 2 * count - 1))
            if count:
                expected.append((row, len(documents) - 1, [len(tokens) + i for i in range(count)]))
            tokens += [(at + 2 * i, at + 2 * i) for i in range(count)]
            at += 2 * count + 1
        document_offsets.append(len(documents))
        token_offsets.append(len(tokens))

    def flat(kind, offsets, spans):
        begins, ends = [span[-2] for span in spans], [span[-1] for span in spans]
        index = [0] * len(spans)
        return AnnotationColumn(kind, offsets, begins, ends, ["w"] * len(spans), index, SentenceIndex(index))

    sentences, places = link(
        flat("document", document_offsets, documents), flat("token", token_offsets, tokens)
    )
    assert list(zip(sentences.row, sentences.annotation, places, strict=True)) == expected
    assert sentences.rows == len(rows)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 4))
def test_coalesced_scores_are_the_means_of_rows(row_of, labels):
    row_of = sorted(row_of)
    scores = np.random.default_rng(0).random((len(row_of), labels), dtype=np.float32)
    sentences = Sentences(np.array(row_of), np.arange(len(row_of)), 6)
    means, kept = coalesce(scores, sentences)
    assert kept.row.tolist() == sorted(set(row_of))
    for row, mean, first in zip(kept.row, means, kept.annotation, strict=True):
        assert mean == pytest.approx(scores[np.array(row_of) == row].mean(axis=0), abs=1e-6)
        assert first == row_of.index(row)


def test_a_score_equal_to_the_threshold_does_not_count():
    documents = column("document", [("a", 0, 0, 0)])
    sentences = Sentences(np.array([0]), np.array([0]), 1)
    scores = np.array([[0.5, 0.75]], dtype=np.float32)
    found = categories(documents, sentences, scores, ("x", "y"), threshold=0.5)
    assert found.result == ["y"]


def test_a_label_called_sentence_takes_the_place_of_the_index():
    documents = column("document", [("a", 0, 0, 0)])
    sentences = Sentences(np.array([0]), np.array([0]), 1)
    found = categories(documents, sentences, np.array([[1, 0]], dtype=np.float32), ("sentence", "y"))
    assert found.annotations()[0][0].metadata == {"sentence": "1.0", "y": "0.0"}
    assert dict(found.arrow().to_pylist()[0][0]["metadata"]) == {"sentence": "1.0", "y": "0.0"}
