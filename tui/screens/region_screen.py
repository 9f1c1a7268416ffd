"""Drawing a camera's regions on its picture, with keys or the mouse."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Static

from lfrd.client import Client
from lfrd.errors import Changed, LfrdError
from lfrd.wire.cameras import Camera, CameraChange
from tui.drawing import COARSE, LEGEND, STEP, Drawing, Kind
from tui.labels import complaint
from tui.widgets.line import Line
from tui.widgets.picture import Picture, decode

if TYPE_CHECKING:
    from PIL.Image import Image

    from tui.widgets.picture import ImageClass

KEYS = "Space corner · Bksp back · i look in · h hide · x remove · ^S saves"


class RegionScreen(ModalScreen[Camera | None]):
    """Nothing is changed before Ctrl+S; Esc leaves everything as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("ctrl+s", "save", "Save", show=False),
        Binding("space,enter", "corner", "Corner", show=False),
        Binding("backspace", "back", "Back", show=False),
        Binding("i", "close('include')", "Look in", show=False),
        Binding("h", "close('privacy')", "Hide", show=False),
        Binding("x", "remove", "Remove", show=False),
        Binding("r", "again", "Look again", show=False),
        *(
            Binding(f"{prefix}{key}", f"move({dx * size}, {dy * size})", show=False)
            for prefix, size in (("", STEP), ("shift+", COARSE))
            for key, dx, dy in (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1))
        ),
    ]

    def __init__(self, client: Client, camera: Camera, image_class: "ImageClass") -> None:
        super().__init__()
        self._client = client
        self._camera = camera
        self._picture = Picture(image_class, id="preview")
        self._said = Line(id="drawn")
        self._tag: str | None = None
        self._drawing = Drawing(camera.regions)
        self._cells: Image | None = None
        self._leaving = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue preview") as box:
            box.border_title = f"Where to look through {escape(self._camera.name)}"
            box.border_subtitle = KEYS
            yield self._picture
            yield self._said
            yield Static(legend_content(self._camera), markup=False)

    def on_mount(self) -> None:
        self.action_again()

    def action_again(self) -> None:
        self._picture.say("◌ connecting")
        self._load()

    @work(group="preview", exclusive=True)
    async def _load(self) -> None:
        try:
            if self._tag is None:
                await self._read_camera()
            self._cells = decode(await self._client.camera_preview(self._camera.id), "preview")
        except LfrdError as error:
            self._picture.say(f"✗ {' '.join(str(error).split())}")
        else:
            self._draw()

    async def _read_camera(self) -> None:
        """As it is now; regions that were not touched here are those."""
        before = self._camera
        try:
            self._camera, self._tag = await self._client.read_again(before)
        except LfrdError as error:
            self._said.show(complaint(str(error)))
        if self._drawing.regions == before.regions:
            self._drawing = replace(self._drawing, regions=self._camera.regions)

    def _draw(self) -> None:
        if self._cells is not None:
            self._picture.show(self._drawing.over(self._cells, self._camera.width_px))
        drawn, regions = self._drawing, self._drawing.regions
        corners = f"{len(drawn.corners)} corners so far · " if drawn.corners else ""
        self._said.show(
            Content(
                f"{corners}{len(regions.include)} to look in, {len(regions.privacy)} hidden · "
                f"cursor at {drawn.x:.2f},{drawn.y:.2f}"
            )
        )

    def _take(self, drawing: Drawing | None, refusal: str) -> None:
        if drawing is None:
            self._said.show(complaint(refusal))
        else:
            self._drawing = drawing
            self._draw()

    def action_move(self, right: float, down: float) -> None:
        self._take(self._drawing.move(right, down), "")

    def action_corner(self) -> None:
        self._take(self._drawing.corner(), "")

    def action_back(self) -> None:
        self._take(self._drawing.back(), "")

    def action_close(self, kind: Kind) -> None:
        self._take(self._drawing.close(kind), "a region has three corners at least: Space sets one")

    def action_remove(self) -> None:
        self._take(self._drawing.remove(), "no region is under the cursor")

    def on_click(self, event: Click) -> None:
        """A corner where the mouse is."""
        place = self._picture.query_one(".image").region
        if place.width and place.contains(event.screen_x, event.screen_y):
            x = (event.screen_x - place.x + 0.5) / place.width
            y = (event.screen_y - place.y + 0.5) / place.height
            self._take(self._drawing.at(x, y).corner(), "")

    def action_save(self) -> None:
        if self._drawing.corners:
            self._said.show(complaint("i looks in what you drew, h hides it, Backspace takes back"))
        elif self._drawing.regions == self._camera.regions:
            self.dismiss(None)
        else:
            self._save()

    @work(group="save", exclusive=True)
    async def _save(self) -> None:
        change = CameraChange(regions=self._drawing.regions)
        try:
            self.dismiss(await self._client.change_camera(self._camera.id, change, self._tag))
        except Changed:
            await self._read_camera()
            others = self._camera.regions
            self._said.show(
                complaint(
                    f"somebody else changed this camera meanwhile: {len(others.include)} to look "
                    f"in, {len(others.privacy)} hidden there now. Ctrl+S puts yours over it"
                )
            )
        except LfrdError as error:
            self._said.show(complaint(str(error)))

    def action_leave(self) -> None:
        """What was drawn and not saved is not lost by one key."""
        changed = self._drawing.corners or self._drawing.regions != self._camera.regions
        if changed and not self._leaving:
            self._leaving = True
            self._said.show(complaint("not saved yet: Ctrl+S saves, Esc again leaves it"))
        else:
            self.dismiss(None)


def legend_content(camera: Camera) -> Content:
    """What the lines mean; ovals only where the camera's size is known."""
    known = LEGEND if camera.width_px else LEGEND[:2]
    parts = [(f"{text}   ", f"rgb({rgb[0]},{rgb[1]},{rgb[2]})") for text, rgb in known]
    return Content.assemble(*parts)
