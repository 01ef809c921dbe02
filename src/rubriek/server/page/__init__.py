"""The page at ``/``: the service, tried out in a browser. Plain files, no build step, nothing from elsewhere.

``Newsreader`` is a typeface of Production Type under the SIL Open Font License (newsreader-licence.txt).
"""

from __future__ import annotations

import hashlib
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""Nothing but these files and this service; no inline code, no markup made from texts."""

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}
INDEX = "index.html"


class Page:
    """The files, read once.

    Examples
    --------
    >>> [route.path for route in Page().routes]
    ['/', '/favicon.ico', '/static/page/{name}']
    """

    def __init__(self) -> None:
        files = [file for file in resources.files(__name__).iterdir() if _type_of(file.name)]
        self._contents = {file.name: file.read_bytes() for file in files}

    @property
    def routes(self) -> list[Route]:
        """What leads to them."""
        return [
            Route("/", self._index, methods=["GET"]),
            Route("/favicon.ico", self._icon, methods=["GET"]),
            Route("/static/page/{name}", self._file, methods=["GET"]),
        ]

    async def _index(self, request: Request) -> Response:
        return self._response(INDEX, request)

    async def _icon(self, request: Request) -> Response:
        return self._response("icon.svg", request)

    async def _file(self, request: Request) -> Response:
        return self._response(request.path_params["name"], request)

    def _response(self, name: str, request: Request) -> Response:
        content = self._contents.get(name)
        if content is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY,
            "ETag": tag,
            "Referrer-Policy": "no-referrer",
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_type_of(name))


def _type_of(name: str) -> str | None:
    return _TYPES.get(name.rpartition(".")[2])
