"""Measured figures beside their bars: printed, written as JSON, and an exit code."""

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"

_VERSIONS_OF = (
    "lfrd", "numpy", "onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "av",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `at_least` or `at_most` is its bar, neither makes it context only."""

    name: str
    measured: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool:
        low = self.at_least is None or self.measured >= self.at_least
        return low and (self.at_most is None or self.measured <= self.at_most)

    def line(self) -> str:
        """The figure as one line of the table."""
        bar = ""
        if self.at_least is not None:
            bar = f">= {self.at_least:g}"
        if self.at_most is not None:
            bar = f"{bar} <= {self.at_most:g}".strip()
        verdict = "" if not bar else "ok" if self.passed else "MISSED"
        measured = f"{self.measured:g} {self.unit}".strip()
        return f"{self.name:<44} {measured:>14}  {bar:<16} {verdict:<7}{self.note}".rstrip()


@dataclass(slots=True)
class Report:
    """Collects the figures of one benchmark; `models` holds digests by name."""

    benchmark: str
    models: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)

    def add(self, *figures: Figure) -> None:
        """Take figures in and print them at once."""
        for figure in figures:
            print(figure.line(), flush=True)
            self.figures.append(figure)

    def finish(self, *, keep: bool = True) -> int:
        """Write `results/<benchmark>.json`; the exit code is 1 if a bar was missed.

        Without `keep` nothing is written: a partial run must not replace a whole one's results.
        """
        if not keep:
            return 0 if all(figure.passed for figure in self.figures) else 1
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.benchmark}.json"
        passed = all(figure.passed for figure in self.figures)
        content = {
            "benchmark": self.benchmark,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "versions": versions(),
            "models": self.models,
            "passed": passed,
            "figures": [asdict(figure) | {"passed": figure.passed} for figure in self.figures],
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        print(f"{'all bars reached' if passed else 'A BAR WAS MISSED'}; written to {path}")
        return 0 if passed else 1


def machine() -> dict[str, str | int]:
    """What the figures were measured on; no host name."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
    }


def versions() -> dict[str, str]:
    """Versions of Python, of the packages that matter, and of the working tree."""
    found = {"python": platform.python_version()}
    for package in _VERSIONS_OF:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    found["commit"] = _commit()
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(
            command, cwd=RESULTS.parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # not a clone
    return done.stdout.strip()
