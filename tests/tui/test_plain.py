"""The screen in ASCII."""

import pytest

from tui.plain import plain


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("╭─ Help ─╮", "+- Help -+"),
        ("✓ match · ▲ René", "v match . ! Rene"),
        ("漢字", "????"),
        ("\x1b[1;31m● live\x1b[0m", "\x1b[1;31m* live\x1b[0m"),
        ("plain", "plain"),
    ],
)
def test_each_sign_is_one_that_every_terminal_has(given: str, wanted: str) -> None:
    assert plain(given) == wanted
