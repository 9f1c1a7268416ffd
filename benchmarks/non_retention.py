"""Nobody off the list leaves a trace: a witness reads the daemon's memory and files.

python -m benchmarks.non_retention [--clip FILE]
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

# Read when numpy is loaded: on a busy machine two threads of its library wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.report import Figure, Report

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # the witness is the tests' own

from support.retention_trial import Trial, run_trial  # noqa: E402 - found by the line above

MEDIA = Path(os.environ.get("LFRD_SHARED", ROOT.parent / "shared")) / "media" / "crowd"


def main() -> int:
    """Print the figures; exit code 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, default=MEDIA / "video.mp4")
    options = parser.parse_args()
    report = Report("non_retention")
    report.add(*asyncio.run(figures_of(options.clip)))
    return report.finish()


async def figures_of(clip: Path) -> list[Figure]:
    """Watch a clip for people who are not in it, and count what is left of those who are."""
    return _figures(await run_trial(clip, sorted(MEDIA.glob("*_*.jpg"))))


def _figures(trial: Trial) -> list[Figure]:
    summary = trial.summary
    return [
        Figure("faces looked for", trial.faces, "faces", at_least=1),
        Figure("templates made by the daemon", summary.templates_made, at_least=1),
        Figure("templates not destroyed", summary.templates_made - summary.templates_destroyed,
               at_most=0),
        Figure("memory during the deployment (control)", trial.during.total, "hits", at_least=1,
               note=f" {trial.during.crops} of crops, {trial.during.templates} of templates"),
        Figure("memory after it", trial.after.total, "hits", at_most=0,
               note=f" {trial.after.read_bytes / 1e6:.0f} MB read"),
        Figure("state and temporary files", trial.files.total, "hits", at_most=0,
               note=f" {trial.files.read_bytes / 1e6:.0f} MB read"),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
