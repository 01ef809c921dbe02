from __future__ import annotations

import re
import shlex
from html import unescape

import pytest
import schemathesis
from axe_playwright_python.sync_playwright import Axe
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from page_driver import DESKTOP, PHONE, STANDARDS, visited
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route

from rubriek.server import Limits
from rubriek.server.app import routes
from rubriek.server.openapi import document
from rubriek.server.reference import page

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
NOT_DESCRIBED = {"/", "/favicon.ico", "/static/page/{name}", "/openapi.json", "/docs"}


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return str(value).encode("utf-8", "replace")


DOCUMENT = document(Limits(), ["tiny-a"], keys=False)
PATIENT = document(Limits(), ["tiny-a"], keys=False)
for item in PATIENT["paths"].values():
    for parameter in item.get("post", {}).get("parameters", []):
        if parameter["name"] == "X-Request-Timeout":  # who waits a nanosecond is told 504, and rightly so
            parameter["schema"]["minimum"] = 10
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(PATIENT).get_all_operations()]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_fits_the_document_is_answered_as_it_says(operation, process):
    @settings(
        max_examples=10, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def ask(case):
        case.validate_response(case.call(base_url=process.url), checks=CHECKS)

    ask()


def test_every_route_is_described_with_its_methods():
    told = DOCUMENT["paths"]
    for route in routes():
        assert isinstance(route, Route)
        for method in route.methods - {"HEAD"}:
            if route.path not in NOT_DESCRIBED or method == "POST":
                assert method.lower() in told[route.path], route.path
    assert set(told) <= {route.path for route in routes()}


def test_references_lead_somewhere():
    told = document(Limits(), ["tiny-a"], keys=True)
    names = set(re.findall(r"#/components/schemas/(\w+)", str(told)))
    assert names <= set(told["components"]["schemas"])
    assert told["security"] == [{"key": []}]


def test_the_document_has_this_service_s_limits_and_models(client):
    told = client.get("/openapi.json").json()
    assert "tiny-a" in str(told["paths"]["/models/{model}"])
    assert f"'maxLength': {Limits().text_characters}" in str(told["components"])


def test_the_page_of_it_shows_every_path_and_loads_nothing(client):
    page = client.get("/docs")
    assert "`" not in page.text.partition("<h2>Schemas")[0]
    assert page.headers["content-type"].startswith("text/html")
    for path in client.get("/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert not re.search(r"<script|<link|src=|https?://", page.text)


def test_every_example_follows_its_schema():
    schemas = DOCUMENT["components"]["schemas"]
    examples = {name: one for name, schema in schemas.items() for one in schema.get("examples", ())}
    assert {"ClassifyRequest", "ExplainResponse", "InferRequest"} <= set(examples)
    for name, example in examples.items():
        whole = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
        Draft202012Validator(whole).validate(example)


@pytest.mark.parametrize("keys", [False, True])
def test_the_page_s_commands_are_answered(client, keys):
    """What people copy works: every command of the page, sent as curl would send it."""
    commands = re.findall(r"<pre>(curl .+?)</pre>", page(document(Limits(), ["tiny-a"], keys=keys)), re.S)
    assert len(commands) == sum(map(len, DOCUMENT["paths"].values()))
    for command in commands:
        _, _, address, *rest = shlex.split(unescape(command).replace("\\\n", ""))
        options = dict(zip(rest[::2], rest[1::2], strict=True)) if len(rest) % 2 == 0 else {}
        path = address.removeprefix("localhost:8000")
        assert (rest[:2] == ["-H", "Authorization: Bearer $RUBRIEK_KEY"]) == (keys and "health" not in path)
        body = options.get("-d")
        method = "GET" if body is None else "POST"
        answer = client.request(
            method, path, content=body, headers={"Content-Type": "application/json"} if body else {}
        )
        assert answer.status_code == 200, command


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_it_is_short_until_a_link_opens_a_part(browser, process, size, theme, tmp_path):
    with visited(browser, f"{process.url}/docs", viewport=size, color_scheme=theme) as tab:
        assert tab.evaluate("document.documentElement.scrollHeight") < 5_000
        assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert tab.locator("details[open]").count() == 0
        tab.screenshot(path=tmp_path / "closed.png", full_page=True)
        tab.click("nav a:has-text('/v1/classify')")
        tab.wait_for_selector("#post-v1-classify >> text=curl")
        tab.click("#post-v1-classify a:has-text('ClassifyRequest')")
        tab.wait_for_selector("#ClassifyRequest td >> nth=0")
        assert tab.locator("details[open]").count() == 2
        tab.screenshot(path=tmp_path / "open.png", full_page=True)
        report = Axe().run(tab, options={"runOnly": STANDARDS}).response
        assert report["passes"]
        assert [found["id"] for found in report["violations"]] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"]
