"""The API under load: pages of large lists, events to many, hostile requests, and a full machine.

    python -m benchmarks.api [--part pages|events|live|fuzz] [--cases N] [--seconds S]

`fuzz` has schemathesis (through `uv tool run`) try every operation with every check, as an
operator, a supervisor and an admin. Writes results/api-<part>.json.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from benchmarks import api_fuzz, api_live, api_pages
from benchmarks.report import Report
from lfrd.vocabulary import Role

PARTS = {
    "pages": api_pages.measure_pages,
    "events": api_pages.measure_events,
    "live": api_live.measure,
    "fuzz": api_fuzz.measure,
}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--part", choices=PARTS, action="append")
    options.add_argument("--cases", type=int, default=5_000, help="of schemathesis, at least")
    options.add_argument("--role", type=Role, choices=list(Role), action="append")
    options.add_argument("--keep", type=Path, help="a folder for what schemathesis writes")
    options.add_argument("--read", type=Path, help="read such a folder again, and run nothing")
    options.add_argument("--seconds", type=float, default=40.0, help="of live cameras")
    options.add_argument("--rows", type=int, default=1_000_000, help="episodes of the pages")
    chosen = options.parse_args()
    missed = 0
    for name in chosen.part or PARTS:
        report = Report(f"api-{name}")
        asyncio.run(PARTS[name](report, chosen))
        missed |= report.finish()
    return missed


if __name__ == "__main__":
    sys.exit(main())
