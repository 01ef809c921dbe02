"""``GET /openapi.json``, and ``GET /docs``: the same for people, as a plain page without a script."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from rubriek.server.openapi import document
from rubriek.server.replies import plain, service_of

if TYPE_CHECKING:
    from starlette.requests import Request

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; color: #222; }
h2 code { font-size: 1.1rem; } summary { cursor: pointer; } section { border-top: 1px solid #ccc; }
pre { overflow-x: auto; background: #f4f4f2; padding: .75rem; } table { border-collapse: collapse; }
td, th { text-align: left; vertical-align: top; padding: .15rem .75rem .15rem 0; }
.method { font-weight: 700; text-transform: uppercase; }
@media (prefers-color-scheme: dark) { body { background: #1b1b1d; color: #eee; } pre { background: #29292c; }
a { color: #8ab4f8; } }
"""


async def openapi(request: Request) -> Response:
    """Answer ``GET /openapi.json``."""
    return plain(_document(request))


async def docs(request: Request) -> Response:
    """Answer ``GET /docs``."""
    return Response(page(_document(request)), 200, {"Content-Security-Policy": POLICY}, "text/html")


def _document(request: Request) -> dict[str, Any]:
    service = service_of(request)
    names = [served.name for served in service.models]
    return document(service.limits, names, keys=bool(service.keys))


def page(told: dict[str, Any]) -> str:
    """Lay out an OpenAPI document as a page.

    Examples
    --------
    >>> from rubriek.server import Limits
    >>> page(document(Limits(), ["nl-news"], keys=False)).startswith("<!doctype html>")
    True
    """
    info = told["info"]
    operations = [
        _operation(method, path, operation)
        for path, item in told["paths"].items()
        for method, operation in item.items()
    ]
    schemas = [
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3>{_json(schema)}</section>'
        for name, schema in told["components"]["schemas"].items()
    ]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{escape(info['description'])}</p>"
        '<p>For programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"{''.join(operations)}<h2>Schemas</h2>{''.join(schemas)}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (f"{parameter['name']} ({parameter['in']})", _prose(parameter["description"]))
        for parameter in operation.get("parameters", [])
    ]
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        rows.append((f"body, {kind}", _shape(body["schema"])))
    for status, response in operation["responses"].items():
        shapes = ", ".join(_shape(body["schema"]) for body in response["content"].values())
        rows.append((status, f"{_prose(response['description'])} {shapes}"))
    cells = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{value}</td></tr>' for name, value in rows)
    return (
        f'<section><h2><span class="method">{method}</span> <code>{escape(path)}</code></h2>'
        f"<p>{_prose(operation['summary'])}. {_prose(operation.get('description', ''))}</p>"
        f"<details><summary>Parameters, body, answers</summary><table>{cells}</table></details></section>"
    )


def _prose(text: str) -> str:
    """Escape a description; what stands in backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _shape(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    return escape(str(schema.get("format", schema.get("type", ""))))


def _json(schema: dict[str, Any]) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"
