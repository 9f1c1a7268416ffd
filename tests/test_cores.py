"""Threads follow what the process may use, not what the host has."""

import os
from pathlib import Path

import pytest

from lfrd.process import usable_cores

ALLOWED = len(os.sched_getaffinity(0))


def _cgroup(tmp_path: Path, **limits: str) -> tuple[Path, Path]:
    """A tree /slice/unit with the given cpu.max files, and the file that says we are in unit."""
    unit = tmp_path / "fs" / "slice" / "unit"
    unit.mkdir(parents=True)
    folders = {"root": tmp_path / "fs", "slice": unit.parent, "unit": unit}
    for name, text in limits.items():
        (folders[name] / "cpu.max").write_text(text)
    own = tmp_path / "cgroup"
    own.write_text("0::/slice/unit\n")
    return tmp_path / "fs", own


def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(*_cgroup(tmp_path)) == ALLOWED
    assert usable_cores(tmp_path / "none", tmp_path / "nothing") == ALLOWED


@pytest.mark.parametrize(
    ("limits", "cores"),
    [
        ({"unit": "50000 100000"}, 1),
        ({"unit": "max 100000", "slice": "100000 100000"}, 1),
        ({"unit": "max 100000"}, ALLOWED),
        ({"unit": f"{ALLOWED * 10}00000 100000"}, ALLOWED),
        ({"unit": "nonsense"}, ALLOWED),
    ],
)
def test_the_tightest_quota_counts(tmp_path: Path, limits: dict[str, str], cores: int) -> None:
    assert usable_cores(*_cgroup(tmp_path, **limits)) == cores
