"""What the screen looks like: themes whose texts can be read on all their grounds.

Every state is a sign and a word besides its colour. The colours of states are Okabe and Ito's in
the first two themes, told apart with any colour vision; the greys are grey enough to stay so where
a terminal has 256 colours. `tests/tui/test_themes.py` measures every text on every ground.
"""

from textual.theme import Theme

TEXTS = ("foreground", "quiet", "primary", "accent", "success", "warning", "error", "decided",
         "unread")  # fmt: skip
"""Colours in which words are written ..."""
GROUNDS = ("background", "surface", "panel", "selection", "well")
"""... and what they may stand on."""
PAIRS = (("on-lab", "lab"), ("on-error", "error"), ("footer-key-foreground", "footer-background"))
"""What stands on a ground of its own."""


def _theme(name: str, *, dark: bool, **colours: str) -> Theme:
    variables = {
        "quiet": colours["quiet"],
        "frame": colours["frame"],
        "well": colours["well"],
        "selection": colours["selection"],
        "decided": colours["primary"],
        "unread": colours["unread"],
        "lab": colours["lab"],
        "on-lab": colours["on_lab"],
        "on-error": colours["on_error"],
        "text-disabled": colours["quiet"],
        "footer-key-foreground": colours["primary"],
        "footer-background": colours["panel"],
    }
    return Theme(
        name=name, dark=dark, primary=colours["primary"], secondary=colours["quiet"],
        accent=colours["primary"], success=colours["success"], warning=colours["warning"],
        error=colours["error"], foreground=colours["foreground"],
        background=colours["background"], surface=colours["background"], panel=colours["panel"],
        variables=variables,
    )  # fmt: skip


THEMES = (
    _theme(
        "dark", dark=True, primary="#7cb7ff", success="#2fb58f", warning="#e6a01e",
        error="#f58350", foreground="#dfe6ee", background="#0e1218", panel="#1e2228",
        quiet="#a3b0c0", frame="#343a45", well="#0a0d12", selection="#2e343f", unread="#f0e442",
        lab="#f0e442", on_lab="#101010", on_error="#101010",
    ),
    _theme(
        "light", dark=False, primary="#0a4f9e", success="#00563e", warning="#6b4500",
        error="#8f2a00", foreground="#1a1d21", background="#f4f5f7", panel="#e3e6ea",
        quiet="#474f59", frame="#9aa3ad", well="#dcdfe4", selection="#cdd6e2", unread="#7a2456",
        lab="#7a2456", on_lab="#ffffff", on_error="#ffffff",
    ),
    _theme(
        "contrast", dark=True, primary="#8fd0ff", success="#5fffaf", warning="#ffd75f",
        error="#ffaf87", foreground="#ffffff", background="#000000", panel="#1c1c1c",
        quiet="#d0d0d0", frame="#8a8a8a", well="#000000", selection="#303030", unread="#ffff5f",
        lab="#ffff5f", on_lab="#000000", on_error="#000000",
    ),
    _theme(
        "colour-blind", dark=True, primary="#56b4e9", success="#56b4e9", warning="#f0e442",
        error="#ffc8e2", foreground="#f2f2f2", background="#101010", panel="#202020",
        quiet="#b8b8b8", frame="#4a4a4a", well="#0a0a0a", selection="#333333", unread="#f0e442",
        lab="#f0e442", on_lab="#101010", on_error="#101010",
    ),
)  # fmt: skip
"""The last has blue, yellow and pink for good, doubtful and bad: no red beside green, and three
clearly different lightnesses."""

NAMES = tuple(theme.name for theme in THEMES)
