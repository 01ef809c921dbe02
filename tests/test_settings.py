from __future__ import annotations

from pathlib import Path

import pytest

from rubriek import settings


def mounted(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, content in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.mark.parametrize(
    ("cgroup", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2.0),
        ("0::/a/b\n", {"a/cpu.max": "400000 100000\n", "a/b/cpu.max": "300000 100000\n"}, 3.0),
        ("0::/not/mounted\n", {"cpu.max": "100000 100000\n"}, 1.0),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "250000", "cpu/x/cpu.cfs_period_us": "100000"},
            2.5,
        ),
        ("4:memory:/x\n", {"cpu/x/cpu.cfs_quota_us": "250000", "cpu/x/cpu.cfs_period_us": "100000"}, None),
        ("4:cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, None),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense\n"}, None),
        ("0::/\n", {}, None),
    ],
)
def test_the_tightest_cgroup_quota_counts(tmp_path, cgroup, files, quota):
    assert settings.quota_cores(mounted(tmp_path, cgroup, files)) == quota


def test_cores_are_the_smaller_of_quota_and_affinity_and_at_least_one(tmp_path):
    assert settings.usable_cores(mounted(tmp_path, "0::/\n", {"cpu.max": "50000 100000\n"})) == 1
    wide = mounted(tmp_path / "wide", "0::/\n", {"cpu.max": "99900000 100000\n"})
    assert settings.usable_cores(wide) == settings.affinity_cores()
    assert settings.usable_cores(tmp_path / "nothing here") == settings.affinity_cores()


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("RUBRIEK_CACHE", str(tmp_path))
    assert settings.cache_folder() == tmp_path
    monkeypatch.delenv("RUBRIEK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert settings.cache_folder() == tmp_path / "rubriek"


@pytest.mark.parametrize(("value", "answer"), [("1", True), ("TRUE", True), ("0", False), ("", False)])
def test_offline(monkeypatch, value, answer):
    monkeypatch.setenv("RUBRIEK_OFFLINE", value)
    assert settings.offline() is answer
