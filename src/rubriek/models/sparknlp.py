"""Imports a classifier that Spark NLP saved, or that lies ready for its ``loadSavedModel``, into a bundle."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rubriek
from rubriek.errors import RubriekWarning, SavedModelError, TokenizerError, UnsupportedModelError
from rubriek.models import checks
from rubriek.models.bundle import MODEL, Bundle, ProblemType
from rubriek.models.huggingface import choose_length
from rubriek.models.onnx_folder import try_out
from rubriek.models.onnx_length import working_length
from rubriek.models.onnx_trial import take_in
from rubriek.models.staging import staged
from rubriek.models.tokenizer_files import KINDS, ImportedTokenizer
from rubriek.models.wordpiece import Casing, build_wordpiece
from rubriek.sparknlp.formats import (
    CLASSIFIER,
    OnnxArchive,
    Saved,
    SavedClassifier,
    SavedPipeline,
    read_saved,
)

FORMAT = "sparknlp"
UNNAMED = "NA"
"""What Spark NLP answers where the best logit has no label."""

DEFAULTS: dict[str, Any] = {
    "engine": "tensorflow",
    "batchSize": 8,
    "maxSentenceLength": 128,
    "caseSensitive": True,
    "coalesceSentences": False,
    "activation": "softmax",
    "multilabel": False,
    "threshold": 0.5,
    "lazyAnnotator": False,
}
"""What Spark NLP's BertForSequenceClassification has where nothing was set."""


