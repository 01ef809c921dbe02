"""Fetches a file: goes on where it was, tries again, checks the room first and the content last."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import logging
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Literal

from rubriek import settings, strict_json
from rubriek.errors import CacheError, DownloadError, RubriekError
from rubriek.hub.progress import watcher
from rubriek.hub.transfers import InterruptedTransferError, Opened, opened
from rubriek.paths import open_below

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds before the second try, and most before a later one; doubled in between."""
LONGEST_ASKED = 300.0
"""Most seconds that a server may ask to wait."""
MAX_BYTES = 64 * 2**30
MAX_TRIES = 1_000
MIN_PROGRESS = 64 * 2**10
"""Bytes that a try must bring so that the failed ones are counted anew, and that a server must send in
`MAX_SECONDS_WITHOUT_PROGRESS`: a server that sends a byte now and then would hold a process for ever."""
MAX_SECONDS_WITHOUT_PROGRESS = 120.0
SPARE = 64 * 2**20
"""Bytes of the disk that a download leaves free."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was fetched.

    Attributes
    ----------
    bytes : int
        Its size.
    sha256 : str
        Its checksum.
    tag : str or None
        The server's name for this content.
    resumed : bool
        Whether a part of it was there from an earlier try.
    """

    bytes: int
    sha256: str
    tag: str | None
    resumed: bool


def download(
    address: str,
    file: Path,
    *,
    what: str = "",
    md5: str = "",
    times_room: int = 1,
    known: str | None = None,
    retries: int | None = None,
    folder: Path | None = None,
    limit: int = MAX_BYTES,
) -> Downloaded | None:
    """Fetch a file.

    Until it is whole, a note beside it says what it is a part of, so that the next call goes on where this
    one was, however it ended.

    Parameters
    ----------
    address : str
        See `rubriek.hub.transfers.opened`.
    file : Path
        Where to write it. One process at a time may.
    what : str, optional
        What to call it while it is fetched. Default: the last part of the address.
    md5 : str, optional
        What it must have, in hexadecimal.
    times_room : int, default 1
        How often its size must be free on the disk; 2 where it is unpacked later.
    known : str, optional
        A tag; if the file still has it, nothing is fetched.
    retries : int, optional
        How often in a row to try again. Default: `rubriek.settings.network_retries`.
    folder : Path, optional
        The folder that the file must lie in, where a server has named it. Default: its own.
    limit : int, default 64 GiB
        Most bytes; of a file that is larger nothing is kept.

    Returns
    -------
    Downloaded or None
        None if the file is the one known.

    Raises
    ------
    ModelNotFoundError
        If there is no such file.
    DownloadError
        If it cannot be fetched. What has arrived is kept.
    CacheError
        If there is no room for it, or it cannot be written.
    """
    told = watcher()
    first = before = _size(file)
    failures = 0
    tag: str | None = None
    most = settings.network_retries() if retries is None else retries
    try:
        for tries in itertools.count(1):
            try:
                with _asked(address, file, known) as answer:
                    if answer is None:
                        return None
                    tag = answer.tag
                    _check_size(address, file, answer.total or 0, limit)
                    _check_room(address, file, answer, times_room)
                    with _writing(address, file, folder or file.parent, answer) as stream:
                        _write(address, stream, answer, what or address.rpartition("/")[2], limit)
                _check_size(address, file, _size(file), limit)
                break
            except InterruptedTransferError as error:
                failures = 0 if _size(file) >= before + MIN_PROGRESS else failures + 1
                before = _size(file)
                if error.restart:
                    _forget(file)
                _wait(error, failures, most if tries < MAX_TRIES else -1)
    except RubriekError:
        raise
    except OSError as error:
        raise unwritable(file.parent, error) from error
    finally:
        told.ended()
    sha256 = checked(address, file, md5)
    _note(file).unlink(missing_ok=True)
    return Downloaded(_size(file), sha256, tag, resumed=first > 0)


def _asked(address: str, file: Path, known: str | None) -> AbstractContextManager[Opened | None]:
    """Open a file from where the part on the disk ends."""
    tag, total = _part(address, file)
    if tag is None:
        _forget(file)
    elif _size(file) == total:  # whole, and the process was killed before it could check it
        return contextlib.nullcontext(Opened(iter(()), total, total, tag))
    return opened(address, start=_size(file), tag=tag, known=known)


