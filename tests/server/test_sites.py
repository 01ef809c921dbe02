from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from rubriek.server.problems import Problem
from rubriek.server.sites import Sites

POSTS = ["/v1/classify", "/v1/explain", "/predict", "/", "/models/tiny-a", "/v2/models/tiny-a/infer"]
FORMS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]


def status(sites: Sites, method: str = "POST", **headers: str) -> int:
    try:
        sites.check(method, Headers({name.replace("_", "-"): value for name, value in headers.items()}))
    except Problem as problem:
        return problem.status
    return 200


HOSTS = "localhost localhost:8000 127.0.0.1:8000 127.9.9.9 [::1]:8000 a.localhost HIER.example"
OTHERS = "evil.example 127.0.0.1.evil.example localhost.evil.example 10.0.0.1 [::1 :8000"


@pytest.mark.parametrize("host", HOSTS.split())
def test_loopback_and_hosts_that_are_named_are_answered(host):
    assert status(Sites(hosts=["hier.example"]), "GET", host=host) == 200


@pytest.mark.parametrize("host", OTHERS.split())
def test_other_hosts_are_not(host):
    assert status(Sites(hosts=[]), "GET", host=host) == 421
    assert status(Sites(), "GET", host=host) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"origin": "http://hier:8000"}, 200),
        ({"origin": "http://ander"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://nieuws.example"}, 200),
        ({"origin": "https://nieuws.example", "sec_fetch_site": "cross-site"}, 200),
        ({"origin": "https://achter.proxy", "sec_fetch_site": "same-origin"}, 200),
        ({"origin": "http://hier:8000", "sec_fetch_site": "cross-site"}, 403),
        ({"origin": "http://hier:8000", "sec_fetch_site": "same-site"}, 403),
    ],
)
def test_whose_page_posts(headers, expected):
    sites = Sites(origins=["https://nieuws.example"])
    assert status(sites, host="hier:8000", **headers) == expected
    assert status(sites, "GET", host="hier:8000", **headers) == 200


@pytest.mark.parametrize("path", POSTS)
def test_no_page_of_another_site_can_post_to_any_route(client, path):
    for kind in FORMS:
        answer = client.post(path, content=b'{"text": "a"}', headers={"Content-Type": kind})
        assert answer.status_code == 415
    for kind in ("application/json", ""):  # what a page sends without a type has an origin, too
        headers = {"Content-Type": kind} if kind else {}
        answer = client.post(path, content=b"{}", headers=headers | {"Origin": "http://evil.example"})
        assert answer.status_code == 403
        assert "--origin" in answer.json()["hint"]


def test_a_host_that_is_not_ours_is_not_answered(started):
    client = started(hosts=[])
    assert client.get("/v1/models", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/v1/models", headers={"Host": "localhost:8000"}).status_code == 200
