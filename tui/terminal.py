"""The terminal that the operator's screen is drawn on: nothing of a face may go anywhere else."""

import os
import select
import sys

from lfrd.errors import UserError

_KEPT = frozenset(
    f"TEXTUAL_{name}"
    for name in ("ANIMATIONS", "COLOR_SYSTEM", "DIM_FACTOR", "DISABLE_KITTY_KEY", "FPS",
                 "SMOOTH_SCROLL")
)  # fmt: skip
"""How it looks. The others have the screen's library write pictures of it or a log to a file, draw
on something else, or answer to a debugger."""


def require_terminal() -> None:
    """Raises UserError where anything that is read or drawn on is no terminal. Call it before the
    screen's library is imported, which reads its variables then; it draws on standard error."""
    streams = (
        ("standard input", sys.__stdin__),
        ("standard output", sys.__stdout__),
        ("standard error", sys.__stderr__),
    )
    others = [name for name, stream in streams if stream is None or not stream.isatty()]
    if others:
        raise UserError(
            "the operator's screen shows faces, so it is drawn on a terminal and nowhere else: "
            f"run it in one without redirecting {' or '.join(others)}"
        )
    for name in [name for name in os.environ if name.startswith("TEXTUAL")]:
        if name not in _KEPT:
            del os.environ[name]


def is_gone() -> bool:
    """Whether standard input has no other end any more: its window was closed, and no
    signal told of it (a program without a controlling terminal, `nohup`)."""
    if sys.__stdin__ is None:
        return False
    try:
        poll = select.poll()
        poll.register(sys.__stdin__.fileno(), select.POLLHUP)
        return any(flags & (select.POLLHUP | select.POLLNVAL) for _, flags in poll.poll(0))
    except (ValueError, OSError):  # closed, or not a file: in tests
        return False
