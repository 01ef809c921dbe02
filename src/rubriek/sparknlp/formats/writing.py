"""Writes models and pipelines in the layout that Spark NLP loads."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from rubriek.models.staging import refuse_existing, staged
from rubriek.sparknlp.formats.features import write_arrays, write_map
from rubriek.sparknlp.formats.metadata import FOLDER, SUCCESS, checked_uid, write_metadata
from rubriek.sparknlp.formats.onnx_archive import write_archive
from rubriek.sparknlp.formats.reading import ARCHIVE, stage_folder
from rubriek.sparknlp.formats.saved import Saved, SavedClassifier, SavedPipeline
from rubriek.sparknlp.formats.token_rules import rules_array


def write_saved(saved: Saved, target: Path | str, *, overwrite: bool = False) -> None:
    """Write a model or pipeline so that Spark NLP loads it.

    The folder appears whole or not at all.

    Parameters
    ----------
    saved : SavedClassifier, SavedStage or SavedPipeline
        What to write.
    target : path
        The folder to make.
    overwrite : bool, default False
        Replace a saved model or an empty folder that is there; never anything else.

    Raises
    ------
    ModelError
        If something is there that may not be replaced, or nothing can be written.
    """
    with staged(Path(target), overwrite=overwrite, mark=f"{FOLDER}/{SUCCESS}") as folder:
        _write(saved, folder)


def write_saved_zip(saved: Saved, target: Path | str, *, overwrite: bool = False) -> None:
    """Write a model or pipeline as a zip with the folder's content at its root, as the Models Hub serves it.

    Parameters
    ----------
    saved : SavedClassifier, SavedStage or SavedPipeline
        What to write.
    target : path
        The zip to make.
    overwrite : bool, default False
        Replace a zip that is there.

    Raises
    ------
    ModelError
        If something is there that may not be replaced, or nothing can be written.
    """
    target = Path(target).absolute()
    _refuse(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as place:
        folder, archive = Path(place, "folder"), Path(place, "zip")
        folder.mkdir()
        _write(saved, folder)
        _zip(folder, archive)
        _refuse(target, overwrite=overwrite)
        archive.replace(target)


def _refuse(target: Path, *, overwrite: bool) -> None:
    if not (overwrite and zipfile.is_zipfile(target)):
        refuse_existing(target)


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())


def _write(saved: Saved, folder: Path) -> None:
    if isinstance(saved, SavedPipeline):
        _write_pipeline(saved, folder)
        return
    write_metadata(folder, saved.class_name, saved.uid, saved.params, saved.defaults)
    if isinstance(saved, SavedClassifier):
        write_map(folder, "vocabulary", saved.vocabulary)
        write_map(folder, "labels", saved.labels)
        write_archive(saved.onnx, folder / f"{ARCHIVE}_onnx")
    elif saved.rules is not None:
        write_arrays(folder, "rules", [rules_array(saved.rules)])


def _write_pipeline(saved: SavedPipeline, folder: Path) -> None:
    uids = [stage.uid for stage in saved.stages]
    write_metadata(folder, saved.class_name, saved.uid, {"stageUids": uids}, {})
    for number, stage in enumerate(saved.stages):
        checked_uid(stage.uid, saved.uid)
        place = folder / stage_folder(number, stage.uid, len(uids))
        place.mkdir(parents=True)
        _write(stage, place)
