"""What the ways of fetching a file have in common: a file opened at a place, and what can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from rubriek import settings
from rubriek.errors import DownloadError, ModelNotFoundError, OfflineError

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A remote file, open for reading from some place on.

    Attributes
    ----------
    chunks : iterator of bytes
        Its content from `start` on.
    start : int
        Where that begins: the place asked for, or 0 where the file is another than before.
    total : int or None
        The bytes of the whole file, where the server tells.
    tag : str or None
        What changes when the content does; a transfer goes on only under the same one.
    kind : str
        The media type that the server states; it may be wrong.
    """

    chunks: Iterator[bytes]
    start: int
    total: int | None
    tag: str | None
    kind: str = ""


class InterruptedTransferError(DownloadError):
    """A transfer failed in a way that may pass. `wait`: seconds that the server asks to wait, if it does."""

    wait: float | None = None
    restart: bool = False


def opened(
    address: str, *, start: int = 0, tag: str | None = None, known: str | None = None
) -> AbstractContextManager[Opened | None]:
    """Open a remote file.

    Parameters
    ----------
    address : str
        ``http://``, ``https://``, ``s3://`` or ``gs://``.
    start : int, default 0
        From which byte on, if it is still the file with this ``tag``.
    tag : str, optional
        See `Opened`.
    known : str, optional
        A tag; if the file still has it, there is nothing to read.

    Returns
    -------
    context manager of Opened or None
        None if the file is the one known.

    Raises
    ------
    OfflineError
        If ``RUBRIEK_OFFLINE`` is set.
    ModelNotFoundError
        If there is no such file, or it may not be read.
    InterruptedTransferError
        If trying again may help.
    DownloadError
        If not.
    """
    if settings.offline():
        raise OfflineError(
            f"{address} would have to be fetched, and RUBRIEK_OFFLINE forbids it.",
            hint="unset RUBRIEK_OFFLINE, or fetch it elsewhere and bring the cache here",
        )
    if address.startswith(("http://", "https://")):
        from rubriek.hub import web

        return web.opened(address, start=start, tag=tag, known=known)
    from rubriek.hub import buckets

    return buckets.opened(address, start=start, tag=tag, known=known)


def not_there(address: str, found: str) -> ModelNotFoundError:
    """Make the error that says there is no such file."""
    return ModelNotFoundError(f"There is no file {address}, or it may not be read.", found=found)
