"""The terminal as its user has it: a real one, by keys, on a daemon in a process of its own."""

import asyncio
import re
import shutil
import time
from pathlib import Path

import pytest

from lfrd.demo.clip import listed_photo
from lfrd.demo.stream import rtsp_stream
from lfrd.wire.cameras import CameraCreate
from support.program import daemon, enrol, look_for
from support.tmux import Tmux, terminal, tui

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
CELLS = re.compile("[▘▝▖▗▀▄▌▐▞▚▛▜▙▟]")
UTF8 = {"LC_ALL": "C.UTF-8"}
PLAN = (
    "to keep out banned visitors", "the entrance", "they were banned from here", "DPIA 7",
    "sign at the door",
)  # fmt: skip


async def test_from_an_empty_daemon_to_the_exported_record(tmp_path: Path, demo_clip: Path) -> None:
    photo, record = tmp_path / "astronaut.jpg", tmp_path / "record.html"
    photo.write_bytes(listed_photo())
    state = tmp_path / "state"
    async with (
        rtsp_stream(demo_clip) as address,
        daemon(state),
        terminal(tmp_path, tui("--socket", state / "api.sock"), **UTF8) as at,
    ):
        await plan(at, address, photo)
        await at.press("s")
        await at.sees("a new candidate")
        await decide(at)
        await end_and_export(at, record)
        await leave(at, "Write to a file")
        await leave(at, "+ Extend")
        await at.press("q")
        await at.ended(0)
    assert "to keep out banned visitors" in record.read_text()
    assert "P-001" not in record.read_text()


async def fill(at: Tmux, text: str, key: str) -> None:
    """Into the field that the keys are on, and on."""
    await at.type(text)
    await at.sees(text[-12:])
    await at.press(key)


async def leave(at: Tmux, words: str) -> None:
    """By Esc what says these words; a key pressed before it is gone would be one with Alt."""
    await at.press("Escape")
    await at.until(lambda text: words not in " ".join(text.split()), f"end of {words}")


async def plan(at: Tmux, address: str, photo: Path) -> None:
    """From nothing to a plan that may start."""
    await at.sees("▶ 1 Add a camera")
    await at.press("a")
    await at.sees("as people call it")
    await at.type(address)
    await at.press("Enter")
    await at.sees("▶ 2 Make a watchlist")
    await at.press("a")
    await at.sees("such as House bans")
    await at.type("House bans")
    await at.press("Enter")
    await at.sees("▶ 3 Put a person on it")
    await at.press("a")
    await at.sees("Put a person on a list")
    for text in (str(photo), "ban of 3 May", "incident 12"):
        await fill(at, text, "Tab" if text != "incident 12" else "Enter")
    await at.sees("▶ 4 Plan a deployment")
    await at.press("a")
    await at.sees("such as keeping out")
    for text in PLAN:
        await fill(at, text, "Tab" if text != PLAN[-1] else "Enter")
    await at.sees("it must be authorised first")
    await at.press("u")
    await at.sees("Start gate: open")


def both_faces(text: str) -> bool:
    """Whether some rows have cells of a picture on their left and on their right."""
    rows = [row for row in text.splitlines() if CELLS.search(row[27:50]) and CELLS.search(row[58:])]
    return len(rows) > 10


async def decide(at: Tmux) -> None:
    """About the faces: looked at in full size first, then decided where they stand."""
    await at.sees("m Match n Not a match")
    await at.until(both_faces, "two faces")
    await at.press("Enter")
    await at.sees("Flicker")
    await leave(at, "Flicker")
    deadline = time.monotonic() + 20
    while "match on P-001" not in " ".join((await at.text()).split()):
        assert time.monotonic() < deadline, await at.text()
        await at.press("m")
        await asyncio.sleep(0.2)
    await at.sees("on P-001 is final")


async def end_and_export(at: Tmux, record: Path) -> None:
    """End with a reason, and write the public record to a file."""
    await at.press("E")
    await at.sees("End the deployment now: why?")
    await at.type("the day is over")
    await at.press("Enter")
    await at.sees("No deployment is running")
    await at.press("d")
    await at.sees("– to keep out banned")
    await at.press("r")
    await at.sees("1 right (0 confirmed)")
    await at.press("w")
    await at.sees("Write the record to a file")
    await at.press("Tab")
    await at.type(str(record))
    await at.press("Enter")
    await at.sees("the record is in")


async def test_without_utf_8_and_colours_it_can_be_worked_with(
    tmp_path: Path, demo_clip: Path
) -> None:
    state = tmp_path / "state"
    async with rtsp_stream(demo_clip) as address, daemon(state) as (_, client):
        await client.add_camera(CameraCreate(id="gate", address=address))
        await look_for(client, await enrol(client))
        plain = {"LC_ALL": "C", "LANG": "C", "TERM": "vt220"}
        command = tui("--socket", state / "api.sock")
        async with terminal(tmp_path, command, (120, 40), **plain) as at:
            text = await at.sees("m Match n Not a match")
            assert text.isascii(), sorted({letter for letter in text if not letter.isascii()})
            await at.press("?")
            await at.sees("not a match")
            await leave(at, "Esc closes")
            await at.press("c")
            assert (await at.sees("live since")).isascii()
