"""From an empty daemon to the first candidate and its record, by keys alone."""

from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from lfrd.client import Client
from lfrd.demo.clip import listed_photo
from lfrd.demo.stream import rtsp_stream
from support.site import serve
from support.terminal import text_of, until
from tui.abilities import Abilities, Glyphs
from tui.app import OperatorApp
from tui.widgets.faces import FacePanel
from tui.widgets.picture import image_widget

WAIT_S = 30.0
KEYS_MAX = 25
PLAN = (
    "to keep out banned visitors", "the entrance", "they were banned from here", "DPIA 7",
    "sign at the door",
)  # fmt: skip


class Typist:
    """Presses keys, which are counted, and types names, which are not."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        self.pressed = 0

    async def press(self, *keys: str) -> None:
        self.pressed += len(keys)
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        self.pilot.app.post_message(Paste(text))
        await self.pilot.pause()

    async def sees(self, words: str) -> None:
        await until(self.pilot, lambda: words in " ".join(text_of(self.pilot).split()), WAIT_S)


@pytest.mark.e2e
@pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated")
async def test_from_an_empty_daemon_to_the_record(tmp_path: Path, demo_clip: Path) -> None:
    photo = tmp_path / "astronaut.jpg"
    photo.write_bytes(listed_photo())
    async with (
        rtsp_stream(demo_clip) as address,
        serve(tmp_path / "state") as served,
        Client.over_socket(served.socket) as client,
    ):
        app = OperatorApp(client, image_widget(Abilities(Glyphs.HALVES)))
        async with app.run_test(size=(80, 24)) as pilot:
            at = Typist(pilot)
            await at.sees("▶ 1 Add a camera")
            await at.press("a")
            await at.type(address)
            await at.press("enter")
            await at.sees("▶ 2 Make a watchlist")
            await at.press("a")
            await at.type("House bans")
            await at.press("enter")
            await at.sees("▶ 3 Put a person on it")
            await at.press("a")
            await at.sees("Put a person on a list")
            await at.type(str(photo))
            await at.press("tab")
            await at.type("ban of 3 May")
            await at.press("tab")
            await at.type("incident 12")
            await at.press("enter")
            await at.sees("▶ 4 Plan a deployment")
            await at.press("a")
            await at.sees("what for")
            for text in PLAN:
                await at.type(text)
                await at.press("tab" if text != "sign at the door" else "enter")
            await at.sees("it must be authorised first")
            await at.press("u")
            await at.sees("Start gate: open")
            await at.press("s")
            await at.sees("a new candidate")
            assert at.pressed <= KEYS_MAX, at.pressed
            print(f"{at.pressed} keys besides typed names and the address")
            await decide(at)
            await end_and_export(at, tmp_path / "record.html")
        record = (tmp_path / "record.html").read_text()
        assert "to keep out banned visitors" in record
        assert "P-001" not in record


async def decide(at: Typist) -> None:
    """About the faces, once they could be seen; then what was done."""
    panel = at.pilot.app.screen.query_one(FacePanel)
    await until(at.pilot, lambda: (panel.seen_s() or 0.0) > 1.0, WAIT_S)
    await at.press("m")
    await at.sees("match on P-001")
    await at.sees("on P-001 is final")


async def end_and_export(at: Typist, file: Path) -> None:
    """End with a reason, and write the public record to a file."""
    await at.press("E")
    await at.sees("End the deployment now: why?")
    await at.type("the day is over")
    await at.press("enter")
    await at.sees("the day is over")
    await at.press("d")
    await at.sees("– to keep out banned")
    await at.press("r")
    await at.sees("1 right (0 confirmed)")
    await at.press("w", "tab")
    await at.type(str(file))
    await at.press("enter")
    await at.sees("the record is in")