@contextlib.contextmanager
def _writing(address: str, file: Path, folder: Path, answer: Opened) -> Iterator[BinaryIO]:
    """Open a file to write an answer to its end, and note beside it what it is a part of."""
    if answer.start not in (0, _size(file)):
        restart = InterruptedTransferError(f"{address} sends another part than was asked for.")
        restart.restart = True
        raise restart
    name = file.relative_to(folder).as_posix()
    mode: Literal["ab", "wb"] = "ab" if answer.start else "wb"
    with open_below(folder, name, mode, error=DownloadError, where=address) as stream:
        # Before the first byte: a part without a note is thrown away, one with a wrong note would be kept.
        with replacing(_note(file)) as note:
            content = {"address": address, "tag": answer.tag, "total": answer.total}
            note.write_text(json.dumps(content), encoding="utf-8")
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def _write(address: str, stream: BinaryIO, answer: Opened, what: str, limit: int) -> None:
    told = watcher()
    done = counted = answer.start
    since = monotonic()
    told.started(what, answer.total, done)
    for chunk in answer.chunks:
        done += len(chunk)
        if answer.total is not None and done > answer.total:
            raise DownloadError(f"{address} is longer than it says.", found=f"more than {done - 1:,} bytes")
        stream.write(chunk)
        told.progressed(done)
        if done > limit:
            return
        if done >= counted + MIN_PROGRESS:
            counted, since = done, monotonic()
        elif monotonic() - since > MAX_SECONDS_WITHOUT_PROGRESS:
            raise InterruptedTransferError(
                f"{address} comes too slowly.",
                expected=f"{MIN_PROGRESS:,} bytes in {MAX_SECONDS_WITHOUT_PROGRESS:.0f} seconds",
                found=f"{done - counted:,}",
            )
    if answer.total is not None and done < answer.total:
        raise InterruptedTransferError(
            f"{address} ends too early.", expected=f"{answer.total:,} bytes", found=f"{done:,}"
        )


def _check_size(address: str, file: Path, size: int, limit: int) -> None:
    if size > limit:
        _forget(file)
        raise DownloadError(f"{address} is too large.", expected=f"at most {limit:,} bytes", found="more")


def _wait(error: InterruptedTransferError, failures: int, retries: int) -> None:
    """Wait before the next try, or give up."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, failures - 1)) * random.uniform(0.5, 1)
    if error.wait is not None:
        wait = max(wait, error.wait)
    if failures > retries or (error.wait or 0) > LONGEST_ASKED:
        asked = "" if error.wait is None else f", in {error.wait:.0f} seconds as the server asks"
        raise DownloadError(
            error.message,
            expected=error.expected,
            found=error.found,
            hint=f"try again{asked}; what has arrived is kept" + (f"; {error.hint}" if error.hint else ""),
        ) from error
    log.info("%s Trying again in %.1f s.", error.message, wait)
    time.sleep(wait)


def _check_room(address: str, file: Path, answer: Opened, times_room: int) -> None:
    if answer.total is not None:
        check_room(file.parent, answer.total * times_room - answer.start, address)


def check_room(folder: Path, needed: int, what: str) -> None:
    """Raise `CacheError` if a folder's disk has no room for some bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise CacheError(
            f"There is no room for {what} in {folder}.",
            expected=f"{needed + SPARE:,} bytes free",
            found=f"{free:,}",
            hint="rubriek models prune makes room; RUBRIEK_CACHE names a folder on another disk",
        )


def unwritable(folder: Path, error: OSError) -> CacheError:
    """Make the error that says that a folder of the cache cannot be written."""
    if error.errno in FULL:
        return CacheError(
            f"{folder} takes no more.",
            found=error.strerror or str(error),
            hint="make room, for instance with rubriek models prune, and try again; what has arrived is kept",
        )
    return CacheError(
        f"{folder} cannot be written.",
        found=error.strerror or str(error),
        hint="let RUBRIEK_CACHE name a folder that you may write to; followed by "
        f"{os.pathsep!r} and this one, the models that are here are still found",
    )


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a temporary name for a small file that takes the place of ``file`` when the block ends."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def checked(address: str, file: Path, md5: str) -> str:
    """Return the SHA-256 of a file that came from an address, and compare its MD5 where one is given.

    Raises
    ------
    DownloadError
        If it differs; a download is removed then.
    """
    digests = [hashlib.sha256(), hashlib.md5(usedforsecurity=False)]
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            for digest in digests:
                digest.update(block)
    found = digests[1].hexdigest()
    if md5 and found != md5.lower():
        if not address.startswith("file://"):
            _forget(file)
        raise DownloadError(
            f"What {address} gives is damaged.",
            expected=f"MD5 {md5.lower()}",
            found=f"MD5 {found}",
            hint="try again; if it stays so, the file or the catalogue of the hub is wrong",
        )
    return digests[0].hexdigest()


def _note(file: Path) -> Path:
    return file.with_name(f".{file.name}.note")


def _part(address: str, file: Path) -> tuple[str | None, int | None]:
    """Return the tag under which the part on the disk can be continued, and the whole size; else None."""
    try:
        note = strict_json.parse(_note(file).read_bytes())
        tag, total = (note["tag"], note["total"]) if note["address"] == address else (None, None)
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    return tag if isinstance(tag, str) else None, total if isinstance(total, int) else None


def _forget(file: Path) -> None:
    file.unlink(missing_ok=True)
    _note(file).unlink(missing_ok=True)


def is_whole(file: Path, size: int) -> bool:
    """Tell whether an earlier call has fetched a file of that size to its end."""
    return file.is_file() and _size(file) == size and not _note(file).exists()


def _size(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0
