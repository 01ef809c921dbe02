"""Files and folders of buckets, through fsspec: ``s3://`` and ``gs://``.

Credentials, regions and endpoints are those that s3fs and gcsfs find in the environment. Without any, the
bucket is read as a public one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from rubriek import settings
from rubriek.errors import DownloadError, RubriekError, need
from rubriek.hub.transfers import CHUNK, InterruptedTransferError, Opened, not_there

if TYPE_CHECKING:
    import fsspec

T = TypeVar("T")

PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs")}
"""Scheme: the package that reads it and the extra that brings it."""


@contextmanager
def opened(address: str, *, start: int, tag: str | None, known: str | None) -> Iterator[Opened | None]:
    """Open a file of a bucket. See `rubriek.hub.transfers.opened`."""
    system = file_system(address)
    facts = _asked(address, lambda: system.info(address))
    if facts.get("type") == "directory":
        raise not_there(address, "a folder")
    now = _tag(facts)
    if known and now == known:
        yield None
        return
    size = int(facts["size"])
    begin = start if tag and tag == now and start <= size else 0
    stream = _asked(address, lambda: system.open(address, "rb", block_size=4 * CHUNK, cache_type="none"))
    try:
        stream.seek(begin)
        yield Opened(_chunks(address, stream), begin, size, now)
    finally:
        stream.close()


def _chunks(address: str, stream: Any) -> Iterator[bytes]:
    while block := _asked(address, lambda: stream.read(4 * CHUNK)):
        yield block


def listed(address: str) -> dict[str, int]:
    """List the files below a folder of a bucket, and their sizes.

    Returns
    -------
    dict of str to int
        Bytes by path, relative to the folder.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    """
    system = file_system(address)
    root = str(system._strip_protocol(address)).rstrip("/") + "/"
    found = _asked(address, lambda: system.find(address, detail=True))
    sizes = {
        name.removeprefix(root): int(facts["size"])
        for name, facts in found.items()
        if name.startswith(root) and not name.endswith("/")
    }
    if not sizes:
        raise not_there(address, "no file below it")
    return sizes


def file_system(address: str) -> fsspec.AbstractFileSystem:
    """Return what reads and writes an address.

    Raises
    ------
    DownloadError
        If its scheme is none that rubriek knows.
    MissingExtraError
        If the package for it is not installed.
    """
    scheme = address.partition("://")[0]
    if scheme not in PACKAGES:
        raise DownloadError(
            f"There is no way to fetch {address}.",
            expected="http://, https://, s3://, gs:// or file://",
            found=f"{scheme}://",
        )
    package, extra = PACKAGES[scheme]
    need(package, extra=extra, purpose=f"Reading {scheme}://")
    import fsspec

    return _asked(address, lambda: fsspec.filesystem(scheme, **_options(scheme)))


def _options(scheme: str) -> dict[str, Any]:
    seconds = settings.network_timeout()
    if scheme == "s3":
        import botocore.session

        session = botocore.session.get_session()
        # Our own attempts are counted and waited for; s3fs's would come on top of them.
        return {
            "anon": session.get_credentials() is None,
            "config_kwargs": {
                "connect_timeout": seconds,
                "read_timeout": seconds,
                "retries": {"max_attempts": 0},
            },
            "skip_instance_cache": True,
            "use_listings_cache": False,
        }
    return {"skip_instance_cache": True, "use_listings_cache": False, "requests_timeout": seconds}


def _asked(address: str, ask: Callable[[], T]) -> T:
    """Ask a bucket; the packages behind fsspec raise errors of many kinds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of those packages, about themselves
            return ask()
    except RubriekError:
        raise
    except (FileNotFoundError, PermissionError) as error:
        raise not_there(address, _said(error)) from error
    except Exception as error:
        raise InterruptedTransferError(
            f"{address} cannot be read.",
            found=_said(error),
            hint="check the credentials, the region and the endpoint",
        ) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _tag(facts: dict[str, Any]) -> str | None:
    for key in ("ETag", "etag", "generation", "LastModified", "mtime"):
        if facts.get(key):
            return str(facts[key])
    return None
