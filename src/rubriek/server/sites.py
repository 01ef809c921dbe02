"""Which web sites may have a browser call the service: names it answers to, and origins it trusts."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rubriek.server.problems import Problem

if TYPE_CHECKING:
    from starlette.datastructures import Headers


class Sites:
    """Keeps pages of other sites from using a browser that reaches the service.

    Parameters
    ----------
    hosts : collection of str, optional
        Names that requests may be addressed to, besides loopback's. Default: any.
    origins : collection of str, default none
        Sites whose pages may call, e.g. ``"https://nieuws.example"``; ``"*"`` is all.

    Examples
    --------
    >>> from starlette.datastructures import Headers
    >>> Sites(hosts=["rubriek.example"]).check("POST", Headers({"host": "rubriek.example"}))
    """

    def __init__(self, hosts: Collection[str] | None = None, origins: Collection[str] = ()) -> None:
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        self._origins = frozenset(origins)

    def check(self, method: str, headers: Headers) -> None:
        """Look at where a request is addressed to, and whose page sends it.

        Raises
        ------
        Problem
            421 if it is for another host, as after DNS rebinding; 403 if a page of another site sends
            a POST.
        """
        if not self._is_ours(headers.get("host")):
            raise Problem(
                421,
                "Misdirected",
                "This service does not answer to that host.",
                expected="a loopback address, or a host that the service was told of",
                found=repr(headers["host"][:50]),
                hint="rubriek serve --allowed-hosts NAME allows another",
            )
        if method == "POST" and not self._trusts(headers):
            raise Problem(
                403,
                "Forbidden",
                "Pages of other sites may not call this service.",
                found=f"the origin {headers['origin'][:50]!r}",
                hint="rubriek serve --origin URL allows a site",
            )

    def _is_ours(self, host: str | None) -> bool:
        if self._hosts is None or host is None:  # browsers always name a host
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._hosts or is_loopback(name)

    def _trusts(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or not self._origins.isdisjoint((origin, "*")):
            return True
        # Behind a proxy that changes Host, only the browser knows whether the page is the service's own.
        if (site := headers.get("sec-fetch-site")) is not None:
            return site in ("same-origin", "none")
        return origin.partition("://")[2] == headers.get("host")


def is_loopback(host: str) -> bool:
    """Say whether a host name or address means this machine.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1"), is_loopback("evil.example")
    (True, True, True, False)
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
