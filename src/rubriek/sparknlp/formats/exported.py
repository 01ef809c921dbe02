"""The folder that ``loadSavedModel`` takes: an exported network beside its vocabulary and labels."""

from __future__ import annotations

import re
from pathlib import Path

from rubriek.errors import ModelError, ModelNotFoundError, SavedModelError, UnsupportedModelError
from rubriek.models import checks
from rubriek.sparknlp.formats.reading import EXPORT_AGAIN
from rubriek.sparknlp.formats.saved import SavedClassifier

ASSETS = "assets"
VOCABULARY = "vocab.txt"
LABELS = "labels.txt"
NETWORK = "model.onnx"
TENSORFLOW = "saved_model.pb"
MOST_BYTES = 64 * 2**20
LINE_END = re.compile(r"\r\n|\r|\n")


def read_exported(folder: Path | str, *, uid: str) -> SavedClassifier:
    """Read an exported model by Spark NLP's rules: an entry a line, its id the number of the line.

    An entry that stands there twice has the later id. Nothing is read from config.json, tokenizer.json or
    added_tokens.json, and the parameters are Spark NLP's defaults.

    Parameters
    ----------
    folder : path
        With ``model.onnx``, ``assets/vocab.txt`` and ``assets/labels.txt``.
    uid : str
        The identifier that the stage gets.

    Returns
    -------
    SavedClassifier
        Its network is the file model.onnx, where it lies.

    Raises
    ------
    ModelNotFoundError, SavedModelError
        If something is missing; the first line of the message is Spark NLP's own.
    UnsupportedModelError
        If the network is TensorFlow's, which Spark NLP prefers where both are there.

    Examples
    --------
    >>> read_exported("no-such-folder", uid="example")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelNotFoundError: requirement failed: Folder no-such-folder not found
      expected: a folder with model.onnx, assets/vocab.txt and assets/labels.txt
    """
    folder = Path(folder)
    assets = folder / ASSETS
    for place in (folder, assets):
        if not place.exists():
            raise _missing(f"Folder {place} not found", ModelNotFoundError)
        if not place.is_dir():
            raise _missing(f"Folder {place} is not folder", SavedModelError)
    if (folder / TENSORFLOW).exists():
        raise UnsupportedModelError(
            f"{folder} holds a TensorFlow model, which rubriek does not run.",
            expected=f"a file {NETWORK}",
            found=TENSORFLOW,
            hint=EXPORT_AGAIN,
        )
    if not (folder / NETWORK).is_file():
        raise _missing(
            "Your imported model is either not supported or not correctly imported.", SavedModelError
        )
    return SavedClassifier(
        uid=uid,
        params={"engine": "onnx"},
        vocabulary=_numbered(assets, VOCABULARY),
        labels=_numbered(assets, LABELS),
        onnx=folder / NETWORK,
    )


def _missing(message: str, error: type[ModelError]) -> ModelError:
    return error(
        f"requirement failed: {message}",
        expected=f"a folder with {NETWORK}, {ASSETS}/{VOCABULARY} and {ASSETS}/{LABELS}",
    )


def _numbered(assets: Path, name: str) -> dict[str, int]:
    file = assets / name
    if not file.is_file():
        raise _missing(f"File {name} not found in folder {assets}", ModelNotFoundError)
    text = checks.read_bytes(file, limit=MOST_BYTES, error=SavedModelError).decode("utf-8", "replace")
    lines = LINE_END.split(text)
    if lines[-1] == "":
        lines.pop()
    entries = {line: number for number, line in enumerate(lines)}
    return dict(sorted(entries.items(), key=lambda entry: entry[1]))
