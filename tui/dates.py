"""Dates as they are typed into a form, in the local time of the machine."""

import re
from datetime import datetime, timedelta

from lfrd.errors import BadInput

_SPAN = re.compile(r"(\d{1,4})\s*([hdwm])")
_HOURS = {"h": 1, "d": 24, "w": 168, "m": 730}
DATE_HINT = "2026-12-31, or 30 d, 2 w, 12 h from now"
NEVER = ("never", "none")


def moment(text: str | None, now_s: float) -> float | None:
    """Unix time of a date, or of a span from now; None of nothing or `never`. A date without a time
    of day is its end. Raises BadInput."""
    typed = (text or "").strip().lower()
    if not typed or typed in NEVER:
        return None
    if span := _SPAN.fullmatch(typed):
        return now_s + int(span[1]) * _HOURS[span[2]] * 3600.0
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        raise BadInput(f"write the date as {DATE_HINT}") from None
    if len(typed) <= 10:
        at += timedelta(days=1, seconds=-1)
    return at.astimezone().timestamp()


def near_text(at_s: float, now_s: float) -> str:
    """`18:00` of today, `11-30 18:00` of this year, else the year too; local."""
    full, now = day_text(at_s), day_text(now_s)
    return full[11:] if full[:10] == now[:10] else full[5:] if full[:4] == now[:4] else full


def day_text(at_s: float) -> str:
    """`2026-11-30 18:00`, local."""
    return datetime.fromtimestamp(at_s).astimezone().strftime("%Y-%m-%d %H:%M")
