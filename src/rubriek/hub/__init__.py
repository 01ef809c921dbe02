"""Finds models by name, path or address; fetches and keeps them.

``references`` reads what was asked for, ``resolving`` finds it, ``hubs`` and ``catalogue`` know what a name
of a hub stands for, ``fetching`` and ``download`` bring it, ``cache`` keeps it, ``upkeep`` looks after that.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rubriek.hub.local import BUNDLED, installed
    from rubriek.hub.progress import Watcher, watching
    from rubriek.hub.resolving import find, resolve

__all__ = ["BUNDLED", "Watcher", "find", "installed", "resolve", "watching"]

_HOMES = {
    "BUNDLED": "local",
    "installed": "local",
    "Watcher": "progress",
    "watching": "progress",
    "find": "resolving",
    "resolve": "resolving",
}


def __getattr__(name: str) -> Any:
    # The command line needs `progress` at once and the rest, which loads numpy, only when a command does.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
