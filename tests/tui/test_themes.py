"""Every word of every theme can be read where it stands."""

from itertools import product

import numpy as np
import pytest
from textual.color import Color
from textual.theme import Theme

from lfrd.cli.desk_options import NOTIFY, PICTURES
from lfrd.cli.desk_options import THEMES as OFFERED
from lfrd.config import TerminalSection
from tui.abilities import CHOICES
from tui.notify import Notify, sequence
from tui.themes import GROUNDS, NAMES, PAIRS, TEXTS, THEMES

TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
"""Linear light to Oklab (Ottosson 2020)."""
CONTRAST = 4.5
"""WCAG 2.2, 1.4.3."""


def luminance(colour: Color) -> float:
    parts = [part / 255 for part in colour.rgb]
    light = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminance(Color.parse(c)) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=NAMES)
def test_each_text_on_each_ground_has_contrast(theme: Theme) -> None:
    colours = theme.to_color_system().generate() | theme.variables
    pairs = [*product(TEXTS, GROUNDS), *PAIRS]
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: round(c, 2) for pair, c in found.items() if c < CONTRAST} == {}


def seen_by(colour: str, kind: str) -> tuple[float, ...]:
    """As somebody without one kind of cones sees it (Viénot, Brettel and Mollon 1999), Oklab."""
    red, blue = {"protan": (0.11238, 0.00401), "deutan": (0.29275, -0.02234)}[kind]
    rows = np.array([[red, 1 - red, 0], [red, 1 - red, 0], [blue, -blue, 1]])
    srgb = np.array(Color.parse(colour).rgb) / 255
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4) @ rows.T
    return tuple((np.cbrt(np.clip(light, 0, 1) @ TO_CONES.T) @ TO_LAB.T).tolist())


@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_good_doubtful_and_bad_differ_without_red_and_green(kind: str) -> None:
    theme = next(t for t in THEMES if t.name == "colour-blind")
    states = [seen_by(str(c), kind) for c in (theme.success, theme.warning, theme.error)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        apart = sum((a - b) ** 2 for a, b in zip(states[one], states[other], strict=True)) ** 0.5
        assert apart > 0.1


def test_options_configuration_and_screen_know_the_same_words() -> None:
    fields = TerminalSection.model_fields
    assert NAMES == OFFERED == fields["theme"].annotation.__args__  # type: ignore[union-attr]
    assert CHOICES == PICTURES == fields["pictures"].annotation.__args__  # type: ignore[union-attr]
    assert tuple(Notify) == NOTIFY == fields["notify"].annotation.__args__  # type: ignore[union-attr]


def test_a_notification_commands_nothing_and_passes_through_tmux() -> None:
    assert sequence(Notify.OFF, "x", in_tmux=False) == ""
    told = sequence(Notify.OSC9, "a\x1b]0;b", in_tmux=False)
    assert told == "\x1b]9;lfrd: a]0b\x1b\\"
    told = sequence(Notify.OSC777, "a candidate", in_tmux=True)
    assert told == "\x1bPtmux;\x1b\x1b]777;notify;lfrd;a candidate\x1b\x1b\\\x1b\\"
