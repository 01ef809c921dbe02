"""Finds models by name, path or address; fetches and keeps them.

``references`` reads what was asked for, ``resolving`` finds it, ``hubs`` and ``catalogue`` know what a name
of a hub stands for, ``fetching`` and ``download`` bring it, ``cache`` keeps it.
"""

from __future__ import annotations

from rubriek.hub.local import BUNDLED, installed
from rubriek.hub.progress import Watcher, watching
from rubriek.hub.resolving import find, resolve

__all__ = ["BUNDLED", "Watcher", "find", "installed", "resolve", "watching"]
