"""Whoever sits at the terminal: presses keys, types, and reads what it shows. One walk of a shift
goes through the app in this process and through a real terminal alike."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from textual.events import Paste
from textual.pilot import Pilot

from support.terminal import text_of

WAIT_S = 40.0


class Hands(ABC):
    """`pressed` counts keys, which names that are typed are not."""

    pressed = 0

    async def press(self, *keys: str) -> None:
        """Keys by their names in Textual, one after the other."""
        self.pressed += len(keys)
        for key in keys:
            await self.strike(key)

    @abstractmethod
    async def strike(self, key: str) -> None:
        """Press one key."""

    @abstractmethod
    async def type(self, text: str) -> None:
        """Into the field that the keys are on."""

    @abstractmethod
    async def text(self) -> str:
        """What the terminal shows, its lines as they are."""

    async def sees(self, words: str, limit_s: float = WAIT_S) -> str:
        """Wait for these words, line breaks aside; the text they are in."""
        return await self.until(lambda text: words in " ".join(text.split()), words, limit_s)

    async def until(self, holds: Callable[[str], bool], what: str, limit_s: float = WAIT_S) -> str:
        """Wait for a screen of which this holds."""
        deadline = time.monotonic() + limit_s
        while not holds(text := await self.text()):
            assert time.monotonic() < deadline, f"no {what!r} within {limit_s} s:\n{text}"
            await asyncio.sleep(0.1)
        return text

    async def fill(self, text: str, key: str) -> None:
        """Into the field that the keys are on, and on."""
        await self.type(text)
        ends = text[:12], text[-12:]  # of a long one the field shows either
        await self.until(lambda shown: any(end in shown for end in ends), text)
        await self.press(key)

    async def leave(self, words: str) -> None:
        """By Esc what says these words; a key pressed before it is gone would be one with Alt."""
        await self.press("escape")
        await self.until(lambda text: words not in " ".join(text.split()), f"end of {words}")


class AtPilot(Hands):
    """At the app in this process."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot

    async def strike(self, key: str) -> None:
        await self.pilot.press(key)

    async def type(self, text: str) -> None:
        self.pilot.app.post_message(Paste(text))
        await self.pilot.pause()

    async def text(self) -> str:
        await self.pilot.pause()
        return text_of(self.pilot)
