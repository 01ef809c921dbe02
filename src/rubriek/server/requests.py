"""From bodies to typed requests: nothing of a body is used before it has been looked at."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rubriek import strict_json
from rubriek.server.limits import MAX_OTHER_VALUES, Limits
from rubriek.server.problems import Problem, invalid, too_large

OPTIONS = ("top_k", "threshold", "overflow", "stride", "max_length")
"""The options of `rubriek.options.Options` that a request may set."""

_KINDS = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    dict: "an object",
    list: "an array",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """What ``POST /v1/classify`` is asked.

    Attributes
    ----------
    texts : tuple of str or None
        What to classify; None stands for "no text".
    model : str, optional
        Which model. Default: the service's first.
    options : dict
        Of `rubriek.options.Options`, those that were given.
    scores : bool
        Whether the answer has the scores of all labels.
    """

    texts: tuple[str | None, ...]
    model: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    scores: bool = False


def parse_json(body: bytes | bytearray | memoryview, max_values: int = MAX_OTHER_VALUES) -> Any:
    """Read JSON, strictly.

    Raises
    ------
    Problem
        400 if it is not UTF-8 or not JSON (see `rubriek.strict_json.parse`), 413 if it has too many values.

    Examples
    --------
    >>> parse_json(b'{"text": "Koning opent museum"}')
    {'text': 'Koning opent museum'}
    """
    try:
        return strict_json.parse(str(body, "utf-8"), max_values=max_values)
    except UnicodeDecodeError as error:
        raise Problem(
            400, "Validation", "The body is not UTF-8.", found=f"byte {error.start} does not fit"
        ) from error
    except strict_json.TooManyValuesError as error:
        raise too_large(
            "The JSON of the body has too many values.",
            expected=f"at most {max_values}",
            hint="send several requests, or stream the texts as application/x-ndjson",
        ) from error
    except ValueError as error:
        raise Problem(400, "Validation", "The body is not JSON.", found=str(error)) from error


def parse_classify(value: object, limits: Limits) -> ClassifyRequest:
    """Check what ``POST /v1/classify`` was sent.

    Raises
    ------
    Problem
        If it is not what is asked for; the message says where.

    Examples
    --------
    >>> parse_classify({"text": "Beurs sluit hoger", "top_k": 2}, Limits())
    ClassifyRequest(texts=('Beurs sluit hoger',), model=None, options={'top_k': 2}, scores=False)
    """
    given = an_object(value, "The body", ("text", "texts", "model", "scores", *OPTIONS))
    if ("text" in given) == ("texts" in given):
        raise invalid(
            "The body holds no texts." if "text" not in given else "The body holds both 'text' and 'texts'.",
            expected="'text', a string, or 'texts', an array of strings",
        )
    if "text" in given:
        texts: tuple[str | None, ...] = (a_text(given["text"], "text", limits),)
    else:
        texts = some_texts(given["texts"], "texts", limits)
    return ClassifyRequest(
        texts,
        optional(given, "model", str),
        {name: given[name] for name in OPTIONS if given.get(name) is not None},
        bool(optional(given, "scores", bool)),
    )


def an_object(value: object, where: str, names: Sequence[str]) -> dict[str, Any]:
    """Check that a value is an object with none but known fields."""
    if not isinstance(value, dict):
        raise invalid(f"{where} is no JSON object.", expected="an object", found=kind_of(value))
    for name in value:
        if name not in names:
            near = difflib.get_close_matches(name[:100], names, n=1)
            raise invalid(
                f"{where} has a field that is not known.",
                expected=f"one of {', '.join(names)}",
                found=shown(name),
                hint=f"did you mean '{near[0]}'?" if near else None,
            )
    return value


def optional(given: Mapping[str, Any], name: str, kind: type) -> Any:
    """Take a field that may be left out or null."""
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        raise invalid(f"The field '{name}' has the wrong type.", expected=_KINDS[kind], found=kind_of(value))
    return value


def some_texts(value: object, where: str, limits: Limits) -> tuple[str | None, ...]:
    """Check an array of texts; null stands for "no text"."""
    if not isinstance(value, list):
        raise invalid(
            f"The field '{where}' is no array.", expected="an array of strings", found=kind_of(value)
        )
    if len(value) > limits.texts:
        raise too_large(
            "These are too many texts for one request.",
            expected=f"at most {limits.texts}",
            found=str(len(value)),
            hint="send several requests, or stream them as application/x-ndjson",
        )
    return tuple(
        None if text is None else a_text(text, f"{where}[{place}]", limits)
        for place, text in enumerate(value)
    )


def a_text(value: object, where: str, limits: Limits) -> str:
    """Check one text: a string of bounded length that is Unicode."""
    if not isinstance(value, str):
        raise invalid(f"'{where}' is no text.", expected="a string", found=kind_of(value))
    if len(value) > limits.text_characters:
        raise too_large(
            f"'{where}' is too long.",
            expected=f"at most {limits.text_characters} characters",
            found=str(len(value)),
        )
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise invalid(
                f"'{where}' is not Unicode text.",
                expected="pairs of surrogates",
                found=f"a lone surrogate, \\u{ord(value[error.start]):04x}, at character {error.start}",
            ) from error
    return value


def kind_of(value: object) -> str:
    """Say what a JSON value is."""
    return _KINDS.get(type(value), "a number")


def shown(text: str) -> str:
    """Show a little of what a client sent, safely."""
    return repr(text[:50])
