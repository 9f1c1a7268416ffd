"""Pictures of every screen, for the docs: the demo's daemon, camera and person, driven by keys.

    python -m benchmarks.screenshots [FOLDER]

Writes an SVG and a PNG each (default: docs/img). The only face in them is the astronaut's: all
others are cells that show nobody, as they are for operators.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"

from textual.pilot import Pilot

from benchmarks.terminal_picture import save
from lfrd.cli import demo
from lfrd.cli.temporary import lab_site
from lfrd.client import Client
from lfrd.config import CameraSection, load
from lfrd.demo.clip import listed_photo
from lfrd.demo.stream import rtsp_stream
from lfrd.site import Site
from lfrd.wire.health import Me
from support.terminal import NOW_S, Desk, alert, text_of, until
from tui.abilities import Abilities, Glyphs
from tui.app import OperatorApp
from tui.screens.main import MainScreen
from tui.widgets.picture import Picture, image_widget

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "img"
WAIT_S = 60.0
SETTLE_S = 1.5
KEYS_TYPED = 3
"""More of them are a text."""
SIZE = (120, 40)
SCREENS = (
    ("compare", ("enter",)),
    ("help", ("question_mark",)),
    ("palette", ("ctrl+p",)),
    ("filter", ("F",)),
    ("reason", ("r", *"same scar")),
    ("scene", ("s",)),
    ("cameras", ("c",)),
    ("watchlists", ("l",)),
    ("deployments", ("d",)),
    ("camera-history", ("c", "H")),
)
"""What opens each screen, from the candidates."""
AFTERWARDS = (
    ("record", ("d", "r")),
    ("history", ("h",)),
    ("statistics", ("S", "d")),
    ("log", ("A",)),
)
"""The same, once the deployment has ended."""


async def shoot(pilot: Pilot[None], folder: Path, name: str) -> None:
    """Write what is on the screen."""
    await pilot.pause(SETTLE_S)
    save(pilot.app.screen._compositor.render_strips(), folder / name)
    print(f"{name}: {(folder / name).with_suffix('.png').stat().st_size // 1024} KB")


async def show(pilot: Pilot[None], main: MainScreen, folder: Path) -> None:
    """Each screen once, from the first candidate to the log."""
    await until(pilot, lambda: main.candidates.undecided_count, WAIT_S)
    await until(pilot, lambda: all(p.drawn_px for p in main.query(Picture)), WAIT_S)
    await shoot(pilot, folder, "review")
    await pilot.resize_terminal(80, 24)
    await shoot(pilot, folder, "review-small")
    await pilot.resize_terminal(*SIZE)
    for name, keys in SCREENS:
        await open_and_shoot(pilot, main, folder, name, keys)
    await pilot.pause(SETTLE_S)  # a key that comes before both faces were looked at decides nothing
    await pilot.press("m")
    await until(pilot, lambda: "final in" in text_of(pilot), WAIT_S)
    await shoot(pilot, folder, "undo")
    await until(pilot, lambda: "final in" not in text_of(pilot), WAIT_S)
    await pilot.press("k")
    await shoot(pilot, folder, "decided")
    await pilot.press("E", *"the shift is over", "enter")
    await until(pilot, lambda: not main.is_deployed, WAIT_S)
    for name, keys in AFTERWARDS:
        await open_and_shoot(pilot, main, folder, name, keys)


async def open_and_shoot(
    pilot: Pilot[None], main: MainScreen, folder: Path, name: str, keys: tuple[str, ...]
) -> None:
    """Open a screen from the candidates, and go back to them."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.3 if len(keys) <= KEYS_TYPED else 0)
    await shoot(pilot, folder, name)
    for _ in range(5):
        if pilot.app.screen is main:
            break
        await pilot.press("escape")
        await pilot.pause(0.3)


async def show_disagreement(folder: Path) -> None:
    """Two reviewers disagree, which the demo's rules do not know: the screen on answers from
    memory, with the astronaut's photos."""
    photo = listed_photo()
    desk = Desk(
        alert(1, reference="astronaut").model_copy(update={"escalated": True}),
        alert(2, reference="K-0471", raised_at_s=NOW_S - 400),
    )
    desk.photos = {"probe": photo, "reference": photo}
    desk.me_held = Me(principal="user:chris", role="supervisor")
    made = image_widget(Abilities(Glyphs.OCTANTS))
    app = OperatorApp(cast(Client, desk), made, desk.now)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "The reviewers disagree" in text_of(pilot), WAIT_S)
        await shoot(pilot, folder, "disagreement")


async def run(site: Site, folder: Path) -> None:
    """The empty screen, then the demo's deployment."""
    async with Client.over_socket(site.config.socket_path, printable=True) as client:
        app = OperatorApp(client, image_widget(Abilities(Glyphs.OCTANTS)))
        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, lambda: "health ok" in text_of(pilot), WAIT_S)
            await shoot(pilot, folder, "empty")
            await demo._start(site, None)
            await show(pilot, app.main, folder)
    await site.deployments.until_over()


async def main(folder: Path) -> None:
    """Open the demo's site, and take the pictures."""
    config = load(None, {})
    with tempfile.TemporaryDirectory() as place:
        clip = Path(place) / "passers-by.mp4"
        await demo._clip(config, clip, quiet=True)
        async with rtsp_stream(clip) as address:
            camera = CameraSection(id=demo.CAMERA, name="Demo street", address=address)
            async with lab_site(config, camera, report=lambda _: None, with_api=True) as site:
                await run(site, folder)
    await show_disagreement(folder)


if __name__ == "__main__":
    wanted = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    wanted.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(wanted))
