"""What the machine and the environment allow: cores, the cache's place, whether the network may be used."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

from rubriek.errors import OptionError

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})


def usable_cores(root: Path = Path("/")) -> int:
    """Count the cores this process may really use.

    The smaller of the affinity mask and the cgroup CPU quota (v2 ``cpu.max``, v1 ``cpu.cfs_quota_us``; the
    tightest of the group and its parents), rounded down, at least 1.

    Parameters
    ----------
    root : Path, default ``Path("/")``
        Where ``proc`` and ``sys`` are mounted; another one is for tests.

    Returns
    -------
    int
        The number of cores.

    Examples
    --------
    >>> usable_cores() >= 1
    True
    """
    cores = float(affinity_cores())
    quota = quota_cores(root)
    return max(1, int(min(cores, quota) if quota is not None else cores))


def affinity_cores() -> int:
    """Count the cores of the affinity mask, or of the machine where there is no such mask."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota_cores(root: Path = Path("/")) -> float | None:
    """Read the cgroup CPU quota in cores; ``None`` where none is set.

    The files are described in the Linux kernel's ``Documentation/admin-guide/cgroup-v2.rst`` (``cpu.max``)
    and ``Documentation/scheduler/sched-bwc.rst`` (``cpu.cfs_quota_us``).
    """
    quotas = [quota for folder in _cgroup_folders(root) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def _cgroup_folders(root: Path) -> list[Path]:
    """List the folders that may limit this process: its group in each hierarchy, and every parent."""
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders: list[Path] = []
    for line in lines:
        _, _, controllers_and_path = line.partition(":")
        controllers, _, path = controllers_and_path.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = mount / "cpu" if controllers else mount
        # Inside a container the path may name a group of the host that is not mounted; the mount's own root
        # then carries the limit, so it is always looked at too.
        group = Path(path.lstrip("/"))
        folders += [base / parent for parent in (group, *group.parents)]
    return folders


def _quota_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None  # no limit ("max"), no such controller, or not readable
    return cores if cores > 0 else None


def cache_folder() -> Path:
    """Return the folder that imported and downloaded models are written to: the first of `cache_folders`.

    Examples
    --------
    >>> cache_folder().is_absolute()
    True
    """
    return cache_folders()[0]


def cache_folders() -> list[Path]:
    """Return the folders that may hold models; they need not exist.

    ``RUBRIEK_CACHE`` where it is set, else ``rubriek`` in the user's cache folder. Like ``PATH``,
    ``RUBRIEK_CACHE`` may name several folders: the first is written to, the others are only read, such as a
    folder that users share or that is mounted into a container.

    Returns
    -------
    list of Path
        At least one.
    """
    named = [part for part in os.environ.get("RUBRIEK_CACHE", "").split(os.pathsep) if part]
    if named:
        return [Path(part).expanduser().absolute() for part in named]
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return [Path(base).expanduser().absolute() / "rubriek"]


def network_timeout() -> float:
    """Return for how many seconds a server may be silent: ``RUBRIEK_TIMEOUT``, default 30."""
    return _number("RUBRIEK_TIMEOUT", 30.0, least=0.01)


def network_retries() -> int:
    """Return how often in a row a transfer is tried again: ``RUBRIEK_RETRIES``, default 4.

    An attempt that brought a part of the file starts the count anew.
    """
    return int(_number("RUBRIEK_RETRIES", 4, least=0))


def _number(name: str, default: float, *, least: float) -> float:
    text = os.environ.get(name, "").strip()
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        raise OptionError(
            f"{name} is not usable.", expected=f"a number of at least {least:g}", found=repr(text)
        )
    return value


def offline() -> bool:
    """Tell whether ``RUBRIEK_OFFLINE`` forbids every use of the network."""
    return os.environ.get("RUBRIEK_OFFLINE", "").strip().lower() in TRUE_WORDS
