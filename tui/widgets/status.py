"""The lines that come and go: the daemon is away, what can be undone, what just happened."""

from textual.content import Content

from lfrd.wire.alerts import Alert
from tui.labels import UNDO_WINDOW_S, clock_text, cut, decision_mark, undo_left_s

BAR_CELLS = 20
NAME_CELLS = 20
"""Of a longer reference the rest is cut off, and not the key that undoes."""


def away_content(since_s: float, *, anything_read: bool) -> Content:
    """Since when the daemon does not answer; and that what is on the screen is as old."""
    old = "what you see is from before" if anything_read else "is it running? lfrd run starts one"
    return Content(f"✗ daemon away since {clock_text(since_s)}, retrying · {old}")


def pending_content(pending: tuple[Alert, ...], now_s: float) -> Content:
    """The latest decision that can still be undone, with the seconds that are left."""
    if not pending or pending[0].my_review is None:
        return Content()
    alert, review = pending[0], pending[0].my_review
    left_s = undo_left_s(alert, now_s)
    full = round(BAR_CELLS * left_s / UNDO_WINDOW_S)
    more = f" · {len(pending) - 1} more" if len(pending) > 1 else ""
    return Content.assemble(
        (f"◷ {decision_mark(review.decision).word}", "bold $decided"),
        f" on {cut(alert.reference, NAME_CELLS)} · final in {left_s:2.0f} s ",
        ("━" * full, "$decided"),
        ("━" * (BAR_CELLS - full), "$frame"),
        ("  z", "bold $primary"),
        (f" undoes it{more}", "$quiet"),
    )
