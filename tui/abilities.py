"""What the terminal can draw: pixels, or which glyphs and how many colours.

It is asked once, before the screen's library owns it: its name and version, whether it takes kitty
or sixel graphics, how large a cell is. What it does not answer within `ANSWER_S` is presumed from
the environment, and never more than that. A terminal that lies is overruled by `--pictures`.
"""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from lfrd.errors import UserError

ANSWER_S = 0.4
"""An answer takes a round trip, over a slow line too; a terminal that gives none is rare."""
PIECES_S = 1.2
"""For so long one is waited for that comes in pieces."""
ANSWER_MAX = 4096
"""Bytes; what gives more is no answer."""
ASKED = "\x1b[>q\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c"
"""Name and version; kitty graphics; pixels of a cell; what it is, which every terminal answers."""
LAST_ANSWER = re.compile(r"\x1b\[\?([\d;]*)c")


class Glyphs(StrEnum):
    """What a cell can be parted into, by what the terminal's font has."""

    OCTANTS = "octants"
    SEXTANTS = "sextants"
    QUADRANTS = "quadrants"
    HALVES = "halves"
    SPACES = "spaces"


class Colours(StrEnum):
    """How many the terminal has."""

    TRUE = "16 million"
    PALETTE = "256"
    BASIC = "16"


DOTS = {
    Glyphs.OCTANTS: (2, 4),
    Glyphs.SEXTANTS: (2, 3),
    Glyphs.QUADRANTS: (2, 2),
    Glyphs.HALVES: (1, 2),
    Glyphs.SPACES: (1, 1),
}
"""Dots of a cell, across and down."""


class Pixels(StrEnum):
    """How a terminal takes pictures as pixels."""

    KITTY = "kitty"
    SIXEL = "sixel"


CHOICES = ("auto", *Pixels, *Glyphs)
"""What `--pictures` takes."""

OCTANTS_SINCE = {"kitty": (0, 40), "foot": (1, 20), "ghostty": (1, 2), "VTE": (8000,)}
SEXTANTS_SINCE = {"kitty": (0, 18), "foot": (1, 4), "ghostty": (1, 0), "VTE": (6200,),
                  "WezTerm": (2021,), "Konsole": (22, 12), "iTerm2": (3, 5), "alacritty": (0, 14),
                  "contour": (0, 2), "mintty": (3, 5), "Rio": (0, 1)}  # fmt: skip
"""Who draws these glyphs itself, so that no font is needed that has them."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """How pictures are drawn here. `cell_aspect` is a cell's height over its width."""

    glyphs: Glyphs = Glyphs.QUADRANTS
    pixels: Pixels | None = None
    cell_aspect: float = 2.0
    answer_is_due: bool = False
    """The terminal was asked and has not answered to the end: that may still come, as if typed."""

    @property
    def words(self) -> str:
        """For people: how faces are drawn."""
        return f"{self.pixels} graphics" if self.pixels else f"{self.glyphs} in cells"


def abilities(choice: str = "auto") -> Abilities:
    """Ask the terminal; a `choice` other than `auto` is obeyed. Raises UserError for no choice."""
    if choice not in CHOICES:
        raise UserError(f"--pictures takes {', '.join(CHOICES)}, and not {choice}")
    answer = _ask()
    found = judged(answer or "", os.environ, _encoding())
    due = answer is not None and LAST_ANSWER.search(answer) is None
    found = replace(found, answer_is_due=due)
    if choice in tuple(Pixels):
        return replace(found, pixels=Pixels(choice))
    if choice != "auto":
        return replace(found, pixels=None, glyphs=Glyphs(choice))
    return found


