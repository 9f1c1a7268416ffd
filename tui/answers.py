"""What a terminal says of itself too late, when the screen's library reads the keys already: it is
left out, or it would be typed into a field."""

import re
from collections.abc import Callable, Iterable
from time import monotonic

from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

DUE_S = 30.0
"""For so long after the start an answer may still come."""
KEY_S, PIECE_S = 0.05, 2.0
"""What may be a key with Alt or the beginning of an answer waits for so long; what is more than a
key, for so long."""
KEY_CHARACTERS = 2
LONGEST = 1024

WHOLE = re.compile(
    r"\x1b[P_\]X^][^\x1b\x07]*(?:\x1b\\|\x07)"  # a string: name and version, graphics
    r"|\x1b\[[?>=][\d;:]*[a-zA-Z]"  # what it is, and which keys it tells apart
    r"|\x1b\[[4689];[\d;]*t"  # pixels of a cell or of the window
)
BEGUN = re.compile(r"\x1b(?:[P_\]X^][^\x1b\x07]*\x1b?|\[[?>=]?[\d;:]*)?\Z")


class Answers:
    """Takes answers out of what is read; what may be the beginning of one waits for the rest."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._until_s = now() + DUE_S
        self._held, self._held_since_s = "", 0.0

    def typed(self, data: str) -> str:
        """What of it are keys."""
        if not self._held and self._now() > self._until_s:
            return data
        rest = WHOLE.sub("", self._held + data)
        begun = BEGUN.search(rest)
        self._held = "" if begun is None or len(begun.group()) > LONGEST else begun.group()
        self._held_since_s = self._now()
        return rest[: len(rest) - len(self._held)]

    def given_up(self) -> str:
        """The key that waited for long enough; an answer that did is dropped."""
        is_key = len(self._held) <= KEY_CHARACTERS
        if not self._held or self._now() < self._held_since_s + (KEY_S if is_key else PIECE_S):
            return ""
        keys, self._held = self._held, ""
        return keys if is_key else ""


class _Parser(XTermParser):
    """The library's, behind them."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._answers = Answers()

    def feed(self, data: str) -> Iterable[Message]:
        typed = self._answers.typed(data) if data else data
        return super().feed(typed) if typed or not data else ()

    def tick(self) -> Iterable[Message]:
        keys = self._answers.given_up()
        if keys:
            yield from super().feed(keys)
        yield from super().tick()


def leave_out_late_answers() -> None:
    """From now on, in this process: before the screen is opened."""
    setattr(linux_driver, "XTermParser", _Parser)  # noqa: B010
