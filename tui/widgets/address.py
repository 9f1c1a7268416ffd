"""The field for a camera's address: what is secret in it is dots as soon as it is typed.

The address of a camera often holds a password. The operator types it here once, and no answer of
the daemon ever brings it back. Where it is not clear what is secret, more is hidden than needed.
"""

import re

from rich.text import Text
from textual.widgets import Input

DOT = "•"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORT = re.compile(r"\d{0,5}(?![^/?#])")
_SECRET_VALUE = re.compile(
    r"(?i)(?:pass?(?:word|wd)?|pwd?|token|secret|auth|code|key|pin|sig(?:nature)?)=([^&/;?#\s]+)"
)


def masked(text: str) -> str:
    """The text, each character of a password or token a dot; as long as it was.

    A password is what stands between the first colon of the user part and the last `@`; while no
    `@` has been typed, all that follows a colon and cannot be a port.
    """
    hidden = [found.span(1) for found in _SECRET_VALUE.finditer(text)]
    hidden.append(_password(text))
    letters = list(text)
    for start, end in hidden:
        letters[start:end] = DOT * (end - start)
    return "".join(letters)


def _password(text: str) -> tuple[int, int]:
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    at = text.rfind("@")
    colon = text.find(":", start)
    if 0 <= colon < at:
        return colon + 1, at
    in_brackets = text.startswith("[", start)  # an IPv6 address
    if scheme is None or at >= 0 or colon < 0 or in_brackets or _PORT.match(text, colon + 1):
        return 0, 0
    return colon + 1, len(text)


class AddressInput(Input):
    """An Input that draws and copies its text masked."""

    @property
    def _value(self) -> Text:
        return Text(masked(self.value), no_wrap=True, overflow="ignore", end="")

    @property
    def selected_text(self) -> str:
        """What would be copied."""
        start, end = sorted(self.selection)
        return masked(self.value)[start:end]
