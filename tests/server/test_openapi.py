from __future__ import annotations

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
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
