"""The screen on a terminal that takes no UTF-8: each sign as one that every terminal has."""

import unicodedata

from rich.cells import cell_len
from textual.drivers.linux_driver import LinuxDriver

_ALIKE = {
    "+": "╭╮╰╯┌┐└┘├┤┬┴┼", "-": "─━▔▁╍–—╌╴╶", "|": "│┃▏▕▎▊▉▋▌▐▍", "#": "█▒░▓▇▆▅▄▃▂▀■",
    "*": "●", "o": "○◯", ".": "◌…·", "v": "✓↓", "x": "✗×⊘", "!": "▲", "=": "▮", "@": "◷", "~": "≈",
    "%": "◐", ">": "▶›→", "<": "‹←", "^": "↑", "'": "‘’", '"': "“”",
}  # fmt: skip
_TABLE = {ord(sign): plain for plain, signs in _ALIKE.items() for sign in signs}


def plain(text: str) -> str:
    """As wide as it was, in ASCII: a letter without its accent, what is not known as `?`."""
    if text.isascii():
        return text
    alike = text.translate(_TABLE)
    return alike if alike.isascii() else "".join(map(_plain_letter, alike))


def _plain_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    width = cell_len(letter)
    bare = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return bare if len(bare) == width else "?" * width


class PlainDriver(LinuxDriver):
    """Writes nothing but ASCII."""

    def write(self, data: str) -> None:
        super().write(plain(data))
