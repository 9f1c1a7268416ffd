"""Telling the desktop that something waits: a sequence that the terminal makes a notification of.

It says that a candidate waits and nothing about whom: it stays on the desktop, and on the lock
screen, of whoever sits there.
"""

from enum import StrEnum

TITLE = "lfrd"


class Notify(StrEnum):
    """Which sequence the terminal knows: OSC 9 (iTerm2, ConEmu, Windows Terminal, kitty, foot),
    OSC 777 (rxvt, VTE, Konsole, ghostty, foot)."""

    OFF = "off"
    OSC9 = "osc9"
    OSC777 = "osc777"


def sequence(kind: Notify, words: str, *, in_tmux: bool) -> str:
    """What is written to the terminal; through tmux it is handed on as it is, which tmux must be
    told to allow (`set -g allow-passthrough on`)."""
    said = "".join(letter for letter in words if letter.isprintable() and letter != ";")
    match kind:
        case Notify.OFF:
            return ""
        case Notify.OSC9:
            told = f"\x1b]9;{TITLE}: {said}\x1b\\"
        case Notify.OSC777:
            told = f"\x1b]777;notify;{TITLE};{said}\x1b\\"
    if in_tmux:
        doubled = told.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    return told
