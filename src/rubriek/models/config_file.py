"""What a Hugging Face config.json says of a classifier: its architecture, labels and problem type."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from rubriek.errors import ModelError, RubriekWarning, UnsupportedModelError
from rubriek.models import checks
from rubriek.models.checks import Fields, listing
from rubriek.models.graph import BertConfig
from rubriek.models.known_settings import MODEL_SETTINGS, USE_ONNX, refuse_settings
from rubriek.models.record import MOST_LABELS, PROBLEM_TYPES, ProblemType

CONFIG = "config.json"
ARCHITECTURE = "BertForSequenceClassification"
DEFAULT_LABELS = 2
"""How many labels a config.json without any stands for: transformers saves no defaults."""

NAME_LABELS = "name them yourself: labels=[...] (--label NAME for each)"
RUNS = f"model_type 'bert' with the architecture {ARCHITECTURE}"


def read_config(folder: Path) -> Fields:
    """Read config.json.

    Raises
    ------
    ModelError
        If there is none, or it is no JSON object.
    """
    if not (folder / CONFIG).is_file():
        raise ModelError(
            f"{folder} has no {CONFIG}.",
            expected=f"a Hugging Face folder: {CONFIG}, weights and a tokenizer",
            found=listing(folder),
            hint="save the model with model.save_pretrained(folder)",
        )
    return checks.read_object(folder / CONFIG, error=ModelError)


def check_architecture(config: Fields) -> None:
    """Refuse every model that is not a plain BERT with a classifier on top.

    Raises
    ------
    UnsupportedModelError
        Which names what was found and what rubriek runs.
    """
    model_type = config.text("model_type") if "model_type" in config else None
    architectures = config.texts("architectures", most=10) if "architectures" in config else ()
    found = f"model_type {model_type!r}, architectures {list(architectures)}"
    if model_type not in ("bert", None) or (architectures and ARCHITECTURE not in architectures):
        hint = USE_ONNX
        if model_type == "bert" and not any("ForSequenceClassification" in name for name in architectures):
            hint = "fine-tune the model as a text classifier first"
        raise UnsupportedModelError(
            f"{config.where} is of a model that rubriek does not import.",
            expected=RUNS,
            found=found,
            hint=hint,
        )
    if model_type is None and not architectures:
        raise UnsupportedModelError(
            f"{config.where} does not say what model it is of.", expected=RUNS, found=found
        )
    refuse_settings(config, MODEL_SETTINGS.refused, UnsupportedModelError)


def needs_onnx(config: Fields) -> bool:
    """Tell whether only a graph, and not its weights, makes a bundle of a model of another kind.

    A BERT without a classifier is not such a model: its graph has none either.
    """
    try:
        check_architecture(config)
    except UnsupportedModelError as error:
        return error.hint is not None and error.hint.endswith(USE_ONNX)
    return False


def bert_config(config: Fields, num_labels: int) -> BertConfig:
    """Read the sizes.

    Raises
    ------
    ModelError
        If one is missing or out of range.
    """
    return BertConfig(
        hidden_size=config.integer("hidden_size", least=1, most=2**16),
        num_hidden_layers=config.integer("num_hidden_layers", least=1, most=1000),
        num_attention_heads=config.integer("num_attention_heads", least=1, most=2**16),
        intermediate_size=config.integer("intermediate_size", least=1, most=2**20),
        vocab_size=config.integer("vocab_size", least=1, most=2**24),
        max_position_embeddings=config.integer("max_position_embeddings", least=3, most=2**20),
        num_labels=num_labels,
        type_vocab_size=config.integer("type_vocab_size", least=1, most=1000)
        if "type_vocab_size" in config
        else 2,
        layer_norm_eps=config.number("layer_norm_eps", least=0, most=1)
        if "layer_norm_eps" in config
        else 1e-12,
        hidden_act=config.text("hidden_act") if "hidden_act" in config else "gelu",
    )


def labels_of(config: Fields, outputs: int, given: Sequence[str] | None = None) -> tuple[str, ...]:
    """Find the labels, in the order of the logits.

    The names are those of ``id2label``. Where ``num_labels`` is right but ``id2label`` does not fit it, or
    has a name twice, the names are ``LABEL_0`` ... and a `RubriekWarning` says so. What config.json says of
    their number (``num_labels``, else the entries of ``id2label``, else 2, as in transformers) must be what
    the model has.

    Parameters
    ----------
    config : Fields
        config.json.
    outputs : int
        How many logits the model gives.
    given : sequence of str, optional
        Labels that the caller knows better.

    Raises
    ------
    ModelError
        If there are not as many as the model has outputs.
    """
    if given is not None:
        if len(given) != outputs or len(set(given)) != len(given) or not all(given):
            raise ModelError(
                "The labels given do not fit the model.",
                expected=f"{outputs} labels, none empty, none twice",
                found=checks.shown(list(given)),
            )
        return tuple(given)
    entries = config.fields("id2label").values if "id2label" in config else None
    if "num_labels" in config:
        declared, by = config.integer("num_labels", least=1, most=MOST_LABELS), "num_labels"
    elif entries is not None:
        declared, by = len(entries), "the length of id2label"
    else:
        declared, by = DEFAULT_LABELS, "neither id2label nor num_labels is there, which stands for two labels"
    if declared != outputs:
        missing = entries is None and by != "num_labels"
        raise ModelError(
            f"{config.where} has no labels." if missing else f"{config.where} contradicts the weights.",
            expected=f"{outputs} labels, as classifier.weight has rows",
            found=f"{declared} ({by})",
            hint=f"write the labels into id2label, in the order of the logits, or {NAME_LABELS}",
        )
    names = _names(entries, outputs)
    if names is None:
        if entries is not None or outputs != DEFAULT_LABELS:
            warnings.warn(
                f"{config.where}: id2label does not hold {outputs} different labels, so they are called "
                f"LABEL_0 to LABEL_{outputs - 1}; {NAME_LABELS}",
                RubriekWarning,
                stacklevel=2,
            )
        return tuple(f"LABEL_{index}" for index in range(outputs))
    return names


def _names(entries: dict[str, object] | None, outputs: int) -> tuple[str, ...] | None:
    if entries is None or set(entries) != {str(index) for index in range(outputs)}:
        return None
    values = [entries[str(index)] for index in range(outputs)]
    if not all((checks.is_text(value) or isinstance(value, int)) and value != "" for value in values):
        return None
    names = tuple(str(value) for value in values)
    return names if len(set(names)) == outputs else None


def problem_type_of(config: Fields, outputs: int) -> ProblemType:
    """Find the problem type: what config.json says; else regression for one output, one label for many.

    The rule is that of transformers (``BertForSequenceClassification.forward``), so a multi-label model has
    to say that it is one.

    Raises
    ------
    ModelError
        If it is of another name, or a single label of one is to be chosen.
    """
    if "problem_type" not in config:
        return "regression" if outputs == 1 else "single_label_classification"
    named = config.text("problem_type", choices=PROBLEM_TYPES)
    if named == "single_label_classification" and outputs == 1:
        raise config.wrong(
            "problem_type", "regression or multi_label_classification, since there is one label"
        )
    return next(known for known in PROBLEM_TYPES if known == named)
