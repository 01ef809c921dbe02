"""Imports a model of another format into a bundle."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from rubriek import settings
from rubriek.errors import ModelError, ModelNotFoundError, OptionError, UnsupportedModelError
from rubriek.models.bundle import NAME, RECORD, Bundle
from rubriek.models.checks import listing
from rubriek.models.config_file import CONFIG, needs_onnx, read_config
from rubriek.models.huggingface import import_huggingface, origin_of
from rubriek.models.onnx_folder import find_onnx, import_onnx
from rubriek.models.staging import refuse_existing
from rubriek.models.weights import has_weights

ADAPTER = "adapter_config.json"
"""What peft writes beside the weights of an adapter."""


def import_model(
    source: Path | str,
    target: Path | str | None = None,
    *,
    name: str | None = None,
    max_length: int | None = None,
    labels: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Import a model into a bundle.

    Parameters
    ----------
    source : path
        A Hugging Face folder (config.json, model.safetensors or pytorch_model.bin, tokenizer.json or
        vocab.txt) of a ``BertForSequenceClassification``, or a folder with model.onnx or onnx/model.onnx (or
        a single ONNX file of another name), a tokenizer, and config.json or labels.txt. Where a folder has
        both kinds of weights, those of Hugging Face are used if they are of such a BERT. Or a folder or zip
        that Spark NLP saved, of a ``BertForSequenceClassification`` or of a pipeline with one.
    target : path, optional
        The bundle to write. Default: the name, in the cache, where `rubriek.load` finds it.
    name : str, optional
        The bundle's name: letters, digits, ``.``, ``_`` and ``-``. Default: the target's or the source's.
    max_length : int, optional
        Most pieces that the model is to see at once, special tokens included. Default: what the tokenizer's
        configuration and the model's positions allow.
    labels : sequence of str, optional
        The labels in the order of the logits. Default: what config.json or labels.txt says.
    overwrite : bool, default False
        Replace a bundle at the target.

    Returns
    -------
    Bundle

    Raises
    ------
    ModelNotFoundError
        If there is nothing at ``source``.
    UnsupportedModelError
        If the model is of a kind that rubriek does not run.
    ModelError
        If something is missing, damaged or contradicts itself, or the target exists. Nothing is written then.
    OptionError
        If an option has a value that cannot be used.

    Examples
    --------
    >>> import_model("no-such-folder")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelNotFoundError: There is no model at no-such-folder.
      expected: a Hugging Face folder, one with model.onnx, or a folder or zip that Spark NLP saved
    """
    source = Path(source)
    if not source.is_dir() and not is_saved(source):
        raise ModelNotFoundError(
            f"There is no model at {source}.",
            expected="a Hugging Face folder, one with model.onnx, or a folder or zip that Spark NLP saved",
            found="a file" if source.exists() else None,
        )
    named = name or slug(Path(target or source))
    if not NAME.fullmatch(named):
        raise OptionError(
            "The option 'name' is no name for a model.",
            expected="letters, digits, '.', '_', '-'",
            found=repr(named),
        )
    place = Path(target) if target is not None else settings.cache_folder() / "models" / named
    refuse_existing(place, overwrite=overwrite)
    return _importer(format_of(source))(
        source, place, name=named, max_length=max_length, labels=labels, overwrite=overwrite
    )


def _importer(format_: str) -> Callable[..., Bundle]:
    if format_ == "sparknlp":
        from rubriek.models.sparknlp import import_sparknlp  # its parsers are not needed for other models

        return import_sparknlp
    return import_huggingface if format_ == "huggingface" else import_onnx


def format_of(folder: Path) -> str:
    """Tell what a folder or zip holds: ``"huggingface"``, ``"onnx"`` or ``"sparknlp"``.

    Raises
    ------
    ModelError
        If it is none of them.
    """
    if is_saved(folder):
        return "sparknlp"
    if (folder / RECORD).is_file():
        raise ModelError(
            f"{folder} is a bundle already.", hint="load it by its path, or copy the folder into the cache"
        )
    with_weights = (folder / CONFIG).is_file() and has_weights(folder)
    if with_weights and not needs_onnx(read_config(folder)):
        return "huggingface"
    if find_onnx(folder) is not None:
        return "onnx"
    if (folder / ADAPTER).is_file() and not with_weights:
        raise adapter_alone(str(folder))
    if (folder / CONFIG).is_file():
        return "huggingface"  # the importer says what it looked for
    raise ModelError(
        f"{folder} holds no model that rubriek knows.",
        expected=f"{CONFIG} with model.safetensors or pytorch_model.bin, or model.onnx",
        found=listing(folder),
    )


def adapter_alone(where: str) -> ModelError:
    """Make the error for a place that holds an adapter without the model that it belongs to."""
    return UnsupportedModelError(
        f"{where} holds a LoRA adapter alone.",
        expected="the whole model",
        found=ADAPTER,
        hint="put the adapter into its model with peft and save that: "
        "PeftModel.from_pretrained(model, folder).merge_and_unload().save_pretrained(target)",
    )


def is_saved(path: Path) -> bool:
    """Tell whether a path looks like what Spark NLP saves: a zip, or a folder with Spark ML's metadata."""
    if path.is_dir():
        return (path / "metadata").is_dir() and any((path / "metadata").glob("part-*"))
    return path.is_file() and path.suffix == ".zip"


def slug(path: Path) -> str:
    """Make a model's name of what a folder or zip is called.

    Examples
    --------
    >>> slug(Path("Nieuws (2e poging)"))
    'Nieuws-2e-poging'
    """
    name = origin_of(path)["name"].removesuffix(".zip")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100] or "model"
