"""Where this installation of rubriek came from, and so the line that adds an extra to it."""

from __future__ import annotations

import shlex
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rubriek import strict_json


def install_line(extra: str) -> str:
    """Return the pip line that adds an extra.

    The line names what pip installed rubriek from: a clone, a wheel, a repository, or else the package index.

    Parameters
    ----------
    extra : str
        The extra, e.g. ``"models"``.

    Returns
    -------
    str

    Examples
    --------
    >>> install_line("models")  # doctest: +ELLIPSIS
    "pip install ...[models]'"
    """
    option, source = "", f"rubriek[{extra}]"
    match _direct_url():
        case {"url": str(url), "vcs_info": {"vcs": vcs, "commit_id": commit}}:
            source += f" @ {vcs}+{url}@{commit}"
        case {"url": str(url), **others} if path := _existing_path(url):
            source = f"{path}[{extra}]"
            option = "--editable " if others.get("dir_info") == {"editable": True} else ""
    return f"pip install {option}{shlex.quote(source)}"


def _direct_url() -> object:
    """Read what pip noted; it notes nothing for what comes from an index."""
    try:
        text = metadata.distribution("rubriek").read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # rubriek was only unpacked, as on Spark's workers
        return None
    try:
        return strict_json.parse(text or "null")
    except ValueError:
        return None


def _existing_path(url: str) -> Path | None:
    parts = urlsplit(url)
    path = Path(url2pathname(parts.path))
    return path if parts.scheme == "file" and path.exists() else None
