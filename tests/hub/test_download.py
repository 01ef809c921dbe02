"""Fetching a file from a server that does not do as it should."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import random
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import HubServer, cut, page, running, stalled, status
from hypothesis import given, settings
from hypothesis import strategies as st

from rubriek.errors import CacheError, DownloadError, ModelNotFoundError, OfflineError
from rubriek.hub import download as module
from rubriek.hub.download import download
from rubriek.hub.progress import watching

CONTENT = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def served(server: HubServer) -> HubServer:
    server.files["/news.zip"] = CONTENT
    return server


@pytest.fixture
def target(own_cache: Path) -> Path:
    own_cache.mkdir()
    return own_cache / "news.zip"


def ranges(server: HubServer) -> list[str | None]:
    return [headers.get("Range") for headers in server.asked("/news.zip")]


def test_a_file_comes_whole(served, target):
    found = download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT
    assert (found.bytes, found.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert not found.resumed
    assert [path.name for path in target.parent.iterdir()] == ["news.zip"]


def test_what_breaks_off_goes_on_where_it_was(served, target):
    served.answers = [cut(1_000_000), cut(500_000)]
    assert download(f"{served.address}/news.zip", target).bytes == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert ranges(served) == [None, "bytes=1000000-", "bytes=1500000-"]


def test_another_call_goes_on_too(served, target, monkeypatch):
    monkeypatch.setenv("RUBRIEK_RETRIES", "0")
    served.answers = [cut(1_000_000), cut(0)]
    with pytest.raises(DownloadError, match="what has arrived is kept"):
        download(f"{served.address}/news.zip", target)
    assert download(f"{served.address}/news.zip", target).resumed
    assert target.read_bytes() == CONTENT
    assert ranges(served) == [None, "bytes=1000000-", "bytes=1000000-"]


def test_progress_counts_tries_anew(served, target, monkeypatch):
    monkeypatch.setenv("RUBRIEK_RETRIES", "1")
    served.answers = [answer for _ in range(5) for answer in (cut(100_000), cut(0))]
    assert download(f"{served.address}/news.zip", target).bytes == len(CONTENT)
    assert len(ranges(served)) == 11


def test_a_file_that_changed_in_between_is_fetched_from_its_start(served, target):
    def changed(handler):
        cut(1_000_000)(handler)
        served.files["/news.zip"] = CONTENT[::-1]

    served.answers = [changed]
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT[::-1]


def test_without_a_tag_nothing_is_continued(served, target):
    served.etags = False
    served.answers = [cut(1_000_000)]
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT
    assert ranges(served) == [None, None]


def test_a_weak_tag_names_no_bytes(served, target):
    def weak(handler):
        handler.send(200, CONTENT[:9], length=len(CONTENT), ETag='W/"1"')
        handler.close_connection = True

    served.answers = [weak]
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT
    assert ranges(served) == [None, None]


@pytest.mark.parametrize(
    ("modified", "continued"),
    [
        ("Wed, 25 Nov 2026 08:00:00 GMT", True),
        ("Wed, 25 Nov 2026 09:59:30 GMT", False),  # it may have changed since, under the same second
        ("Wed, 25 Nov 2026 12:00:00 GMT", False),  # a clock that is wrong
        ("yesterday", False),
    ],
)
def test_a_date_is_a_tag_when_it_is_a_while_ago(served, target, modified, continued):
    served.etags = False

    def dated(handler):
        handler.date_time_string = lambda *_: "Wed, 25 Nov 2026 10:00:00 GMT"
        handler.send(200, CONTENT[:1000], length=len(CONTENT), Last_Modified=modified)
        handler.close_connection = True

    served.answers = [dated]
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT
    assert [headers.get("If-Range") for headers in served.asked("/news.zip")] == [
        None,
        modified if continued else None,
    ]


def test_a_server_that_knows_no_ranges(served, target):
    served.answers = [cut(1_000_000), lambda handler: handler.send(200, CONTENT, **handler.tag)]
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("span", ["bytes 5-9/10", "bytes 0-3/3000000", "", "bytes x"])
def test_another_part_than_was_asked_for_is_not_taken(served, target, span):
    wrong = status(206, b"wrong", Content_Range=span)
    served.answers = [cut(1_000_000), wrong]
    if span in ("bytes 5-9/10", "bytes 0-3/3000000"):  # the next answer is the whole file
        download(f"{served.address}/news.zip", target)
        assert target.read_bytes() == CONTENT
    else:
        with pytest.raises(DownloadError, match="sends a part and does not say which"):
            download(f"{served.address}/news.zip", target)


def test_416_starts_again(served, target):
    served.answers = [cut(1_000_000), status(416, Content_Range="bytes */100")]
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT
    assert ranges(served) == [None, "bytes=1000000-", None]


def test_416_for_ever_is_an_error(served, target):
    served.always = status(416)
    with pytest.raises(DownloadError, match="shorter than before"):
        download(f"{served.address}/news.zip", target)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(served, target, code):
    served.answers = [status(code), status(code)]
    assert download(f"{served.address}/news.zip", target).bytes == len(CONTENT)
    served.always = status(code)
    with pytest.raises(DownloadError, match=f"found: +{code}"):
        download(f"{served.address}/other.zip", target.with_name("other.zip"))
    assert len(served.asked("/other.zip")) == 3


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_what_is_not_there_is_asked_for_once(served, target, code):
    served.always = status(code)
    with pytest.raises(ModelNotFoundError, match=f"There is no file .*news.zip[^$]*{code}"):
        download(f"{served.address}/news.zip", target)
    assert len(ranges(served)) == 1
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("code", [204, 400, 418, 501])
def test_other_answers_are_errors_at_once(served, target, code):
    served.always = status(code)
    with pytest.raises(DownloadError, match=f"found: +{code}"):
        download(f"{served.address}/news.zip", target)
    assert len(ranges(served)) == 1


DATES = {"Retry_After": "Wed, 25 Nov 2026 10:00:07 GMT"}


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry_After": "7"}, 7.0),
        (DATES, 7.0),  # by the server's clock, which send_response is made to tell below
        ({"Retry_After": "Wed, 25 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"Retry_After": "soon"}, 0.0),
        ({"Retry_After": "-3"}, 0.0),
    ],
)
def test_a_server_may_ask_to_wait(served, target, monkeypatch, headers, waited):
    slept: list[float] = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=slept.append))

    def busy(handler):
        handler.date_time_string = lambda *_: "Wed, 25 Nov 2026 10:00:00 GMT"  # a clock that may be far off
        handler.send(503, **headers)

    served.answers = [busy]
    download(f"{served.address}/news.zip", target)
    assert slept == [waited]


def test_who_asks_to_wait_too_long_is_not_waited_for(served, target):
    served.always = status(429, Retry_After="86400")
    with pytest.raises(DownloadError, match="in 86400 seconds as the server asks"):
        download(f"{served.address}/news.zip", target)
    assert len(ranges(served)) == 1


def test_waits_grow_and_stay_within_a_limit(monkeypatch, served, target):
    slept: list[float] = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=slept.append))
    monkeypatch.setattr(module, "FIRST_WAIT", 0.5)
    monkeypatch.setenv("RUBRIEK_RETRIES", "12")
    served.always = status(503)
    with pytest.raises(DownloadError):
        download(f"{served.address}/news.zip", target)
    assert len(slept) == 12
    assert all(0.25 * 2**n <= slept[n] <= 0.5 * 2**n for n in range(7))
    assert max(slept) <= module.LONGEST_WAIT


def test_a_server_that_falls_silent(served, target, monkeypatch):
    monkeypatch.setenv("RUBRIEK_TIMEOUT", "0.3")
    monkeypatch.setenv("RUBRIEK_RETRIES", "8")  # a busy machine may be silent for as long
    served.answers = [stalled(1_000_000)]
    assert download(f"{served.address}/news.zip", target).bytes == len(CONTENT)
    served.always = stalled(0)
    with pytest.raises(DownloadError, match=r"stopped answering.\n[^$]*Timeout"):
        download(f"{served.address}/news.zip", target.with_name("other.zip"))


def test_nobody_listens(own_cache, target):
    with pytest.raises(DownloadError, match="cannot be reached"):
        download("http://127.0.0.1:9/news.zip", target)


@pytest.mark.parametrize("address", ["http://", "http://[", "http://a b/", "ftp://127.0.0.1/x.zip"])
def test_no_address(own_cache, target, address):
    with pytest.raises(DownloadError):
        download(address, target)


def test_redirects_are_followed_but_not_for_ever(served, target):
    served.answers = [status(302, Location="/news.zip")]
    assert download(f"{served.address}/latest", target).bytes == len(CONTENT)
    served.always = status(302, Location="/round")
    with pytest.raises(DownloadError, match="redirects too often"):
        download(f"{served.address}/round", target)


@pytest.fixture
def through_a_proxy(served, monkeypatch):
    """Every address is asked of the server on loopback, which stands for the whole network."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", served.address)
    addresses = {"news.example": "93.184.216.34", "intranet.example": "10.1.2.3", "trap.example": "127.0.0.1"}
    whole = socket.getaddrinfo

    def getaddrinfo(host, *more, **options):
        return whole(addresses.get(host, host), *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return served


@pytest.mark.parametrize(
    ("start", "to", "followed"),
    [
        ("93.184.216.34", "93.184.216.35", True),
        ("news.example", "93.184.216.35", True),
        ("news.example", "169.254.169.254", False),
        ("news.example", "127.0.0.1", False),
        ("news.example", "2130706433", False),  # the same as a number
        ("news.example", "trap.example", False),
        ("news.example", "intranet.example", False),
        ("news.example", "[::1]", False),
        ("news.example", "[::ffff:169.254.169.254]", False),
        ("news.example", "[fd00:ec2::254]", False),
        ("news.example", "0.0.0.0", False),
        ("intranet.example", "10.9.9.9", True),
        ("intranet.example", "news.example", True),
        ("intranet.example", "169.254.169.254", False),
        ("intranet.example", "localhost", False),
        ("127.0.0.1", "10.9.9.9", True),
    ],
)
def test_a_redirect_leads_to_no_host_nearer_than_the_first(through_a_proxy, target, start, to, followed):
    served = through_a_proxy
    served.files |= {f"http://{to}/news.zip": b"found", "http:": b"found"}
    served.answers = [status(302, Location=f"http://{to}/news.zip"), status(200, b"found")]
    if followed:
        assert download(f"http://{start}/news.zip", target).bytes == 5
    else:
        with pytest.raises(DownloadError, match=r"not followed[^$]*name that address itself"):
            download(f"http://{start}/news.zip", target)
    assert len(served.requests) == 1 + followed


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.1", "10.1.2.3"])
def test_who_names_a_near_host_is_served(through_a_proxy, target, host):
    through_a_proxy.always = status(200, b"found")
    assert download(f"http://{host}/news.zip", target).bytes == 5


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://93.184.216.34/x", "http://[", "http:///x"])
def test_a_redirect_to_no_web_server(served, target, to):
    served.always = status(302, Location=to)
    with pytest.raises(DownloadError):
        download(f"{served.address}/news.zip", target)
    assert not target.exists()


def test_what_a_redirect_sends_along_is_not_read(served, target):
    """A body without end: the server sends until nobody listens any more."""
    sent = []

    def endless(handler):
        handler.send_response(302)
        handler.send_header("Location", "/news.zip")
        handler.end_headers()
        handler.close_connection = True
        while len(sent) < 2_000:
            handler.wfile.write(bytes(2**16))
            sent.append(1)

    served.answers = [endless]
    assert download(f"{served.address}/latest", target).bytes == len(CONTENT)
    assert len(sent) < 2_000


@pytest.mark.parametrize("number", ["9" * 5_000, "\u00b2", "9" * 19, "-1", "0x1"])
def test_numbers_that_no_file_has(served, target, number):
    served.answers = [cut(1_000_000), status(206, b"x", Content_Range=f"bytes {number}-5/{number}")]
    with pytest.raises(DownloadError, match="does not say which"):
        download(f"{served.address}/news.zip", target)


ENORMOUS = "Wed, 25 Nov 2026 10:00:00 +" + "9" * 40


@pytest.mark.parametrize("date", [ENORMOUS, ENORMOUS.replace("2026", "9" * 40), ENORMOUS[:-38] + "9999"])
def test_dates_that_nobody_can_mean(served, target, date):
    served.etags = False
    served.answers = [
        status(200, CONTENT, Last_Modified=date),
        status(503, Retry_After=date),
        status(200, CONTENT, Date=date, Last_Modified=date),
    ]
    assert download(f"{served.address}/news.zip", target).tag is None
    assert download(f"{served.address}/news.zip", target.with_name("again")).tag is None


@pytest.mark.parametrize("tag", ['"\u00e9"', '"\x01"'])
def test_a_tag_that_cannot_be_sent_back_continues_nothing(served, target, tag):
    def tagged(handler):
        handler.send(200, CONTENT[:1000], length=len(CONTENT), ETag=tag)
        handler.close_connection = True

    served.answers = [tagged]
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT
    assert ranges(served) == [None, None]


def test_a_server_that_gives_a_byte_a_try(served, target):
    served.always = cut(1)
    with pytest.raises(DownloadError, match="stopped answering"):
        download(f"{served.address}/news.zip", target)
    assert len(ranges(served)) == 3


def test_tries_are_limited_however_much_each_brings(served, target, monkeypatch):
    monkeypatch.setattr(module, "MIN_PROGRESS", 1)
    monkeypatch.setattr(module, "MAX_TRIES", 20)
    served.always = cut(1)
    with pytest.raises(DownloadError, match="stopped answering"):
        download(f"{served.address}/news.zip", target)
    assert len(ranges(served)) == 20


def test_a_server_that_sends_too_slowly(served, target, monkeypatch):
    """A clock that goes on by a second for each piece; the pieces that are read are small."""
    monkeypatch.setenv("RUBRIEK_RETRIES", "0")
    ticks = itertools.count()
    monkeypatch.setattr(module, "monotonic", lambda: next(ticks))
    opened = module.opened

    @contextlib.contextmanager
    def dripping(*arguments, **options):
        with opened(*arguments, **options) as answer:
            yield replace(answer, chunks=(bytes([byte]) for byte in CONTENT))

    monkeypatch.setattr(module, "opened", dripping)
    with pytest.raises(DownloadError, match=r"comes too slowly[^$]*65,536 bytes in 120 seconds"):
        download(f"{served.address}/news.zip", target)
    assert target.stat().st_size < 200


@pytest.mark.parametrize("stated", [True, False])
def test_a_file_over_its_limit_is_not_kept(served, target, stated):
    def unstated(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CONTENT)
        handler.close_connection = True

    served.always = None if stated else unstated
    with pytest.raises(DownloadError, match=r"too large[^$]*at most 1,000 bytes"):
        download(f"{served.address}/news.zip", target, limit=1_000)
    assert list(target.parent.iterdir()) == []


def test_a_link_in_the_place_of_the_file_is_not_followed(served, target):
    note = {"address": f"{served.address}/news.zip", "tag": '"1"', "total": len(CONTENT)}
    (target.parent / ".news.zip.note").write_text(json.dumps(note))
    target.symlink_to(target.with_name("elsewhere"))
    with pytest.raises(DownloadError, match="cannot be written"):
        download(f"{served.address}/news.zip", target)
    assert not target.with_name("elsewhere").exists()


def test_content_that_comes_compressed_is_refused(served, target):
    served.always = status(200, b"x" * 9, Content_Encoding="gzip")
    with pytest.raises(DownloadError, match="comes compressed"):
        download(f"{served.address}/news.zip", target)


def test_more_than_was_said(served, target):
    def longer(handler):
        handler.protocol_version = "HTTP/1.0"
        where = f"bytes 1000000-{len(CONTENT) - 1}/1000003"
        handler.send(206, CONTENT[1_000_000:], Content_Range=where, **handler.tag)

    served.answers = [cut(1_000_000), longer]
    with pytest.raises(DownloadError, match="longer than it says"):
        download(f"{served.address}/news.zip", target)


def test_a_wrong_checksum_leaves_nothing(served, target):
    with pytest.raises(DownloadError, match="damaged"):
        download(f"{served.address}/news.zip", target, md5="0" * 32)
    assert list(target.parent.iterdir()) == []
    digest = hashlib.md5(CONTENT).hexdigest().upper()
    assert download(f"{served.address}/news.zip", target, md5=digest).bytes == len(CONTENT)


def test_what_is_known_is_not_fetched(served, target):
    tag = download(f"{served.address}/news.zip", target).tag
    assert download(f"{served.address}/news.zip", target.with_name("again"), known=tag) is None
    served.files["/news.zip"] = b"new"
    assert download(f"{served.address}/news.zip", target.with_name("again"), known=tag).bytes == 3


def test_room_is_looked_at_first(served, target, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("U", (), {"free": 4_000_000})())
    with pytest.raises(CacheError, match=r"There is no room for .*/news\.zip"):
        download(f"{served.address}/news.zip", target)
    assert not target.exists()


class Full:
    """A file on a disk that gets full."""

    def __init__(self, stream, room: int) -> None:
        self.stream, self.room = stream, room

    def write(self, block: bytes) -> int:
        self.room -= len(block)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.stream.write(block)


def test_a_disk_that_gets_full_keeps_what_has_arrived(served, target, monkeypatch):
    write = module._write
    monkeypatch.setattr(
        module, "_write", lambda address, stream, *more: write(address, Full(stream, 2_200_000), *more)
    )
    with pytest.raises(CacheError, match=r"takes no more[^$]*what has arrived is kept"):
        download(f"{served.address}/news.zip", target)
    kept = target.stat().st_size
    assert 0 < kept <= 2_200_000
    monkeypatch.setattr(module, "_write", write)
    assert download(f"{served.address}/news.zip", target).resumed
    assert target.read_bytes() == CONTENT
    assert ranges(served) == [None, f"bytes={kept}-"]


def test_offline_nothing_is_asked(served, target, monkeypatch):
    monkeypatch.setenv("RUBRIEK_OFFLINE", "1")
    with pytest.raises(OfflineError, match="RUBRIEK_OFFLINE forbids"):
        download(f"{served.address}/news.zip", target)
    assert served.requests == []


def test_a_part_that_was_whole_is_not_fetched_again(served, target):
    """The process was killed after the last byte, before it could say so."""
    address = f"{served.address}/news.zip"
    target.write_bytes(CONTENT)
    note = {"address": address, "tag": '"1"', "total": len(CONTENT)}
    (target.parent / ".news.zip.note").write_text(json.dumps(note))
    assert download(address, target).bytes == len(CONTENT)
    assert served.requests == []


NOTES = ["", "{", "[]", "{}", '{"address": 1, "tag": 2, "total": 3}', "null", "[" * 100_000, "9" * 5_000]


@pytest.mark.parametrize("note", NOTES)
def test_a_part_with_a_damaged_note_is_thrown_away(served, target, note):
    target.write_bytes(b"of something else")
    (target.parent / ".news.zip.note").write_text(note)
    download(f"{served.address}/news.zip", target)
    assert target.read_bytes() == CONTENT


def test_progress_is_told(served, target):
    told = []

    class Told:
        def started(self, what, total, done):
            told.append((what, total, done))

        def progressed(self, done):
            told.append(done)

        def ended(self):
            told.append("ended")

    served.answers = [cut(1_000_000)]
    with watching(Told()):
        download(f"{served.address}/news.zip", target)
    assert told[0] == ("news.zip", len(CONTENT), 0)
    assert ("news.zip", len(CONTENT), 1_000_000) in told
    assert told[-2:] == [len(CONTENT), "ended"]


def test_the_proxy_of_the_environment_is_asked(served, target, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", served.address)
    served.files["http://news.example/news.zip"] = b"through the proxy"
    download("http://news.example/news.zip", target)
    assert target.read_bytes() == b"through the proxy"


@pytest.mark.parametrize(
    ("name", "value"), [("RUBRIEK_TIMEOUT", "soon"), ("RUBRIEK_RETRIES", "-1"), ("RUBRIEK_TIMEOUT", "nan")]
)
def test_settings_that_are_no_numbers(served, target, monkeypatch, name, value):
    from rubriek.errors import OptionError

    monkeypatch.setenv(name, value)
    served.always = page
    served.answers = [cut(0)]
    with pytest.raises(OptionError, match=name):
        download(f"{served.address}/news.zip", target)


@settings(max_examples=25)
@given(data=st.data())
def test_whatever_breaks_off_where_the_file_comes_whole(data, tmp_path_factory):
    content = data.draw(st.binary(min_size=1, max_size=200))
    cuts = data.draw(st.lists(st.integers(0, 60), max_size=6))
    folder = tmp_path_factory.mktemp("broken")
    with running(HubServer(files={"/x": content})) as hub, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST_WAIT", 0.0)
        patch.setenv("RUBRIEK_RETRIES", "6")
        hub.answers = [cut(after) for after in cuts]
        download(f"{hub.address}/x", folder / "x")
    assert (folder / "x").read_bytes() == content
