"""Files of web servers, through httpx2: proxies and certificates are those of the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import rubriek
from rubriek import settings
from rubriek.errors import DownloadError
from rubriek.hub.transfers import InterruptedTransferError, Opened, not_there

if TYPE_CHECKING:
    import httpx2

MOST_REDIRECTS = 5
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which another try may help."""
MISSING = frozenset({401, 403, 404, 410})
"""S3 says 403 of a file that is not there to those who may not list its bucket."""


@contextmanager
def opened(address: str, *, start: int, tag: str | None, known: str | None) -> Iterator[Opened | None]:
    """Open a file of a web server. See `rubriek.hub.transfers.opened`."""
    import httpx2

    # A file that comes compressed could be neither measured nor continued.
    headers = {"User-Agent": f"rubriek/{rubriek.__version__}", "Accept-Encoding": "identity"}
    if start and tag and not tag.startswith("W/"):  # RFC 9110 (13.1.5): a weak tag does not name the bytes
        headers |= {"Range": f"bytes={start}-", "If-Range": tag}
    if known:
        headers["If-None-Match" if '"' in known else "If-Modified-Since"] = known
    try:
        with (
            httpx2.Client(
                timeout=settings.network_timeout(), follow_redirects=True, max_redirects=MOST_REDIRECTS
            ) as client,
            client.stream("GET", address, headers=headers) as response,
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


def _hint(error: httpx2.TransportError) -> str:
    if "CERTIFICATE" in str(error).upper():
        return "SSL_CERT_FILE names the certificates of a company's own authority"
    return "HTTPS_PROXY and NO_PROXY name a proxy; what is in the cache needs no network"


def _answer(response: httpx2.Response, address: str) -> Opened:
    status = response.status_code
    if address.startswith("https:") and response.url.scheme != "https":
        raise DownloadError(
            f"{address} leads to an address that is not encrypted.",
            expected="https://",
            found=str(response.url),
        )
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
        raise DownloadError(f"{address} comes compressed.", expected="the file as it is", found=encoding)
    length = headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    start = 0
    if response.status_code == 206:
        span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", headers.get("Content-Range", ""))
        if span is None:
            raise DownloadError(
                f"{address} sends a part and does not say which.",
                found=headers.get("Content-Range", "nothing"),
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
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
