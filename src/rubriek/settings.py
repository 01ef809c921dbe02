"""What the machine and the environment allow: cores, the cache's place, whether the network may be used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
    """Return the folder that holds imported and downloaded models.

    ``RUBRIEK_CACHE`` where it is set, else ``rubriek`` in the user's cache folder. It need not exist.

    Examples
    --------
    >>> cache_folder().is_absolute()
    True
    """
    if named := os.environ.get("RUBRIEK_CACHE"):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "rubriek"


def offline() -> bool:
    """Tell whether ``RUBRIEK_OFFLINE`` forbids every use of the network."""
    return os.environ.get("RUBRIEK_OFFLINE", "").strip().lower() in TRUE_WORDS
