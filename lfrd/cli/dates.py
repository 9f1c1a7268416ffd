"""Dates as they are typed on the command line."""

import argparse
from datetime import UTC, datetime
from typing import Any

from lfrd.errors import BadInput
from lfrd.tables import parse_date


def ends(options: argparse.Namespace) -> dict[str, Any]:
    """The end that `--expires` gives; `never` takes it away. Empty where none was given."""
    if options.expires is None:
        return {}
    if options.expires.strip().lower() == "never":
        return {"expires_at_s": None}
    return {"expires_at_s": moment(options.expires)}


def moment(text: str) -> float:
    """Unix time of a date or date-time; without an offset it is UTC. Raises BadInput."""
    at_s = parse_date(text.strip())
    if at_s is None:
        raise BadInput("a date is empty; write one such as 2026-11-30 or 2026-11-30T18:00")
    return at_s


def shown(at_s: float, *, to_the_second: bool = False) -> str:
    """A moment for people."""
    form = "%Y-%m-%d %H:%M:%S" if to_the_second else "%Y-%m-%d %H:%M"
    return f"{datetime.fromtimestamp(at_s, UTC):{form}} UTC"