def import_sparknlp(
    source: Path | SavedClassifier,
    target: Path,
    *,
    name: str,
    max_length: int | None = None,
    labels: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Make a bundle from a saved BertForSequenceClassification. See `rubriek.models.import_model`.

    The tokenizer is built from the vocabulary by Hugging Face's rules, the ones that the model was trained
    with; ids stay as they are. The maximum length is maxSentenceLength, or the model's positions where those
    are fewer, the casing caseSensitive, and a sigmoid makes a multi-label model, as in Spark NLP. The
    parameters are kept in the bundle's ``source["params"]``.

    Parameters
    ----------
    source : path or SavedClassifier
        A folder or zip, of a classifier or of a pipeline with one classifier; or what was read from one.
    target : Path
        The bundle to write.
    name : str
        Its name.
    max_length : int, optional
        Instead of maxSentenceLength.
    labels : sequence of str, optional
        Names of the labels in the order of the logits, instead of the saved ones.
    overwrite : bool, default False
        Replace a bundle at the target.

    Returns
    -------
    Bundle

    Raises
    ------
    ModelNotFoundError, SavedModelError, UnsupportedModelError, TokenizerError
        If the saved model cannot be read or is of a kind that rubriek does not run.
    """
    saved = source if isinstance(source, SavedClassifier) else find_classifier(source)
    params = checks.Fields(
        {**DEFAULTS, **saved.defaults, **saved.params}, "the saved parameters", SavedModelError
    )
    tokenizer = _tokenizer(saved, lowercase=not params.boolean("caseSensitive"))
    with staged(target, overwrite=overwrite) as partial, tempfile.TemporaryDirectory() as folder:
        file = saved.onnx if isinstance(saved.onnx, Path) else Path(folder, MODEL)
        if isinstance(saved.onnx, OnnxArchive):
            saved.onnx.copy(file)
        elif isinstance(saved.onnx, bytes):
            file.write_bytes(saved.onnx)
        network = take_in(file, partial)
        _check_ids(saved, network.vocabulary)
        tokenizer.write(partial)
        outputs = try_out(partial, file, tokenizer)
        length = working_length(
            partial / MODEL,
            file,
            _max_length(params, max_length, network.positions),
            cls_id=tokenizer.cls_id,
            sep_id=tokenizer.sep_id,
            asked=max_length is not None,
        )
        Bundle(
            folder=partial,
            name=name,
            labels=_labels(saved, outputs, labels),
            problem_type=_problem_type(params),
            max_length=length,
            precision=network.precision,
            pad_id=tokenizer.pad_id,
            unk_id=tokenizer.unk_id,
            cls_id=tokenizer.cls_id,
            sep_id=tokenizer.sep_id,
            threshold=params.number("threshold", least=0, most=1),
            source=_source(source, saved, params.values, checks.sha256(file)),
        ).seal()
    return Bundle.open(target)


def find_classifier(path: Path) -> SavedClassifier:
    """Read the classifier of a saved model, or the only one of a saved pipeline.

    Raises
    ------
    UnsupportedModelError
        If there is none, or more than one.
    """
    saved = read_saved(path)
    found = [stage for stage in _stages(saved) if isinstance(stage, SavedClassifier)]
    if len(found) != 1:
        classes = ", ".join(getattr(stage, "class_name", "a pipeline") for stage in _stages(saved))
        raise UnsupportedModelError(
            f"{path} does not hold the one classifier that a bundle is made of.",
            expected=f"one {CLASSIFIER}",
            found=checks.shown(classes, most=500) if not found else f"{len(found)} of them",
            hint="rubriek.sparknlp's PipelineModel.load reads whole pipelines" if found else None,
        )
    return found[0]


def _stages(saved: Saved) -> Iterator[Saved]:
    if isinstance(saved, SavedPipeline):
        for stage in saved.stages:
            yield from _stages(stage)
    else:
        yield saved


def _tokenizer(saved: SavedClassifier, *, lowercase: bool) -> ImportedTokenizer:
    casing = Casing(lowercase=lowercase, strip_accents=None, chinese=True)
    tokenizer = build_wordpiece(saved.vocabulary, casing, KINDS)
    ids = {f"{kind}_id": saved.vocabulary[KINDS[kind]] for kind in ("pad", "unk", "cls", "sep")}
    return ImportedTokenizer(
        text=tokenizer.to_str(), model_max_length=None, truncation_side="right", files=(), **ids
    )


def _check_ids(saved: SavedClassifier, rows: int | None) -> None:
    largest = max(saved.vocabulary.values())
    if rows is not None and largest >= rows:
        raise TokenizerError(
            "The saved vocabulary has pieces that the network does not know.",
            expected=f"ids below {rows:,}",
            found=f"{largest:,}",
            hint="vocabulary and network are of different models",
        )


def _labels(saved: SavedClassifier, outputs: int, given: Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        named = {number: label for label, number in saved.labels.items()}
        holes = [number for number in range(outputs) if number not in named]
        names = [named.get(n, UNNAMED if len(holes) == 1 else f"{UNNAMED}_{n}") for n in range(outputs)]
        most = max(named, default=-1) + 1
    else:
        names, most = list(given), len(given)
    if len(names) != outputs or most > outputs:
        raise SavedModelError(
            "The labels do not fit the network.",
            expected=f"{outputs} labels, as it has outputs",
            found=str(most),
        )
    return tuple(names)


def _problem_type(params: checks.Fields) -> ProblemType:
    sigmoid = params.values["activation"] == "sigmoid"  # anything else is a softmax, in Spark NLP too
    return "multi_label_classification" if sigmoid else "single_label_classification"


def _max_length(params: checks.Fields, asked: int | None, positions: int | None) -> int:
    if asked is not None:
        return choose_length(asked, None, positions)
    length = params.integer("maxSentenceLength", least=1, most=100_000)
    fitting = max(3, min(length, positions or length))
    if fitting != length:
        warnings.warn(
            f"maxSentenceLength is {length}, which does not fit the model; the maximum length is {fitting}",
            RubriekWarning,
            stacklevel=4,
        )
    return fitting


def _source(
    source: Path | SavedClassifier, saved: SavedClassifier, params: dict[str, Any], network: str
) -> dict[str, Any]:
    name = {} if isinstance(source, SavedClassifier) else {"name": source.absolute().name}
    return {
        "format": FORMAT,
        **name,
        "uid": saved.uid,
        "spark_version": saved.spark_version,
        "params": params,
        "vocabulary": "ids as saved",
        "checksums": {MODEL: network},
        "rubriek": rubriek.__version__,
    }
