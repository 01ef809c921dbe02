"""``POST /v1/explain``: which words an answer rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rubriek.explaining import SPANS, Occlusion, occlude
from rubriek.server.problems import invalid
from rubriek.server.replies import answered, require_json, service_of
from rubriek.server.requests import a_text, an_object, kind_of, optional

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rubriek.server.limits import Limits


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
    require_json(request)
    asked: ExplainRequest = await service.json(request, lambda value: parse_explain(value, service.limits))
    served = service.models.get(asked.model)
    classifier = served.classifier

    def choose() -> Occlusion:
        options = classifier.options.replaced({"overflow": "truncate", **asked.options})
        pieces = service.limits.queue_tokens
        return occlude(classifier, asked.text, options, label=asked.label, spans=asked.spans, pieces=pieces)

    occlusion = await service.answering.in_thread(choose)
    rows = await service.rows(request, served, occlusion.variants, asked.options)
    explanation = asdict(occlusion.explained(rows))
    del explanation["text"]  # which the client has
    return answered(request, {"model": served.name, **explanation})
