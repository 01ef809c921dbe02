"""Reads what Spark NLP saved: a classifier, another stage, or a pipeline of them."""

from __future__ import annotations

from pathlib import Path

from rubriek.errors import SavedModelError, UnsupportedModelError
from rubriek.models import checks
from rubriek.sparknlp.formats.features import FOLDER, read_arrays, read_map
from rubriek.sparknlp.formats.files import SavedFiles, open_saved
from rubriek.sparknlp.formats.metadata import Metadata, read_metadata
from rubriek.sparknlp.formats.onnx_archive import OnnxArchive
from rubriek.sparknlp.formats.saved import (
    CLASSIFIER,
    PIPELINES,
    TOKENIZER,
    Saved,
    SavedClassifier,
    SavedPipeline,
    SavedStage,
)
from rubriek.sparknlp.formats.token_rules import read_rules

ARCHIVE = "bert_classification"
ENGINES = {"onnx": "ONNX", "tensorflow": "TensorFlow", "openvino": "OpenVINO"}
EXPORT_AGAIN = (
    "export the model that it was made of to ONNX (rubriek models import HUGGING_FACE_FOLDER does it), "
    "or take the entry of the Models Hub with engine onnx, from Spark NLP 5.1 on"
)
MOST_STAGES = 200
MOST_NESTING = 8


def read_saved(path: Path | str) -> Saved:
    """Read a model or pipeline that Spark NLP 5.1 to 7.0 saved.

    The network of a classifier is not read before it is asked for, so folder or zip must stay until then.

    Parameters
    ----------
    path : path
        The folder that ``save`` wrote, or a zip of it as the Models Hub serves it.

    Returns
    -------
    SavedClassifier, SavedPipeline or SavedStage

    Raises
    ------
    ModelNotFoundError
        If there is nothing at ``path``.
    SavedModelError
        If it is not what Spark NLP saves, incomplete, corrupt, or exceeds a limit.
    UnsupportedModelError
        If a classifier's network is not ONNX.

    Examples
    --------
    >>> read_saved("no-such-model")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelNotFoundError: There is no saved model at no-such-model.
      expected: a folder or zip that Spark NLP saved
    """
    return _read(open_saved(path), depth=0)


def _read(files: SavedFiles, *, depth: int) -> Saved:
    metadata = read_metadata(files)
    if metadata.class_name in PIPELINES:
        return _pipeline(files, metadata, depth=depth)
    if metadata.class_name == CLASSIFIER:
        return _classifier(files, metadata)
    rules = None
    if metadata.class_name == TOKENIZER:
        rules = read_rules(list(read_arrays(files, "rules")), files.where(f"{FOLDER}/rules"))
    return SavedStage(
        class_name=metadata.class_name,
        uid=metadata.uid,
        params=metadata.params,
        defaults=metadata.defaults,
        rules=rules,
        spark_version=metadata.spark_version,
    )


def _classifier(files: SavedFiles, metadata: Metadata) -> SavedClassifier:
    archive = f"{ARCHIVE}_onnx"
    if archive not in files.names:
        raise _no_onnx(files, metadata)
    return SavedClassifier(
        uid=metadata.uid,
        params=metadata.params,
        defaults=metadata.defaults,
        spark_version=metadata.spark_version,
        vocabulary=read_map(files, "vocabulary"),
        labels=read_map(files, "labels"),
        onnx=OnnxArchive(files, archive),
    )


def _no_onnx(files: SavedFiles, metadata: Metadata) -> UnsupportedModelError | SavedModelError:
    stated = metadata.params.get("engine", metadata.defaults.get("engine"))
    found = next((engine for engine in ENGINES if f"{ARCHIVE}_{engine}" in files.names), None)
    engine = found or stated
    if engine == "onnx" or engine not in ENGINES:
        return SavedModelError(
            f"{files.where()} has no network.",
            expected=f"a file {ARCHIVE}_onnx",
            found=f"engine {checks.shown(stated)} and no such file",
        )
    return UnsupportedModelError(
        f"{files.where()} is a model with the engine {ENGINES[engine]}, which rubriek does not run.",
        expected="engine onnx",
        found=f"engine {engine}",
        hint=EXPORT_AGAIN,
    )


def _pipeline(files: SavedFiles, metadata: Metadata, *, depth: int) -> SavedPipeline:
    uids = checks.Fields(metadata.params, metadata.where, SavedModelError).texts(
        "stageUids", most=MOST_STAGES
    )
    if depth > MOST_NESTING:
        raise SavedModelError(
            f"{files.where()} is nested too deeply.",
            expected=f"at most {MOST_NESTING} pipelines in each other",
        )
    stages = []
    for number, uid in enumerate(uids):
        place = stage_folder(number, uid, len(uids))
        view = files.below(place)
        if not view.names:
            raise SavedModelError(
                f"{files.where()} lacks a stage.", expected=f"a folder {place}", hint="copy the whole folder"
            )
        stages.append(_read(view, depth=depth + 1))
    return SavedPipeline(
        class_name=PIPELINES[metadata.class_name],
        uid=metadata.uid,
        stages=tuple(stages),
        spark_version=metadata.spark_version,
    )


def stage_folder(number: int, uid: str, stages: int) -> str:
    """Name the folder of a pipeline's stage, as ``PipelineModel.save`` does."""
    return f"stages/{number:0{len(str(stages))}}_{uid}"
