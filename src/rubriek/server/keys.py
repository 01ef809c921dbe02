"""API keys: read from a file, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from rubriek.errors import FileError

MIN_CHARACTERS = 16
MAX_BYTES = 1_000_000


class Keys:
    """The keys that open the service; with none, it is open to all that reach it.

    Only their SHA-256 is kept and compared, so that neither the time a comparison takes nor a dump of memory
    tells a key or its length.

    Parameters
    ----------
    keys : iterable of str
        The keys.

    Examples
    --------
    >>> keys = Keys(["een-lange-sleutel"])
    >>> keys.open_to("Bearer een-lange-sleutel"), keys.open_to("Bearer een-andere"), keys.open_to(None)
    (True, False, False)
    >>> Keys([]).open_to(None)
    True
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def open_to(self, authorization: str | None) -> bool:
        """Look at an ``Authorization`` header; all keys are compared, whichever fits."""
        if not self._digests:
            return True
        scheme, _, key = (authorization or "").partition(" ")
        given = _digest(key.strip())
        fits = [hmac.compare_digest(given, digest) for digest in self._digests]
        return scheme.lower() == "bearer" and any(fits)

    @classmethod
    def read(cls, file: Path) -> Keys:
        """Read a file with a key on each line; empty lines and those that begin with # are left out.

        Raises
        ------
        FileError
            If it cannot be read, holds no key, or one that is too short to be a secret or that no header can
            carry.
        """
        try:
            if file.stat().st_size > MAX_BYTES:
                raise FileError(
                    f"{file} is too large for a file of keys.", expected=f"at most {MAX_BYTES} bytes"
                )
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"The file of keys cannot be read: {file}.", found=str(error)) from error
        keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        short = any(len(key) < MIN_CHARACTERS for key in keys)
        # No header carries other characters, so such a key would open nothing.
        unsendable = any(not (key.isascii() and key.isprintable()) for key in keys)
        if not keys or short or unsendable:
            bad = "a key that is too short" if short else "a key that is not ASCII"
            raise FileError(
                f"{file} holds {bad if keys else 'no keys'}.",
                expected=f"keys of at least {MIN_CHARACTERS} printable ASCII characters, one on each line",
                hint="python -c 'import secrets; print(secrets.token_urlsafe())' makes one",
            )
        return cls(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
