"""What can go wrong with a request, as an answer: a status, and JSON that says what was expected."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from starlette.responses import Response

from rubriek.errors import OptionError, TextTooLongError

log = logging.getLogger("rubriek.server")


class Problem(Exception):
    """A request that is not answered.

    Parameters
    ----------
    status : int
        The HTTP status.
    kind : str
        One word for programs: ``Validation``, ``NotFound``, ``Overloaded``, ...
    message : str
        One sentence for people.
    expected, found, hint : str, optional
        As in `rubriek.errors.RubriekError`.
    headers : mapping of str to str, optional
        Further headers.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.details = {"expected": expected, "found": found, "hint": hint}
        self.headers = dict(headers or {})

    def to_dict(self, request_id: str) -> dict[str, str]:
        """Say it in JSON.

        ``error`` is the message, as in text-embeddings-inference, KServe and the Hugging Face API, whose
        clients read it there; ``error_type`` is text-embeddings-inference's, too.
        """
        told = {name: value for name, value in self.details.items() if value is not None}
        return {"error": self.message, "error_type": self.kind, **told, "id": request_id}

    def response(self, request_id: str) -> Response:
        """Make the answer."""
        body = json.dumps(self.to_dict(request_id), ensure_ascii=True).encode()
        return Response(body, self.status, self.headers, "application/json")


def invalid(
    message: str, *, expected: str | None = None, found: str | None = None, hint: str | None = None
) -> Problem:
    """Say that JSON is well-formed but not what is asked for."""
    return Problem(422, "Validation", message, expected=expected, found=found, hint=hint)


def too_large(message: str, *, expected: str, found: str | None = None, hint: str | None = None) -> Problem:
    """Say that a limit is passed."""
    return Problem(413, "Validation", message, expected=expected, found=found, hint=hint)


def of_error(error: Exception, request_id: str) -> Problem:
    """Turn any error into an answer; what is not about the request is only told to the log.

    Parameters
    ----------
    error : Exception
        What was raised.
    request_id : str
        Under which the log has it.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, OptionError | TextTooLongError):
        status = 413 if isinstance(error, TextTooLongError) else 422
        return Problem(
            status,
            "Validation",
            error.message,
            expected=error.expected,
            found=error.found,
            hint=error.hint,
        )
    log.error("a request failed", exc_info=error, extra={"fields": {"id": request_id}})
    return Problem(
        500,
        "Backend",
        "The service failed on this request.",
        hint=f"the service's log has the cause, under the id {request_id}",
    )
