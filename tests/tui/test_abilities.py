"""What a terminal's answer means, and what is presumed where it gives none."""

import pytest

from lfrd.errors import UserError
from tui import abilities
from tui.abilities import Abilities, Colours, Glyphs, Pixels, colours_of, encoding_of, judged

KITTY = "\x1bP>|kitty(0.42.1)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;c"
FOOT = "\x1bP>|foot(1.20.2)\x1b\\\x1b[6;20;10t\x1b[?62;4;22c"
XTERM = "\x1bP>|XTerm(390)\x1b\\\x1b[?64;1;2c"


@pytest.mark.parametrize(
    ("answer", "env", "wanted"),
    [
        (KITTY, {}, Abilities(Glyphs.OCTANTS, Pixels.KITTY, 2.0)),
        (FOOT, {}, Abilities(Glyphs.OCTANTS, Pixels.SIXEL, 2.0)),
        (XTERM, {}, Abilities(Glyphs.QUADRANTS)),
        ("\x1bP>|VTE(7600)\x1b\\\x1b[?61;c", {}, Abilities(Glyphs.SEXTANTS)),
        ("", {"VTE_VERSION": "7600"}, Abilities(Glyphs.SEXTANTS)),
        ("", {"TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203"},
         Abilities(Glyphs.SEXTANTS)),
        ("", {"TERM": "linux"}, Abilities(Glyphs.HALVES)),
        ("", {}, Abilities(Glyphs.QUADRANTS)),
        ("\x1bP>|kitty(nonsense)\x1b\\\x1b[6;0;0t\x1b[?c", {}, Abilities(Glyphs.QUADRANTS)),
    ],
)  # fmt: skip
def test_the_best_that_it_surely_has_is_taken(
    answer: str, env: dict[str, str], wanted: Abilities
) -> None:
    assert judged(answer, env, "UTF-8") == wanted


def test_without_utf_8_there_are_spaces_with_colours() -> None:
    assert judged(KITTY, {}, "ascii").glyphs is Glyphs.SPACES
    assert judged("", {}, "ISO-8859-1").glyphs is Glyphs.SPACES


def test_the_locale_that_is_set_says_what_the_terminal_takes() -> None:
    assert encoding_of({"LANG": "C"}, "utf-8") == "ascii"
    assert encoding_of({"LANG": "de_DE.ISO-8859-1"}, "utf-8") == "iso88591"
    assert encoding_of({"LC_ALL": "C.UTF-8", "LANG": "C"}, "ascii") == "utf-8"
    assert encoding_of({"LC_ALL": "", "LANG": "en_GB.utf8"}, "ascii") == "utf-8"
    assert encoding_of({}, "utf-8") == "utf-8"


def test_a_terminal_that_claims_too_much_is_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "_ask", lambda: FOOT)
    assert abilities.abilities("quadrants") == Abilities(Glyphs.QUADRANTS, None, 2.0)
    assert abilities.abilities("sixel").pixels is Pixels.SIXEL
    with pytest.raises(UserError, match="octants"):
        abilities.abilities("everything")


def test_colours_are_those_that_the_screens_library_found() -> None:
    assert [colours_of(name) for name in ("truecolor", "256", "standard", None)] == [
        Colours.TRUE, Colours.PALETTE, Colours.BASIC, Colours.BASIC
    ]  # fmt: skip