def judged(answer: str, env: Mapping[str, str], encoding: str) -> Abilities:
    """What an answer to `ASKED` means, beside the environment and the encoding of the terminal."""
    named = re.search(r"\x1bP>\|([^\x1b]*)\x1b\\", answer)
    name = _behind_tmux(env) or (named.group(1) if named else "")
    multiplexed = "TMUX" in env or env.get("TERM", "").startswith(("screen", "tmux"))
    pixels = None
    if "\x1b_Gi=31;OK" in answer and not multiplexed and name.lower().startswith("kitty"):
        pixels = Pixels.KITTY  # others answer that they take them, and then not where text goes
    elif (last := LAST_ANSWER.search(answer)) is not None and "4" in last.group(1).split(";"):
        pixels = Pixels.SIXEL
    aspect = 2.0
    if (cell := re.search(r"\x1b\[6;(\d+);(\d+)t", answer)) is not None:
        height, width = int(cell.group(1)), int(cell.group(2))
        aspect = min(2.6, max(1.5, height / width)) if width and height else 2.0
    return Abilities(_glyphs(name or _from_environment(env), env, encoding), pixels, aspect)


def _glyphs(name: str, env: Mapping[str, str], encoding: str) -> Glyphs:
    if not _is_utf8(encoding):
        return Glyphs.SPACES
    if env.get("TERM") == "linux":
        return Glyphs.HALVES
    version = tuple(int(number) for number in re.findall(r"\d+", name)[:3])
    for glyphs, since in ((Glyphs.OCTANTS, OCTANTS_SINCE), (Glyphs.SEXTANTS, SEXTANTS_SINCE)):
        for terminal, first in since.items():
            if name.lower().startswith(terminal.lower()) and version >= first:
                return glyphs
    return Glyphs.QUADRANTS


def _from_environment(env: Mapping[str, str]) -> str:
    """Terminal and version as far as the environment tells."""
    if env.get("VTE_VERSION"):
        return f"VTE({env['VTE_VERSION']})"
    if env.get("KITTY_WINDOW_ID") or env.get("TERM") == "xterm-kitty":
        return "kitty(0.18)"
    program = env.get("TERM_PROGRAM", "")
    return f"{program} {env.get('TERM_PROGRAM_VERSION', '')}"


def _behind_tmux(env: Mapping[str, str]) -> str:
    """tmux answers for itself; it knows in which terminal it is."""
    if "TMUX" not in env:
        return ""
    asked = ["tmux", "display-message", "-p", "#{client_termtype}"]
    try:
        said = subprocess.run(asked, capture_output=True, timeout=1, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.decode("ascii", "replace").strip()


def encoding_of(env: Mapping[str, str], otherwise: str) -> str:
    """What the locale says that the terminal takes. Python itself writes UTF-8 in the locale C too,
    so its own encoding counts only where no locale is set."""
    locale = next((env[n] for n in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(n)), None)
    if locale is None:
        return otherwise
    plain = locale.lower().replace("-", "")
    return "utf-8" if "utf8" in plain else plain.partition(".")[2] or "ascii"


def takes_utf8() -> bool:
    """Whether the terminal can be written to in UTF-8."""
    return _is_utf8(_encoding())


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "") == "utf8"


def _encoding() -> str:
    return encoding_of(os.environ, getattr(sys.__stdout__, "encoding", None) or "ascii")


def _ask() -> str | None:
    """What the terminal answers, as far as it came; None where there is none to be asked."""
    stdin, stdout = sys.__stdin__, sys.__stdout__
    if stdin is None or stdout is None or not (stdin.isatty() and stdout.isatty()):
        return None
    if sys.platform == "win32":
        return None
    import termios
    import tty

    before = termios.tcgetattr(stdin)
    try:
        tty.setcbreak(stdin, termios.TCSANOW)
        os.write(stdout.fileno(), ASKED.encode())
        return _read_answer(stdin.fileno())
    except (OSError, termios.error):
        return None
    finally:
        termios.tcsetattr(stdin, termios.TCSANOW, before)


def _read_answer(descriptor: int) -> str:
    answer, began_s = "", time.monotonic()
    until_s = began_s + ANSWER_S
    while LAST_ANSWER.search(answer) is None and len(answer) < ANSWER_MAX:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
            break
        answer += os.read(descriptor, 1024).decode("latin-1")
        until_s = min(time.monotonic() + ANSWER_S, began_s + PIECES_S)
    return answer


def colours_of(color_system: str | None) -> Colours:
    """By what the screen's library found."""
    known = {"truecolor": Colours.TRUE, "256": Colours.PALETTE}
    return known.get(color_system or "", Colours.BASIC)
