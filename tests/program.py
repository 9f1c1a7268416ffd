"""Runs the program as a user would: `python -m lfrd` in a process of its own, bounded in time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 90.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of lfrd, plus `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LFRD_")}
    return kept | variables


def lfrd(*arguments: str | Path, **variables: str) -> Ran:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "lfrd", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def refused(ran: Ran, *words: str) -> None:
    """Exit code 2 and one clear sentence: no traceback, nothing on standard output."""
    assert ran.code == 2, (ran.code, ran.err)
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err, (word, ran.err)
