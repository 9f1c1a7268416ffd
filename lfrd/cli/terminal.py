"""What a command writes for its user: each text passes `printable` on its way out.

Nothing else in the commands writes to standard output or standard error
(`tests/test_architecture.py`). All of it raises OutputClosed where the other end has gone.
"""

import argparse
import os
import sys
from typing import TextIO

from lfrd.errors import OutputClosed, UserError
from lfrd.text import one_line, printable

_CLEAR = "\r\x1b[K"
_COLOURS = {"green": 32, "yellow": 33, "red": 31}


def say(text: str) -> None:
    """A line, or several, on standard output: at once, since another program may read the other
    end."""
    _write(sys.stdout, printable(text) + "\n")


def say_bytes(data: bytes) -> None:
    """What a daemon answered, as it is; a terminal gets text alone, without what it obeys."""
    if sys.stdout.isatty():
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise UserError("this is no text: save it with --output FILE") from None
        _write(sys.stdout, printable(text))
        return
    sys.stdout.flush()
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _throw_away(sys.stdout)
        raise OutputClosed("nobody reads what is printed") from None


def say_state(word: str, colour: str, rest: str) -> None:
    """A line that begins with a word of a state: in a colour where a terminal shows it."""
    number = _COLOURS[colour]
    shown = (
        f"\x1b[{number}m{printable(word)}\x1b[0m" if _in_colours(sys.stdout) else printable(word)
    )
    _write(sys.stdout, shown + printable(rest) + "\n")


def _in_colours(stream: TextIO | None) -> bool:
    """On terminals alone, and not where its user wants none (https://no-color.org)."""
    return (
        stream is not None
        and stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )


def warn(text: str) -> None:
    """The same on standard error."""
    _write(sys.stderr, printable(text) + "\n")


def note(text: str) -> None:
    """One line for people, beside what a command prints."""
    _write(sys.stderr, f"lfrd: {one_line(text)}\n")


def ask(text: str) -> str:
    """A question on standard error; returns the answer's line."""
    _write(sys.stderr, printable(text) + " ")
    return sys.stdin.readline().strip()


def make_sure(options: argparse.Namespace, what: str) -> None:
    """Ask before `what` (a sentence) is done for good. Raises UserError unless told yes."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{what} This cannot be taken back: add --yes to do it without a question")
    if ask(f"{what} This cannot be taken back. Go on? [y/N]").lower() not in ("y", "yes"):
        raise UserError("nothing was done")


def redraw(text: str, stream: TextIO | None = None, *, last: bool = False) -> None:
    """One line that is written over and over, on standard error; empty clears it, the last stays.

    In a file each is a line of its own.
    """
    stream = stream or sys.stderr
    if stream is not None and stream.isatty():
        _write(stream, _CLEAR + one_line(text) + ("\n" if last else ""))
    else:
        _write(stream, one_line(text) + "\n")


def flush() -> None:
    """What the parser wrote by itself goes out now."""
    _write(sys.stdout, "")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed by the caller
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _throw_away(stream)
        raise OutputClosed("nobody reads what is printed") from None


def _throw_away(stream: TextIO) -> None:
    """What is still in the stream's buffer goes nowhere, instead of failing again at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
