"""A screen as text: what stands where, and which words are drawn in which style.

A dialogue is taken without the screen behind it, which has a file of its own, and in the smallest
size alone unless it has more to show in a larger one. Pictures are cells of one sign: how faces are
drawn has its own tests.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from functools import cache
from pathlib import Path

from rich.segment import Segment
from rich.style import Style
from textual._context import visible_screen_stack
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.strip import Strip

from support.terminal import text_of
from tui.widgets.picture import Picture

FOLDER = Path(__file__).resolve().parent.parent / "tui" / "snapshots"
RENEW = "RENEW_SNAPSHOTS"
"""Set, it has the files written anew."""
SIZES = ((80, 24), (120, 40), (200, 60))
UNLIKE = re.compile(
    r"\b[0-9a-f]{16,64}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d+(?= min away)"
)
"""Of no two runs alike: digests, ids, and for how long a heartbeat found the clock moved on."""
WAIT_S = 30.0


@dataclass
class Walk:
    """Goes through the screens of an app, each of which is held against its file."""

    pilot: Pilot[None]
    sizes: tuple[tuple[int, int], ...] = SIZES[:2]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def sees(self, words: str) -> None:
        """Wait until this is on the screen, line breaks aside."""
        deadline = time.monotonic() + WAIT_S
        while words not in " ".join(text_of(self.pilot).split()):
            assert time.monotonic() < deadline, f"no {words!r} came:\n{text_of(self.pilot)}"
            await self.pilot.pause(0.02)

    async def shows(self, name: str, *keys: str, after: str = "") -> None:
        """These keys lead to a screen that is as in its file in `sizes`; `after` these words."""
        if keys:
            await self.press(*keys)
        if after:
            await self.sees(after)
        await self._hold(name, self.sizes)

    async def asks(self, name: str, *keys: str, after: str = "", grows: bool = False) -> None:
        """The same of a dialogue, which is left by Esc then; one that `grows` in two sizes."""
        await self.press(*keys)
        deadline = time.monotonic() + WAIT_S
        while not isinstance(self.pilot.app.screen, ModalScreen):
            assert time.monotonic() < deadline, f"{keys} open nothing:\n{text_of(self.pilot)}"
            await self.pilot.pause(0.02)
        if after:
            await self.sees(after)
        await self._hold(name, SIZES[: 1 + grows])
        await self.press("escape")

    async def _hold(self, name: str, sizes: tuple[tuple[int, int], ...]) -> None:
        seen = {}
        for size in sorted(sizes, reverse=self.pilot.app.size != SIZES[0]):
            if size != self.pilot.app.size:
                await self.pilot.resize_terminal(*size)
            seen[size] = await self._settled(f"{size[0]}×{size[1]}")
        hold(name, "\n".join(seen[size] for size in sizes) + "\n")

    async def _settled(self, head: str) -> str:
        """What is drawn once nothing more changes, as the screen draws itself twice a second."""
        app = self.pilot.app
        now, same = "", 0
        while same < 2:
            for box in app.screen.query("Input, TextArea"):
                box.cursor_blink = False  # type: ignore[attr-defined]
            app.main.refresh_all()  # type: ignore[attr-defined]
            await self.pilot.pause(0.01)
            before, now = now, drawn(self.pilot, head)
            same = same + 1 if now == before else 0
        return now


def hold(name: str, now: str) -> None:
    """Fails with the difference where the file of that name says something else."""
    path = FOLDER / f"{name}.txt"
    if RENEW in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_text(now)
    before = path.read_text() if path.exists() else ""
    if now != before:
        lines = unified_diff(
            before.splitlines(), now.splitlines(), path.name, "now", n=1, lineterm=""
        )
        raise AssertionError("\n".join([f"{name} is not as it was (make snapshots)", *lines]))


def drawn(pilot: Pilot[None], head: str) -> str:
    """The screen that is on top: its lines, then each style with the words in it."""
    screen = pilot.app.screen
    visible_screen_stack.set([])
    strips = screen._compositor.render_strips()
    regions = [p.region for p in screen.query(Picture) if p.has_image and p.display]
    lines, styles = [], {}
    for y, strip in enumerate(strips):
        parts = list(_parts(strip, [(r.x, r.right) for r in regions if r.y <= y < r.bottom]))
        lines.append(_plain("".join(words for words, _ in parts)).rstrip())
        for words, style in parts:
            if style and words.strip():
                styles.setdefault(style, []).append(_plain(words).strip())
    said = [f"{style}: {' | '.join(words)}" for style, words in sorted(styles.items())]
    return "\n".join([f"───── {head}", *lines, f"───── styles of {head}", *said])


def _plain(words: str) -> str:
    return UNLIKE.sub(lambda found: re.sub(r"\w", "0", found.group()), words)


def _parts(strip: Strip, pictures: list[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Words with their style; a picture has none."""
    cuts = sorted({cut for pair in pictures for cut in pair if cut < strip.cell_length} - {0})
    at = 0
    for piece in strip.divide([*cuts, strip.cell_length]):
        in_picture = any(left <= at < right for left, right in pictures)
        at += piece.cell_length
        if in_picture:
            yield "#" * piece.cell_length, ""
        else:
            yield from ((text, _style(segment)) for segment in piece if (text := segment.text))


def _style(segment: Segment) -> str:
    return "" if segment.style is None else _said(segment.style)


@cache
def _said(style: Style) -> str:
    return str(style.clear_meta_and_links())
