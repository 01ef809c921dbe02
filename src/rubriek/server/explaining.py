"""``POST /v1/explain``: which words an answer rests on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rubriek.explaining import SPANS, Explanation, Occlusion, occlude
from rubriek.server.answering import Question, Timing
from rubriek.server.problems import invalid
from rubriek.server.replies import answered, service_of
from rubriek.server.requests import a_text, an_object, kind_of, optional

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rubriek.server.limits import Limits
    from rubriek.server.served import Served
    from rubriek.server.service import Service


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What ``POST /v1/explain`` is asked.

    Attributes
    ----------
    text : str
        The text.
    model : str, optional
        Which model. Default: the service's first.
    label : str, optional
        The label to explain. Default: the best one.
    spans : int, default 128
        Most parts of the text to leave out, one at a time.
    options : dict
        ``max_length`` of `rubriek.options.Options`, if it was given.
    """

    text: str
    model: str | None = None
    label: str | None = None
    spans: int = SPANS
    options: dict[str, Any] = field(default_factory=dict)


def parse_explain(value: object, limits: Limits) -> ExplainRequest:
    """Check what ``POST /v1/explain`` was sent.

    Raises
    ------
    Problem
        If it is not what is asked for; the message says where.

    Examples
    --------
    >>> from rubriek.server.limits import Limits
    >>> parse_explain({"text": "Koning opent museum", "label": "Politiek"}, Limits()).label
    'Politiek'
    """
    given = an_object(value, "The body", ("text", "model", "label", "spans", "max_length"))
    if "text" not in given:
        raise invalid("The body holds no text.", expected="'text', a string")
    spans = given.get("spans")
    if spans is None:
        spans = SPANS
    if type(spans) is not int or not 1 <= spans <= SPANS:
        raise invalid(
            "The field 'spans' is out of range.",
            expected=f"a whole number from 1 to {SPANS}",
            found=str(spans)[:50] if isinstance(spans, int | float) else kind_of(spans),
        )
    return ExplainRequest(
        a_text(given["text"], "text", limits),
        optional(given, "model", str),
        optional(given, "label", str),
        spans,
        {} if given.get("max_length") is None else {"max_length": given["max_length"]},
    )


async def explain(request: Request) -> Response:
    """Answer ``POST /v1/explain``.

    The text without each of its parts goes the way of any other texts: in portions, through the model's
    queue, where they do not hold up the texts of others. No more is read for an explanation than may wait.
    """
    service = service_of(request)
    with service.answering.explaining():
        asked: ExplainRequest = await service.json(
            request, lambda value: parse_explain(value, service.limits)
        )
        name = service.models.get(asked.model).name
        explanation = await service.while_wanted(request, name, _explained(service, asked))
    values = asdict(explanation)
    del values["text"]  # which the client has
    return answered(request, {"model": name, **values})


def _explained(
    service: Service, asked: ExplainRequest
) -> Callable[[Served, Timing], Coroutine[Any, Any, Explanation]]:

    def explained(served: Served, timing: Timing) -> Coroutine[Any, Any, Explanation]:
        question = Question(served, {"overflow": "truncate", **asked.options})

        def choose() -> Occlusion:
            classifier = served.classifier
            options = classifier.options.replaced(question.options)
            pieces = service.limits.queue_tokens
            return occlude(
                classifier, asked.text, options, label=asked.label, spans=asked.spans, pieces=pieces
            )

        return service.answering.explanation(question, choose, asked.text, asked.spans, timing)

    return explained
