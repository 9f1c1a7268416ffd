"""Terminals that claim more than they can, or answer when nobody asks any more."""

import asyncio
import fcntl
import os
import pty
import re
import shutil
import struct
import termios
from pathlib import Path

import pytest

from support.program import daemon, environment, looking
from support.tmux import terminal, tui

pytestmark = pytest.mark.e2e
CELLS = re.compile("[\u2580-\u259f]{8}")
ANSWER = (
    b"\x1bP>|kitty(0.42.1)\x1b\\", b"\x1b_Gi=31", b";OK\x1b",
    b"\\\x1b[6;18", b";9t\x1b[?62;4", b"c",
)  # fmt: skip


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
async def test_pixels_that_are_never_drawn_become_cells_by_the_palette(
    tmp_path: Path, demo_clip: Path
) -> None:
    """tmux is told to be one that takes kitty's graphics, and shows none."""
    state = tmp_path / "state"
    async with looking(state, demo_clip):
        command = tui("--socket", state / "api.sock", "--pictures", "kitty", "--colours", "256")
        async with terminal(tmp_path, command, LC_ALL="C.UTF-8") as at:
            await at.sees("m Match n Not a match")
            assert not CELLS.search(await at.text())
            await at.press("C-p")
            await at.sees("Search for commands")
            await at.type("faces in quadrants")
            await at.sees("Faces in quadrants, if they look broken here")
            await at.press("enter")
            await at.until(lambda text: len(CELLS.findall(text)) > 20, "faces in cells")
            await at.sees("faces are drawn in quadrants until you leave")


async def test_an_answer_that_comes_late_and_in_pieces_is_typed_nowhere(tmp_path: Path) -> None:
    """It would fill the field with `Gi=31;OK`, and `c` would open the cameras."""
    async with daemon(tmp_path / "state"):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        settings = environment(TERM="xterm-256color", LC_ALL="C.UTF-8")
        process = await asyncio.create_subprocess_exec(
            *tui("--socket", tmp_path / "state" / "api.sock"),
            env={name: value for name, value in settings.items() if not name.startswith("TMUX")},
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        shown = bytearray()
        asyncio.get_running_loop().add_reader(ours, lambda: shown.extend(os.read(ours, 65536)))

        async def sees(words: bytes) -> None:
            async with asyncio.timeout(30):
                while words not in shown:
                    await asyncio.sleep(0.05)

        try:
            await sees(b"Add a camera")
            os.write(ours, b"a")
            await sees(b"as people call it")
            for piece in ANSWER:
                os.write(ours, piece)
                await asyncio.sleep(0.15)
            os.write(ours, b"rtsp:/")
            await sees(b"rtsp:/")
            os.write(ours, b"/mine")
            await sees(b"/mine")
            assert not re.search(rb"62;4|Gi=31|kitty\(0", shown[shown.index(b"as people") :])
            os.write(ours, b"\x1b")
            await asyncio.sleep(0.5)
            os.write(ours, b"q")
            async with asyncio.timeout(20):
                assert await process.wait() == 0
        finally:
            asyncio.get_running_loop().remove_reader(ours)
            os.close(ours)
            if process.returncode is None:
                process.kill()
            await process.wait()
