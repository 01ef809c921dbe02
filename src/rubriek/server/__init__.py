"""The HTTP service (extra ``serve``): ``rubriek serve``, or an ASGI application of one's own.

Its parts, in the order a request meets them: `app` (routes), `observed` (ids, keys, log, metrics around every
request), `requests` (JSON into typed requests), `answering` (admission, tokenising, deadline), `scheduler`
and `queue` (continuous batching). The steps from text to label are `rubriek.Classifier`'s own.
"""

from __future__ import annotations

from rubriek.errors import need

need("starlette", extra="serve", purpose="The HTTP service")

from rubriek.server.app import create_app  # noqa: E402 -- said first what is missing
from rubriek.server.limits import Limits  # noqa: E402

__all__ = ["Limits", "create_app"]
