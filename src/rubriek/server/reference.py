"""``GET /openapi.json``, and ``GET /docs``: the same for people, as a plain page without a script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from rubriek.server.bodies import JSON
from rubriek.server.openapi import ERRORS, document
from rubriek.server.replies import plain, service_of

if TYPE_CHECKING:
    from starlette.requests import Request

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #595959; --paper: #fff; --sheet: #f4f4f2; --line: #ccc;
--link: #1a4fa3; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --soft: #b3b3b3; --paper: #1b1b1d;
--sheet: #29292c; --line: #444; --link: #8ab4f8; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem;
color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
a { color: var(--link); } h2 { margin: 2rem 0 .5rem; } h3 { margin: 1rem 0 .25rem; font-size: 1rem; }
nav h2 { margin: 1rem 0 .25rem; font-size: 1rem; }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0; columns: 24rem; } nav li { padding: .1rem 0; }
details { border-top: 1px solid var(--line); padding: .4rem 0; } summary { cursor: pointer; }
summary .what { color: var(--soft); } details > div { padding: .25rem 0 1rem 1rem; scroll-margin-top: 3rem; }
code, pre { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .875rem; }
pre { white-space: pre-wrap; background: var(--sheet); padding: .75rem; margin: .25rem 0; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
padding: .15rem .75rem .15rem 0; } th { font-weight: 600; min-width: 7rem; }
.method { font-weight: 700; text-transform: uppercase; font-size: .875rem; }
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
    """Lay out an OpenAPI document as a page: an index, then routes and schemas, each closed until wanted.

    Examples
    --------
    >>> from rubriek.server import Limits
    >>> page(document(Limits(), ["nl-news"], keys=False)).startswith("<!doctype html>")
    True
    """
    info = told["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    index, routes = [], []
    for tag in told["tags"]:
        found = [one for one in _operations(told) if tag["name"] in one[2]["tags"]]
        links = "".join(f"<li>{_link(*one)}</li>" for one in found)
        heading = escape(tag["name"])
        index.append(f"<h2>{heading}</h2><ul>{links}</ul>")
        routes += [f"<h2>{heading}</h2>", *(_operation(told, *one) for one in found)]
    schemas = "".join(_schema(name, schema) for name, schema in told["components"]["schemas"].items())
    statuses = _table((str(status), _prose(text)) for status, text in ERRORS.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{escape(info['description'])} "
        'For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f'<nav aria-label="Index">{"".join(index)}<p><a href="#errors">Errors</a> · '
        f'<a href="#schemas">Schemas</a></p></nav>{"".join(routes)}'
        f'<h2 id="errors">Errors</h2><p>The body of an error is <a href="#Error">Error</a>.</p>'
        f"{_closed('What each status means', statuses)}"
        f'<h2 id="schemas">Schemas</h2>{schemas}</main></body></html>'
    )


def _operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in told["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def _name(method: str, path: str) -> str:
    return re.sub(r"\W+", "-", f"{method}{path}").strip("-")


def _link(method: str, path: str, operation: dict[str, Any]) -> str:
    name = f'<span class="method">{method}</span> <code>{escape(path)}</code>'
    return f'<a href="#{_name(method, path)}">{name}</a> {_prose(operation["summary"])}'


def _operation(told: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    answer = operation["responses"]["200"]
    inside = [f"<p>{_prose(operation['description'])}</p>"] if operation.get("description") else []
    inside.append(f"<h3>Example</h3><pre>{escape(_curl(told, method, path, operation))}</pre>")
    sample = _sample(told, answer["content"].get(JSON))
    if sample is not None:
        inside.append(f"<pre>{escape(json.dumps(sample, indent=1, ensure_ascii=False))}</pre>")
    bodies = operation.get("requestBody", {}).get("content", {})
    rows = [(f"body, {kind}", _type(body["schema"])) for kind, body in bodies.items()]
    rows += [(f"answer, {kind}", _type(body["schema"])) for kind, body in answer["content"].items()]
    errors = [status for status in operation["responses"] if status != "200"]
    rows.append(("errors", f'<a href="#errors">{", ".join(errors)}</a>' if errors else "none"))
    inside.append(_table(rows))
    if operation.get("parameters"):
        parameters = operation["parameters"]
        named = ((f"{one['name']} ({one['in']})", _prose(one["description"])) for one in parameters)
        inside.append(f"<h3>Parameters</h3>{_table(named)}")
    name = f'<span class="method">{method}</span> <code>{escape(path)}</code>'
    summary = f'{name} <span class="what">{_prose(operation["summary"])}</span>'
    return _closed(summary, "".join(inside), _name(method, path))


def _curl(told: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["schema"]["enum"][0])
    parts = [f"curl -s localhost:8000{path}"]
    if operation.get("security", told.get("security")):
        parts.append('-H "Authorization: Bearer $RUBRIEK_KEY"')
    body = _sample(told, operation.get("requestBody", {}).get("content", {}).get(JSON))
    if method == "post":
        quoted = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
        parts += [f"-H 'Content-Type: {JSON}'", f"-d '{quoted}'"]
    return " \\\n  ".join(parts)


def _sample(told: dict[str, Any], content: dict[str, Any] | None) -> Any:
    """Return the example of a body's schema, or None where there is none."""
    name = content["schema"].get("$ref", "").rpartition("/")[2] if content else ""
    schema = told["components"]["schemas"].get(name, {})
    return next(iter(schema.get("examples", ())), None)


def _schema(name: str, schema: dict[str, Any]) -> str:
    sample = next((json.dumps(one, ensure_ascii=False) for one in schema.get("examples", ())), None)
    example = f"<pre>{escape(sample)}</pre>" if sample else ""
    forms = schema.get("oneOf", [schema])
    fields = "<p>or</p>".join(_fields(form) for form in forms)
    return _closed(f"<code>{escape(name)}</code>", f"{example}{fields}", name)


def _fields(schema: dict[str, Any]) -> str:
    if "properties" not in schema:
        return f"<p>{_type(schema)}</p>"
    required = schema.get("required", [])
    return _table(
        (
            name if name in required else f"{name} (optional)",
            f"{_type(value)} {_prose(value.get('description', ''))}",
        )
        for name, value in schema["properties"].items()
    )


LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "over",
    "maximum": "at most",
    "minItems": "items: at least",
    "maxItems": "items: at most",
    "maxLength": "characters: at most",
}


def _type(schema: dict[str, Any]) -> str:
    """Say in a line what a schema allows."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    kinds = schema.get("type", "anything")
    told = escape(kinds if isinstance(kinds, str) else " or ".join(kinds))
    if "format" in schema:
        told += f" ({escape(schema['format'])})"
    if "properties" in schema:
        told += f" with {', '.join(map(escape, schema['properties']))}"
    if "items" in schema:
        told += f" of {_type(schema['items'])}"
    bounds = [f"{text} {schema[name]:,}" for name, text in LIMITS.items() if name in schema]
    return f"{told} ({', '.join(bounds)})" if bounds else told


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = (f'<tr><th scope="row">{escape(name)}</th><td>{value}</td></tr>' for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _closed(summary: str, inside: str, name: str = "") -> str:
    """Make a section that a browser opens when it is clicked, or when a link leads to its name."""
    # The name belongs to the inside: browsers open what hides a link's target, not a target that is closed.
    target = f' id="{escape(name)}"' if name else ""
    return f"<details><summary>{summary}</summary><div{target}>{inside}</div></details>"


def _prose(text: str) -> str:
    """Escape a description; what stands in backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
