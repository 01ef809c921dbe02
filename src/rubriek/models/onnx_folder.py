"""Imports a folder with an ONNX classifier of somebody else's making."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rubriek.errors import ModelError
from rubriek.models import checks
from rubriek.models.bundle import MODEL, TOKENIZER, Bundle, ProblemType
from rubriek.models.checks import Fields, listing
from rubriek.models.config_file import (
    CONFIG,
    NAME_LABELS,
    bert_config,
    labels_of,
    problem_type_of,
    read_config,
)
from rubriek.models.huggingface import choose_length, encoder_of, source_of
from rubriek.models.onnx_length import working_length
from rubriek.models.onnx_trial import count_outputs, take_in
from rubriek.models.staging import staged
from rubriek.models.tokenizer_files import VOCABULARY, ImportedTokenizer, read_tokenizer

PLACES = (MODEL, f"onnx/{MODEL}")
LABELS = "labels.txt"
LABELS_LIMIT = 2**20

OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert")
"""Families that count positions from the padding token's id on, so that two of them are never used."""


def find_onnx(folder: Path) -> Path | None:
    """Find the graph in a folder: by its name, or as the only ONNX file there is; None where there is none.

    Raises
    ------
    ModelError
        If there are several, and none has the name that says which one counts.
    """
    name = choose_onnx([file.relative_to(folder).as_posix() for file in _onnx_files(folder)])
    return None if name is None else folder / name


def _onnx_files(folder: Path) -> list[Path]:
    return sorted(
        file for place in (folder, folder / "onnx") for file in place.glob("*.onnx") if file.is_file()
    )


def choose_onnx(names: Sequence[str]) -> str | None:
    """Choose the graph among ONNX files, by their paths in a folder or a repository.

    Raises
    ------
    ModelError
        If there are several, and none is called model.onnx.

    Examples
    --------
    >>> choose_onnx(["onnx/model.onnx", "onnx/model_quantized.onnx"])
    'onnx/model.onnx'
    >>> choose_onnx(["model_quantized.onnx"])
    'model_quantized.onnx'
    """
    named = next((place for place in PLACES if place in names), None)
    if named is None and len(names) > 1:
        raise ModelError(
            "There are several ONNX files, and none has the name that says which one counts.",
            expected=" or ".join(PLACES),
            found=checks.shown(", ".join(names), most=300),
            hint=f"rename the one that you want to {MODEL}",
        )
    return named or next(iter(names), None)


def import_onnx(
    folder: Path,
    target: Path,
    *,
    name: str,
    max_length: int | None = None,
    labels: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Make a bundle from a folder with model.onnx. See `rubriek.models.import_model`.

    The graph is kept as it is, but for its borders and the spacing of its rows (see `row_spacing`): token
    types become zeros inside it, and outputs other than the logits are dropped, so that all bundles are
    called alike.
    """
    file = find_onnx(folder)
    if file is None:
        raise ModelError(f"{folder} has no {MODEL}.", expected=" or ".join(PLACES), found=listing(folder))
    config = read_config(folder) if (folder / CONFIG).is_file() else None
    home = _home(folder, (TOKENIZER, VOCABULARY))
    with staged(target, overwrite=overwrite) as partial:
        network = take_in(file, partial)
        tokenizer = read_tokenizer(home, network.vocabulary or _vocab_size(config))
        length = choose_length(max_length, tokenizer.model_max_length, _positions(config))
        tokenizer.write(partial)
        outputs = try_out(partial, file, tokenizer)
        length = working_length(
            partial / MODEL,
            file,
            length,
            cls_id=tokenizer.cls_id,
            sep_id=tokenizer.sep_id,
            asked=max_length is not None,
        )
        names, problem_type, label_file = _labels(folder, config, outputs, labels)
        files = (file, *network.files, *tokenizer.files, *label_file)
        Bundle(
            folder=partial,
            name=name,
            labels=names,
            problem_type=problem_type,
            max_length=length,
            precision=network.precision,
            pad_id=tokenizer.pad_id,
            unk_id=tokenizer.unk_id,
            cls_id=tokenizer.cls_id,
            sep_id=tokenizer.sep_id,
            truncation_side=tokenizer.truncation_side,
            encoder=_encoder(config, outputs),
            source=source_of("onnx", folder, files),
        ).seal()
    return Bundle.open(target)


def _home(folder: Path, names: tuple[str, ...]) -> Path:
    """Find where files lie: in the folder, beside the graph, or in ``assets``, as Spark NLP wants them."""
    places = (folder, folder / "onnx", folder / "assets")
    return next((place for place in places if any((place / name).is_file() for name in names)), folder)


def _labels(
    folder: Path, config: Fields | None, outputs: int, given: Sequence[str] | None
) -> tuple[tuple[str, ...], ProblemType, tuple[Path, ...]]:
    """Find labels and problem type, and the file that they are from."""
    file = _home(folder, (LABELS,)) / LABELS
    if config is not None and ("id2label" in config or not file.is_file() or given is not None):
        return labels_of(config, outputs, given), problem_type_of(config, outputs), (folder / CONFIG,)
    blank = Fields({}, LABELS, ModelError)
    problem_type = problem_type_of(config or blank, outputs)
    if given is not None:
        return labels_of(blank, outputs, given), problem_type, ()
    if not file.is_file():
        raise ModelError(
            f"{folder} has no labels.",
            expected=f"{outputs} labels: id2label in {CONFIG}, or {LABELS} with a label a line",
            found=listing(folder),
            hint=f"write such a file, or {NAME_LABELS}",
        )
    data = checks.read_bytes(file, limit=LABELS_LIMIT, error=ModelError)
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ModelError(f"{file} is not text.", expected="UTF-8", found=str(error)) from error
    names = [line.strip() for line in lines if line.strip()]
    if len(names) != outputs or len(set(names)) != outputs:
        raise ModelError(
            f"{file} does not fit the model.",
            expected=f"{outputs} different labels, as the model has outputs",
            found=f"{len(names)} lines, {len(set(names))} of them different",
        )
    return tuple(names), problem_type, (file,)


def _vocab_size(config: Fields | None) -> int | None:
    if config is None or "vocab_size" not in config:
        return None
    return config.integer("vocab_size", least=1)


def _positions(config: Fields | None) -> int | None:
    if config is None or "max_position_embeddings" not in config:
        return None
    positions = config.integer("max_position_embeddings", least=5)
    return positions - 2 if config.values.get("model_type") in OFFSET_POSITIONS else positions


def _encoder(config: Fields | None, outputs: int) -> dict[str, int] | None:
    """Read the sizes of a BERT; other families name theirs otherwise."""
    if config is None or config.values.get("model_type") != "bert":
        return None
    return encoder_of(bert_config(config, outputs))


def try_out(folder: Path, source: Path, tokenizer: ImportedTokenizer) -> int:
    """Run the empty text, beside a longer one, and count the logits.

    What ONNX Runtime cannot load or run is found here, while nothing has been written yet.
    """
    short = [tokenizer.cls_id, tokenizer.sep_id]
    return count_outputs(folder, source, [short, [*short, tokenizer.sep_id]], tokenizer.pad_id)
