"""Files of web servers, through httpx2: proxies and certificates are those of the environment."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import rubriek
from rubriek import settings
from rubriek.errors import DownloadError
from rubriek.hub.transfers import InterruptedTransferError, Opened, not_there
from rubriek.models.checks import shown

if TYPE_CHECKING:
    import httpx2

MAX_REDIRECTS = 5
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which another try may help."""
MISSING = frozenset({401, 403, 404, 410})
"""S3 says 403 of a file that is not there to those who may not list its bucket."""
NUMBER = r"[0-9]{1,18}"
PUBLIC, PRIVATE, LOCAL = range(3)
"""How near a host is: on the internet, in a private network, on this machine or link (clouds' metadata)."""


@contextmanager
def opened(address: str, *, start: int, tag: str | None, known: str | None) -> Iterator[Opened | None]:
    """Open a file of a web server. See `rubriek.hub.transfers.opened`."""
    import httpx2

    # A file that comes compressed could be neither measured nor continued.
    headers = {"User-Agent": f"rubriek/{rubriek.__version__}", "Accept-Encoding": "identity"}
    # RFC 9110 (13.1.5): a weak tag does not name the bytes.
    if start and tag and _is_header(tag) and not tag.startswith("W/"):
        headers |= {"Range": f"bytes={start}-", "If-Range": tag}
    if known and _is_header(known):
        headers["If-None-Match" if '"' in known else "If-Modified-Since"] = known
    try:
        with (
            httpx2.Client(timeout=settings.network_timeout()) as client,
            _followed(client, client.build_request("GET", address, headers=headers)) as response,
        ):
            yield None if response.status_code == 304 and known else _answer(response, address)
    except httpx2.TransportError as error:
        raise InterruptedTransferError(
            f"{address} cannot be reached or has stopped answering.",
            found=f"{type(error).__name__}: {error}",
            hint=_hint(error),
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise DownloadError(
            f"{address} cannot be fetched.", found=f"{type(error).__name__}: {error}"
        ) from error


@contextmanager
def _followed(client: httpx2.Client, request: httpx2.Request) -> Iterator[httpx2.Response]:
    """Send a request and follow redirects; httpx2 would read the body of each, however long it is."""
    first = request.url
    for _ in range(1 + MAX_REDIRECTS):
        response = client.send(request, stream=True)
        try:
            if response.next_request is None:
                yield response
                return
            request = response.next_request
        finally:
            response.close()
        _check_redirect(first, request.url)
    raise DownloadError(
        f"{first} redirects too often.", expected=f"at most {MAX_REDIRECTS} redirects", found=str(request.url)
    )


def _check_redirect(first: httpx2.URL, to: httpx2.URL) -> None:
    """Refuse a redirect from the internet to a host that only this machine or its network reaches.

    A user who names such a host himself may be redirected within his own network.
    """
    if first.scheme == "https" and to.scheme != "https":
        raise DownloadError(
            f"{first} leads to an address that is not encrypted.", expected="https://", found=str(to)
        )
    if to.scheme not in ("http", "https") or _nearness(to.host) > _nearness(first.host):
        raise DownloadError(
            f"{first} leads to an address that is not followed.",
            expected="a host as public as the first one",
            found=str(to),
            hint="if you trust it, name that address itself",
        )


def _nearness(host: str) -> int:
    """Tell how near a host is: the nearest of its addresses."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return PUBLIC  # a proxy may know it; if nobody does, connecting fails
    return max(_nearness_of(ipaddress.ip_address(address)) for address in found)


def _nearness_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return LOCAL
    return PUBLIC if address.is_global else PRIVATE


def _is_header(text: str) -> bool:
    """Tell whether a tag, which came from a server or a file of the cache, can be sent."""
    return text.isascii() and text.isprintable()


def _hint(error: httpx2.TransportError) -> str:
    if "CERTIFICATE" in str(error).upper():
        return "SSL_CERT_FILE names the certificates of a company's own authority"
    return "HTTPS_PROXY and NO_PROXY name a proxy; what is in the cache needs no network"


def _answer(response: httpx2.Response, address: str) -> Opened:
    status = response.status_code
    if status in (200, 206):
        return _opened(response, address)
    said = f"{status} {response.reason_phrase}".strip()
    if status in MISSING:
        raise not_there(address, said)
    if status == 416:
        restart = InterruptedTransferError(f"{address} is shorter than before.", found=said)
        restart.restart = True
        raise restart
    if status in PASSING:
        passing = InterruptedTransferError(f"{address} does not answer now.", found=said)
        passing.wait = _wait(response)
        raise passing
    raise DownloadError(f"{address} cannot be fetched.", expected="200 OK", found=said)


def _opened(response: httpx2.Response, address: str) -> Opened:
    headers = response.headers
    if (encoding := headers.get("Content-Encoding", "identity")) != "identity":
        raise DownloadError(
            f"{address} comes compressed.", expected="the file as it is", found=shown(encoding)
        )
    length = headers.get("Content-Length", "")
    total = int(length) if re.fullmatch(NUMBER, length) else None
    start = 0
    if response.status_code == 206:
        stated = headers.get("Content-Range", "nothing")
        span = re.fullmatch(rf"bytes ({NUMBER})-({NUMBER})/({NUMBER}|\*)", stated)
        if span is None:
            raise DownloadError(
                f"{address} sends a part and does not say which.",
                expected="Content-Range: bytes START-END/TOTAL",
                found=shown(stated),
            )
        start = int(span[1])
        total = None if span[3] == "*" else int(span[3])
    return Opened(
        chunks=response.iter_raw(),  # as it arrives: a larger chunk would be lost when it breaks off
        start=start,
        total=total,
        tag=headers.get("ETag") or _settled_date(headers),
        kind=headers.get("Content-Type", ""),
    )


def _settled_date(headers: httpx2.Headers) -> str | None:
    """Return Last-Modified where it names the content: RFC 9110 (8.8.2.2) asks that it be a while ago.

    It counts in seconds, so what has just been written may be another file under the same date by now.
    """
    modified, now = _date(headers.get("Last-Modified", "")), _date(headers.get("Date", ""))
    settled = modified and now and (now - modified).total_seconds() >= 60
    return str(headers["Last-Modified"]) if settled else None


def _wait(response: httpx2.Response) -> float | None:
    """Read Retry-After: seconds or a date, seen from the server's own clock, for ours may differ."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    now = _date(response.headers.get("Date", "")) or datetime.now(UTC)
    then = _date(text)
    return max(0.0, (then - now).total_seconds()) if then else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no date, or one with an enormous number
        return None
