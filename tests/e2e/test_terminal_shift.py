"""A shift as its user has it, by keys alone: from an empty daemon to the first candidate and its
record. In the app itself, and in a real terminal on a daemon in a process of its own."""

import asyncio
import re
import shutil
import time
from pathlib import Path

import pytest

from lfrd.client import Client
from lfrd.demo.clip import listed_photo
from lfrd.demo.stream import rtsp_stream
from support.hands import AtPilot, Hands
from support.program import daemon, looking
from support.site import serve
from support.terminal import app_on
from support.tmux import terminal, tui

pytestmark = pytest.mark.e2e
in_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
CELLS = re.compile("[▘▝▖▗▀▄▌▐▞▚▛▜▙▟]")
UTF8 = {"LC_ALL": "C.UTF-8"}
KEYS_MAX = 25
PLAN = (
    "to keep out banned visitors", "the entrance", "they were banned from here", "DPIA 7",
    "sign at the door",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated")
async def test_from_an_empty_daemon_to_the_record(tmp_path: Path, demo_clip: Path) -> None:
    async with (
        rtsp_stream(demo_clip) as address,
        serve(tmp_path / "state") as served,
        Client.over_socket(served.socket) as client,
    ):
        app = app_on(client)
        async with app.run_test(size=(80, 24)) as pilot:
            await shift(AtPilot(pilot), address, tmp_path)


@in_tmux
async def test_the_same_in_a_real_terminal(tmp_path: Path, demo_clip: Path) -> None:
    state = tmp_path / "state"
    async with (
        rtsp_stream(demo_clip) as address,
        daemon(state),
        terminal(tmp_path, tui("--socket", state / "api.sock"), **UTF8) as at,
    ):
        await shift(at, address, tmp_path)
        await at.ended(0)


async def shift(at: Hands, address: str, folder: Path) -> None:
    """All of it, in a terminal of 80×24."""
    photo, record = folder / "astronaut.jpg", folder / "record.html"
    photo.write_bytes(listed_photo())
    await plan(at, address, photo)
    await at.press("s")
    await at.sees("a new candidate")
    assert at.pressed <= KEYS_MAX, at.pressed
    print(f"{at.pressed} keys besides typed names and the address")
    await decide(at)
    await end_and_export(at, record)
    await at.press("q")
    assert "to keep out banned visitors" in record.read_text()
    assert "P-001" not in record.read_text()


async def plan(at: Hands, address: str, photo: Path) -> None:
    """From nothing to a plan that may start."""
    await at.sees("▶ 1 Add a camera")
    await at.press("a")
    await at.sees("as people call it")
    await at.type(address)
    await at.press("enter")
    await at.sees("▶ 2 Make a watchlist")
    await at.press("a")
    await at.sees("such as House bans")
    await at.type("House bans")
    await at.press("enter")
    await at.sees("▶ 3 Put a person on it")
    await at.press("a")
    await at.sees("Put a person on a list")
    for text in (str(photo), "ban of 3 May", "incident 12"):
        await at.fill(text, "tab" if text != "incident 12" else "enter")
    await at.sees("▶ 4 Plan a deployment")
    await at.press("a")
    await at.sees("such as keeping out")
    for text in PLAN:
        await at.fill(text, "tab" if text != PLAN[-1] else "enter")
    await at.sees("it must be authorised first")
    await at.press("u")
    await at.sees("Start gate: open")


def both_faces(text: str) -> bool:
    """Whether some rows have cells of a picture on their left and on their right."""
    rows = [row for row in text.splitlines() if CELLS.search(row[27:50]) and CELLS.search(row[58:])]
    return len(rows) > 10


async def decide(at: Hands) -> None:
    """About the faces: looked at in full size first, then decided where they stand."""
    await at.sees("m Match n Not a match")
    await at.until(both_faces, "two faces")
    await at.press("enter")
    await at.sees("Flicker")
    await at.leave("Flicker")
    deadline = time.monotonic() + 20
    while "match on P-001" not in " ".join((await at.text()).split()):
        assert time.monotonic() < deadline, await at.text()
        await at.press("m")
        await asyncio.sleep(0.2)
    await at.sees("on P-001 is final")


async def end_and_export(at: Hands, record: Path) -> None:
    """End with a reason, and write the public record to a file."""
    await at.press("E")
    await at.sees("End the deployment now: why?")
    await at.type("the day is over")
    await at.press("enter")
    await at.sees("No deployment is running")
    await at.press("d")
    await at.sees("– to keep out banned")
    await at.press("r")
    await at.sees("1 right (0 confirmed)")
    await at.press("w")
    await at.sees("Write the record to a file")
    await at.press("tab")
    await at.type(str(record))
    await at.press("enter")
    await at.sees("the record is in")
    await at.leave("Write to a file")
    await at.leave("r Record")


@in_tmux
async def test_without_utf_8_and_colours_it_can_be_worked_with(
    tmp_path: Path, demo_clip: Path
) -> None:
    state = tmp_path / "state"
    async with looking(state, demo_clip):
        plain = {"LC_ALL": "C", "LANG": "C", "TERM": "vt220"}
        command = tui("--socket", state / "api.sock")
        async with terminal(tmp_path, command, (120, 40), **plain) as at:
            text = await at.sees("m Match n Not a match")
            assert text.isascii(), sorted({letter for letter in text if not letter.isascii()})
            await at.press("?")
            await at.sees("not a match")
            await at.leave("Esc closes")
            await at.press("c")
            assert (await at.sees("live since")).isascii()
