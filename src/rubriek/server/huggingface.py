"""Text classification as Hugging Face's inference API speaks it: ``POST /models/{model}``, and ``POST /``.

The shape is that of its task specification (``huggingface_hub.TextClassificationInput`` and ``...Output``):
``{"inputs": ..., "parameters": {"top_k": ..., "function_to_apply": ...}}`` in, lists of label and score out.
The parameters ``truncation`` and ``return_all_scores`` are those of transformers' pipeline, to which the API
hands them on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rubriek.server.problems import invalid
from rubriek.server.ranking import ranked
from rubriek.server.replies import answered, service_of
from rubriek.server.requests import a_text, an_object, kind_of, optional, shown, some_texts

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rubriek.models.bundle import ProblemType
    from rubriek.server.limits import Limits

FUNCTIONS: dict[str, ProblemType] = {
    "softmax": "single_label_classification",
    "sigmoid": "multi_label_classification",
    "none": "regression",
}
"""What may be applied to the logits, and the problem type that does so."""
TRUNCATION = {
    True: "truncate",
    "longest_first": "truncate",
    "only_first": "truncate",
    False: "error",
    "do_not_truncate": "error",
}
"""What each ``truncation`` means as ``overflow``: in the pipeline, too, a text that is too long and may
not be cut is an error."""
PARAMETERS = ("top_k", "function_to_apply", "truncation", "return_all_scores")


@dataclass(frozen=True, slots=True)
class TextClassificationRequest:
    """What is asked."""

    texts: tuple[str | None, ...]
    top_k: int | None
    problem_type: ProblemType | None
    options: dict[str, Any]


def parse_text_classification(value: object, limits: Limits) -> TextClassificationRequest:
    """Check what was sent.

    Raises
    ------
    Problem
        If it is not what is asked for.

    Examples
    --------
    >>> from rubriek.server import Limits
    >>> value = {"inputs": "Beurs sluit hoger", "parameters": {"function_to_apply": "sigmoid"}}
    >>> parse_text_classification(value, Limits()).problem_type
    'multi_label_classification'
    """
    given = an_object(value, "The body", ("inputs", "parameters", "options"))
    optional(given, "options", dict)  # of their cloud: whether to wait, or to use its cache
    parameters = an_object(optional(given, "parameters", dict) or {}, "The field 'parameters'", PARAMETERS)
    function = optional(parameters, "function_to_apply", str)
    if function is not None and function not in FUNCTIONS:
        raise invalid(
            "'function_to_apply' is not known.",
            expected=f"one of {', '.join(FUNCTIONS)}",
            found=repr(function[:50]),
        )
    inputs = given.get("inputs")
    texts = (
        some_texts(inputs, "inputs", limits)
        if isinstance(inputs, list)
        else (a_text(inputs, "inputs", limits),)
    )
    for place, text in enumerate(texts):
        a_text(text, f"inputs[{place}]", limits)
    return TextClassificationRequest(
        texts, _top_k(parameters), None if function is None else FUNCTIONS[function], _overflow(parameters)
    )


def _top_k(parameters: dict[str, Any]) -> int | None:
    top_k = optional(parameters, "top_k", int)
    if top_k is not None and (isinstance(top_k, bool) or top_k < 1):
        raise invalid("'top_k' is out of range.", expected="a whole number of at least 1", found=repr(top_k))
    all_scores = optional(parameters, "return_all_scores", bool)
    if all_scores is None:
        return top_k
    if top_k is not None:
        raise invalid(
            "'top_k' and 'return_all_scores' both say how many labels to return.", expected="one of the two"
        )
    return None if all_scores else 1


def _overflow(parameters: dict[str, Any]) -> dict[str, Any]:
    truncation = parameters.get("truncation")
    if truncation is None:
        return {}
    if not isinstance(truncation, bool | str) or truncation not in TRUNCATION:
        raise invalid(
            "'truncation' is not known.",
            expected="true, false, 'longest_first', 'only_first' or 'do_not_truncate'",
            found=shown(truncation) if isinstance(truncation, str) else kind_of(truncation),
        )
    return {"overflow": TRUNCATION[truncation]}


async def text_classification(request: Request) -> Response:
    """Answer ``POST /models/{model}``, or ``POST /`` for the first model."""
    service = service_of(request)
    served = service.models.get(request.path_params.get("model"))
    asked: TextClassificationRequest = await service.json(
        request, lambda value: parse_text_classification(value, service.limits)
    )
    rows = await service.rows(request, served, asked.texts, asked.options, asked.problem_type)
    answers: list[Any] = [ranked(row, asked.top_k) for row in rows]
    return answered(request, answers)
