"""Imports a local Hugging Face folder: config.json, weights and tokenizer files become a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rubriek
from rubriek.errors import OptionError
from rubriek.models import checks
from rubriek.models.bert_weights import bert_weights, count_outputs, todays_names
from rubriek.models.bundle import MODEL, MODEL_DATA, Bundle
from rubriek.models.config_file import (
    ARCHITECTURE,
    CONFIG,
    bert_config,
    check_architecture,
    labels_of,
    problem_type_of,
    read_config,
)
from rubriek.models.graph import BertConfig, build_bert_classifier
from rubriek.models.known_settings import MODEL_SETTINGS, warn_of_unknown
from rubriek.models.row_spacing import space_rows
from rubriek.models.staging import staged
from rubriek.models.tokenizer_files import read_tokenizer
from rubriek.models.weights import read_weights

if TYPE_CHECKING:
    import onnx

LARGEST_INSIDE = 64_000_000
"""Bytes of weights beyond which they lie in a file of their own. The engines map that file, so that processes
share it, where they copy weights inside the graph: with BERT-base ONNX Runtime takes 502 MB instead of 623 in
fp32, 221 instead of 278 in int8. And an ONNX file ends at 2 GiB."""


def import_huggingface(
    folder: Path,
    target: Path,
    *,
    name: str,
    max_length: int | None = None,
    labels: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Make a bundle from a Hugging Face folder. See `rubriek.models.import_model`."""
    config = read_config(folder)
    check_architecture(config)
    warn_of_unknown(config, MODEL_SETTINGS)
    stored = read_weights(folder)
    tensors = todays_names(stored.tensors)
    outputs = count_outputs(tensors)
    sizes = bert_config(config, outputs)
    names = labels_of(config, outputs, labels)
    problem_type = problem_type_of(config, outputs)
    tokenizer = read_tokenizer(folder, sizes.vocab_size)
    length = choose_length(max_length, tokenizer.model_max_length, sizes.max_position_embeddings)
    model = build_bert_classifier(sizes, bert_weights(tensors, sizes))
    space_rows(model)
    imported = (folder / CONFIG, *stored.files, *tokenizer.files)
    with staged(target, overwrite=overwrite) as partial:
        save_model(model, partial / MODEL)
        tokenizer.write(partial)
        Bundle(
            folder=partial,
            name=name,
            labels=names,
            problem_type=problem_type,
            max_length=length,
            precision="fp32",
            pad_id=tokenizer.pad_id,
            unk_id=tokenizer.unk_id,
            cls_id=tokenizer.cls_id,
            sep_id=tokenizer.sep_id,
            truncation_side=tokenizer.truncation_side,
            encoder=encoder_of(sizes),
            source={**source_of("huggingface", folder, imported), "architecture": ARCHITECTURE},
        ).seal()
    return Bundle.open(target)


def choose_length(asked: int | None, tokenizer: int | None, positions: int | None) -> int:
    """Choose the maximum length of a text, in pieces, special tokens included.

    What was asked for; else the smaller of what the tokenizer's configuration and the model's positions
    allow; where neither is known, BERT's own 512.

    Raises
    ------
    OptionError
        If more was asked for than the model has positions.
    """
    if asked is None:
        return min((length for length in (tokenizer, positions) if length is not None), default=512)
    if not 3 <= asked <= (positions or asked):
        raise OptionError(
            "The option 'max_length' does not fit the model.",
            expected=f"3 to {positions or 'any number of'} pieces",
            found=str(asked),
        )
    return asked


def encoder_of(sizes: BertConfig) -> dict[str, int]:
    """Write the sizes under the names of the bundle."""
    return {
        "hidden_size": sizes.hidden_size,
        "layers": sizes.num_hidden_layers,
        "heads": sizes.num_attention_heads,
        "intermediate_size": sizes.intermediate_size,
        "vocab_size": sizes.vocab_size,
        "max_positions": sizes.max_position_embeddings,
    }


def origin_of(path: Path) -> dict[str, str]:
    """Tell what a model is called where it came from: by its folder, since a whole path tells others nothing.

    Examples
    --------
    >>> origin_of(Path("/models/news"))
    {'name': 'news'}
    >>> origin_of(Path("/cache/models--some--bert/snapshots/0a1b"))
    {'name': 'some/bert', 'revision': '0a1b'}
    """
    folder = path.absolute()
    cached = folder.parent.parent  # as the cache of Hugging Face is laid out
    if folder.parent.name == "snapshots" and cached.name.startswith("models--"):
        return {"name": cached.name.removeprefix("models--").replace("--", "/"), "revision": folder.name}
    return {"name": folder.name}


def source_of(format_: str, folder: Path, files: Sequence[Path]) -> dict[str, object]:
    """Record what was imported."""
    return {
        "format": format_,
        **origin_of(folder),
        "checksums": {file.relative_to(folder).as_posix(): checks.sha256(file) for file in files},
        "rubriek": rubriek.__version__,
    }


def save_model(model: onnx.ModelProto, file: Path) -> None:
    """Write an ONNX model, its weights beside it where they are large."""
    import onnx

    large = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > LARGEST_INSIDE
    onnx.save_model(
        model,
        str(file),
        save_as_external_data=large,
        location=MODEL_DATA if large else None,
        size_threshold=1024,
    )
    if large:  # onnx keeps that file from all other users
        file.with_name(MODEL_DATA).chmod(file.stat().st_mode)
