"""Every camera at once: coarse pictures in which no person can be known, and their states."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Vertical
from textual.content import Content

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.cameras import Camera
from tui.labels import camera_mark, clock_text
from tui.regions import outlined
from tui.screens.help import Topic
from tui.screens.place import BACK, Owner, PlaceScreen, Situation
from tui.widgets.cameras import by_name
from tui.widgets.line import Line
from tui.widgets.picture import Picture, decode

TILE_CELLS = 36
AT_ONCE = 2
"""Pictures that are asked for together: each is a look through a camera, and is logged."""
SHOWN_MAX = 16


class CameraGridScreen(PlaceScreen):
    """Looked through once when it is opened; R looks again."""

    TOPIC: ClassVar[Topic] = "cameras"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "again", "Look again"),
        Binding("n", "page", "Next cameras"),
        Binding("g", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(self, client: Client, owner: Owner, now: Callable[[], float]) -> None:
        super().__init__(client, owner, now)
        self._first = 0
        self._shown: tuple[Camera, ...] = ()
        self._grid = Grid(id="grid")
        self._labels: dict[str, Line] = {}
        self._pictures: dict[str, Picture] = {}

    def body(self) -> ComposeResult:
        yield self._grid

    def read(self) -> None:
        self._fill()

    @work(group="fill", exclusive=True)
    async def _fill(self) -> None:
        """A tile for each camera of this page."""
        cameras = by_name(self._owner.situation().cameras)
        self._shown = cameras[self._first : self._first + SHOWN_MAX]
        await self._grid.remove_children()
        self._labels, self._pictures = {}, {}
        for number, camera in enumerate(self._shown):
            picture = Picture(self._owner.image_class, id=f"tile-{number}")
            label = Line(id=f"tile-label-{number}", classes="tile-label")
            self._pictures[camera.id], self._labels[camera.id] = picture, label
            await self._grid.mount(Vertical(label, picture, classes="tile"))
        self.refresh_all()
        self._look()

    def keys_now(self) -> list[str]:
        """Another page only where there is one."""
        return ["again", *["page"] * (len(self._owner.situation().cameras) > SHOWN_MAX)]

    def action_page(self) -> None:
        total = len(self._owner.situation().cameras)
        self._first = self._first + SHOWN_MAX if self._first + SHOWN_MAX < total else 0
        self._fill()

    def action_again(self) -> None:
        self._look()

    @work(group="look", exclusive=True)
    async def _look(self) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(camera: Camera, picture: Picture) -> None:
            picture.say("◌ connecting")
            async with room:
                try:
                    cells = decode(await self._client.camera_preview(camera.id), "preview")
                    picture.show(outlined(cells, camera.regions))
                except LfrdError as error:
                    picture.say(f"✗ {' '.join(str(error).split())}")

        tiles = [(camera, self._pictures[camera.id]) for camera in self._shown]
        await asyncio.gather(*(one(camera, picture) for camera, picture in tiles))

    def draw(self, known: Situation) -> None:
        columns = max(1, min(len(self._shown), self.size.width // TILE_CELLS))
        self._grid.styles.grid_size_columns = columns
        for camera in known.cameras:
            if (label := self._labels.get(camera.id)) is not None:
                label.show(tile_content(camera))


def tile_content(camera: Camera) -> Content:
    """Name, state, since when."""
    mark = camera_mark(camera.state)
    rates = "" if camera.rates is None else f" · {camera.rates.tracks} faces"
    return Content.assemble(
        (f"{mark.symbol} ", mark.style), (camera.name, "bold"), (f" {mark.word}", mark.style),
        (f" since {clock_text(camera.since_at_s)[:5]}{rates}", "$quiet"),
    )  # fmt: skip
